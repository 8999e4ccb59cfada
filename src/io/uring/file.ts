/** Large files that the io_uring engine reads, and what opening small and large ones has in common. */
import { errno, errnoError, openFlag, statfs } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import type { FileIdentity } from "../../entry/metadata.ts";
import type { Lent, SourceFile } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";

/** ENXIO: what an open of a socket says. */
const noSuchDevice = 6;
/** `TMPFS_MAGIC` (linux/magic.h). */
const memoryFileSystem = 0x01021994;
const createFlags = openFlag.writeOnly | openFlag.create | openFlag.exclusive | openFlag.noFollow |
  openFlag.closeOnExec;

/** The error of a file that is not what the listing said. */
export function changedError(shown: string): RcopyError {
  return new RcopyError("changed", `${shown} changed while it was being read`);
}

/** The error of an open that failed: what is gone has vanished, what is something else now has changed. */
export function openError(number: number, shown: string): RcopyError {
  switch (number) {
    case errno.noent:
      return new RcopyError("vanished", `${shown} vanished before it was read`, { errno: "ENOENT" });
    case errno.loop:
    case errno.notdir:
    case noSuchDevice:
      return changedError(shown);
    default:
      return errnoError(number, `cannot open ${shown}`, "openat2");
  }
}

/** Creates a file that must not exist, to be written: its descriptor, or a negated errno. */
export function createFile(calls: SystemCalls, directoryFd: number, name: EntryName, mode: number): number {
  return calls.openat(directoryFd, calls.memory.putName(name), createFlags, mode);
}

/** A large file that another thread has open. */
export interface LentFile extends Lent {
  fd: number;
  shown: string;
  inMemory: boolean;
  expected: FileIdentity;
}

/** A large file open for reading. */
export class UringSource implements SourceFile {
  readonly size: number;
  readonly shown: string;
  inMemory = false;
  fd: number;
  readonly #calls: SystemCalls;
  readonly #expected: FileIdentity;
  #isBorrowed = false;

  private constructor(calls: SystemCalls, fd: number, shown: string, expected: FileIdentity) {
    this.#calls = calls;
    this.fd = fd;
    this.shown = shown;
    this.#expected = expected;
    this.size = expected.size;
  }

  get isReadAtOnce(): boolean {
    return this.inMemory;
  }

  /** As plain data; what it says of the descriptor holds until this file is closed. */
  lend(): LentFile {
    const { fd, shown, inMemory } = this;
    return { id: fd, fd, shown, inMemory, expected: this.#expected };
  }

  /** A file that another thread has open and closes. */
  static borrow(calls: SystemCalls, lent: LentFile): UringSource {
    const source = new UringSource(calls, lent.fd, lent.shown, lent.expected);
    source.#isBorrowed = true;
    source.inMemory = lent.inMemory;
    return source;
  }

  /** @throws {RcopyError} `changed`, `vanished`, `not-permitted`, `io` */
  static open(
    calls: SystemCalls,
    directories: Directories,
    place: { directory: UringDirectory; name: EntryName },
    expected: FileIdentity,
  ): UringSource {
    const { directory, name } = place;
    const shown = directory.showEntry(name);
    const fd = calls.open(directories.fd(directory), calls.memory.putName(name), calls.memory.openHow.read);
    if (fd < 0) throw openError(-fd, shown);
    const source = new UringSource(calls, fd, shown, expected);
    source.inMemory = isInMemory(calls, fd);
    try {
      source.checkUnchanged();
      return source;
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** The size of a file that has grown. @throws {RcopyError} `changed` where it is not what it was */
  checkUnchanged(): number | undefined {
    const { stat } = this.#calls;
    const result = this.#calls.statFd(this.fd);
    if (result < 0) throw errnoError(-result, `cannot look at ${this.shown}`, "statx");
    if (stat.isSame(this.#expected)) return undefined;
    if (stat.isGrown(this.#expected)) return stat.bytes;
    throw changedError(this.shown);
  }

  close(): void {
    if (this.fd >= 0 && !this.#isBorrowed) this.#calls.libc.close(this.fd);
    this.fd = -1;
  }
}

/** Whether a file is nowhere but in memory: then nothing of it is ever waited for. Afterwards the fields tell of its file system. */
export function isInMemory(calls: SystemCalls, fd: number): boolean {
  return calls.statFileSystem(fd) >= 0 && calls.memory.field(statfs.type) === memoryFileSystem;
}
