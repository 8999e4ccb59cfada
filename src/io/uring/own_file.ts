/** Small files of rcopy's own: journals, locked as long as they are open. */
import { errnoError, openFlag } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { EntryLookup, OwnFile } from "../contract/engine.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import type { SystemCalls } from "./system_calls.ts";

const openFlags = openFlag.readWrite | openFlag.noFollow | openFlag.nonblock | openFlag.closeOnExec;
const createFlags = openFlags | openFlag.create | openFlag.exclusive;
const ownMode = 0o600;

/** Where it is: a directory and a name. */
interface Place {
  directory: UringDirectory;
  name: EntryName;
}

export class UringOwnFile implements OwnFile {
  readonly isLocked: boolean;
  readonly found: EntryLookup;
  readonly #calls: SystemCalls;
  readonly #shown: string;
  #fd: number;

  private constructor(calls: SystemCalls, fd: number, shown: string, isLocked: boolean) {
    this.#calls = calls;
    this.#fd = fd;
    this.#shown = shown;
    this.isLocked = isLocked;
    this.found = calls.stat.lookup;
  }

  /** @throws {RcopyError} `exists`, … */
  static create(calls: SystemCalls, directories: Directories, { directory, name }: Place): UringOwnFile {
    const what = `cannot create ${directory.showEntry(name)}`;
    const fd = calls.openat(directories.fd(directory), calls.memory.putName(name), createFlags, ownMode);
    if (fd < 0) throw errnoError(-fd, what, "openat");
    // Whether another run took it away is told by its count of names: some file systems number a file anew at each look.
    const lock = calls.lock(fd);
    if (lock !== "busy" && calls.statFd(fd) >= 0 && calls.stat.links > 0) {
      return new UringOwnFile(calls, fd, directory.showEntry(name), lock === "taken");
    }
    calls.libc.close(fd);
    throw new RcopyError("exists", `${what}: another run took it away`, { errno: "EEXIST" });
  }

  /** `undefined` where another process has the lock, or the name is another file's meanwhile. */
  static open(
    calls: SystemCalls,
    directories: Directories,
    { directory, name }: Place,
  ): UringOwnFile | undefined {
    const { memory, stat } = calls;
    const what = `cannot open ${directory.showEntry(name)}`;
    const parentFd = directories.fd(directory);
    const found = calls.statName(parentFd, memory.putName(name));
    if (found < 0) throw errnoError(-found, what, "statx");
    if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${what}: it is not a file`);
    const fd = calls.openat(parentFd, memory.putName(name), openFlags, 0);
    if (fd < 0) throw errnoError(-fd, what, "openat");
    return UringOwnFile.#lockAndLook(calls, directories, { directory, name }, fd);
  }

  static #lockAndLook(
    calls: SystemCalls,
    directories: Directories,
    { directory, name }: Place,
    fd: number,
  ): UringOwnFile | undefined {
    const { memory, stat } = calls;
    const lock = calls.lock(fd);
    if (lock !== "busy" && calls.statFd(fd) >= 0) {
      const { inode, device, kind } = stat;
      const named = calls.statName(directories.fd(directory), memory.putName(name));
      const isSame = named >= 0 && stat.inode === inode && stat.device === device;
      if (isSame && kind === EntryKind.file) {
        return new UringOwnFile(calls, fd, directory.showEntry(name), lock === "taken");
      }
    }
    calls.libc.close(fd);
    return undefined;
  }

  read(bytesMax: number, offset = 0): Uint8Array<ArrayBuffer> {
    const target = new Uint8Array(bytesMax);
    const count = this.#calls.readAll(this.#fd, target, offset);
    if (count < 0) throw errnoError(-count, `cannot read ${this.#shown}`, "pread");
    return target.subarray(0, count);
  }

  write(offset: number, source: Uint8Array<ArrayBuffer>): void {
    const result = this.#calls.writeAll(this.#fd, source, offset);
    if (result < 0) throw errnoError(-result, `cannot write ${this.#shown}`, "pwrite");
  }

  setSize(bytes: number): void {
    const result = this.#calls.libc.ftruncate(this.#fd, bytes);
    if (result < 0) throw errnoError(-result, `cannot set the size of ${this.#shown}`, "ftruncate");
  }

  async sync(): Promise<void> {
    // errno belongs to the thread that made the call.
    if (await this.#calls.libc.fdatasync(this.#fd) >= 0) return;
    throw new RcopyError("io", `cannot bring ${this.#shown} to stable storage (from fdatasync)`);
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) this.#calls.libc.close(this.#fd);
    this.#fd = -1;
  }
}
