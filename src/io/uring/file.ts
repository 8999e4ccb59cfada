/** Large files of the io_uring engine, and what reading small and large ones has in common. */
import { errno, errnoError, openFlag, statfs } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import type { FileIdentity, Timestamp } from "../../entry/metadata.ts";
import type { Lent, SourceFile, TargetFile } from "../contract/engine.ts";
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
  isDurable?: boolean;
}

/** What an open target is known by elsewhere. */
const noIdentity: FileIdentity = {
  device: 0,
  inode: 0n,
  size: 0,
  mtime: { seconds: 0, nanos: 0 },
  ctimeNs: 0n,
};

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

  checkUnchanged(): void {
    const result = this.#calls.statFd(this.fd);
    if (result < 0) throw errnoError(-result, `cannot look at ${this.shown}`, "statx");
    if (!this.#calls.stat.isSame(this.#expected)) throw changedError(this.shown);
  }

  close(): void {
    if (this.fd >= 0 && !this.#isBorrowed) this.#calls.libc.close(this.fd);
    this.fd = -1;
  }
}

/** A large file being written. */
export class UringTarget implements TargetFile {
  readonly size: number;
  readonly shown: string;
  inMemory = false;
  /** The disk will be waited for in the end. */
  isDurable = false;
  fd: number;
  readonly #calls: SystemCalls;
  #isBorrowed = false;

  private constructor(calls: SystemCalls, fd: number, shown: string, size: number) {
    this.#calls = calls;
    this.fd = fd;
    this.shown = shown;
    this.size = size;
  }

  /** As plain data; what it says of the descriptor holds until this file is closed. */
  lend(): LentFile {
    const { fd, shown, size, inMemory, isDurable } = this;
    return { id: fd, fd, shown, inMemory, isDurable, expected: { ...noIdentity, size } };
  }

  /** A file that another thread has open and closes. */
  static borrow(
    calls: SystemCalls,
    { fd, shown, expected, inMemory, isDurable = false }: LentFile,
  ): UringTarget {
    const target = new UringTarget(calls, fd, shown, expected.size);
    target.#isBorrowed = true;
    target.inMemory = inMemory;
    target.isDurable = isDurable;
    return target;
  }

  /** @throws {RcopyError} `exists`, `no-space`, `not-permitted`, … and leaves nothing behind */
  static create(
    calls: SystemCalls,
    directories: Directories,
    place: { directory: UringDirectory; name: EntryName },
    size: number,
  ): UringTarget {
    const { directory, name } = place;
    const shown = directory.showEntry(name);
    const directoryFd = directories.fd(directory);
    const fd = createFile(calls, directoryFd, name, 0o600);
    if (fd < 0) throw errnoError(-fd, `cannot create ${shown}`, "openat");
    const inMemory = isInMemory(calls, fd);
    const result = reserve(calls, fd, size, inMemory);
    if (result >= 0) {
      const target = new UringTarget(calls, fd, shown, size);
      target.inMemory = inMemory;
      return target;
    }
    calls.libc.close(fd);
    calls.libc.unlinkat(directoryFd, calls.memory.putName(name), 0);
    throw errnoError(-result, `cannot reserve ${size} bytes for ${shown}`, "fallocate");
  }

  /** Sets time and mode, and closes. */
  finish(mode: number, mtime: Timestamp): void {
    const { libc, memory } = this.#calls;
    try {
      const timed = libc.futimens(this.fd, memory.putTimes(mtime));
      if (timed < 0) throw errnoError(-timed, `cannot set the time of ${this.shown}`, "futimens");
      const moded = libc.fchmod(this.fd, mode & 0o777);
      if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${this.shown}`, "fchmod");
      // A file server may say only now that it could not keep what was written.
      const closed = this.#closeFd();
      if (closed < 0) throw errnoError(-closed, `cannot write ${this.shown}`, "close");
    } finally {
      this.close();
    }
  }

  /** 0, or a negated errno; the descriptor is gone in either case. */
  #closeFd(): number {
    const { fd } = this;
    this.fd = -1;
    return fd < 0 || this.#isBorrowed ? 0 : this.#calls.libc.close(fd);
  }

  close(): void {
    this.#closeFd();
  }
}

/** Whether a file is nowhere but in memory: then nothing of it is ever waited for. Afterwards the fields tell of its file system. */
function isInMemory(calls: SystemCalls, fd: number): boolean {
  return calls.statFileSystem(fd) >= 0 && calls.memory.field(statfs.type) === memoryFileSystem;
}

/** Reserves room where the file system can: 0, or a negated errno. */
function reserve(calls: SystemCalls, fd: number, size: number, inMemory: boolean): number {
  if (size === 0) return 0;
  if (inMemory) {
    // There, reserving costs as much as writing: look whether there is room instead.
    return (calls.freeBytes ?? size) < size ? -errno.nospc : 0;
  }
  for (;;) {
    const result = calls.libc.fallocate(fd, size);
    if (result === -errno.intr) continue;
    return result === -errno.opnotsupp || result === -errno.nosys ? 0 : result;
  }
}
