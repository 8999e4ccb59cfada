/** Large files of the io_uring engine. */
import { errno, errnoError, openFlag } from "../../ffi/mod.ts";
import { RcopyError } from "../base/errors.ts";
import type { EntryName } from "../fs/entry_name.ts";
import { EntryKind, type FileIdentity, type Timestamp } from "../fs/metadata.ts";
import type { SourceFile, TargetFile } from "./engine.ts";
import type { Calls, StatResult } from "./uring_calls.ts";
import type { UringDirectory } from "./uring_directory.ts";

/** How files are opened for reading: nothing is followed, and a FIFO does not block. */
export const readFlags = openFlag.readOnly | openFlag.noFollow | openFlag.nonblock;

/** Whether a file is what the listing said. */
export function isSameFile(stat: StatResult, expected: FileIdentity): boolean {
  return stat.kind === EntryKind.file && stat.size === expected.size && stat.inode === expected.inode &&
    stat.device === expected.device && stat.mtimeSeconds === expected.mtime.seconds &&
    stat.mtimeNanos === expected.mtime.nanos &&
    (expected.ctimeNs === 0n || stat.ctimeNs === expected.ctimeNs);
}

/** The error of a file that is not what the listing said. */
export function changedError(shown: string): RcopyError {
  return new RcopyError("changed", `${shown} changed while it was being read`);
}

/** The error of an open that failed: a file that is gone has vanished, one that is a link now has changed. */
export function openError(number: number, shown: string): RcopyError {
  if (number === errno.noEntry) return new RcopyError("vanished", `${shown} vanished before it was read`);
  if (number === errno.loop || number === errno.notDirectory) return changedError(shown);
  return errnoError(number, `cannot open ${shown}`, "openat2");
}

export class UringSource implements SourceFile {
  readonly size: number;
  fd: number;
  readonly shown: string;
  readonly #calls: Calls;
  readonly #expected: FileIdentity;

  private constructor(calls: Calls, fd: number, shown: string, expected: FileIdentity) {
    this.#calls = calls;
    this.fd = fd;
    this.shown = shown;
    this.#expected = expected;
    this.size = expected.size;
  }

  static open(
    calls: Calls,
    directoryFd: number,
    place: { directory: UringDirectory; name: EntryName },
    expected: FileIdentity,
  ) {
    const shown = place.directory.showEntry(place.name);
    const fd = calls.openBelow(directoryFd, place.name, readFlags);
    if (fd < 0) throw openError(calls.errno, shown);
    const source = new UringSource(calls, fd, shown, expected);
    try {
      source.checkUnchanged();
      return source;
    } catch (error) {
      source.close();
      throw error;
    }
  }

  checkUnchanged(): void {
    const stat = this.#calls.statFd(this.fd);
    if (!stat || !isSameFile(stat, this.#expected)) throw changedError(this.shown);
  }

  close(): void {
    if (this.fd >= 0) this.#calls.close(this.fd);
    this.fd = -1;
  }
}

export class UringTarget implements TargetFile {
  readonly size: number;
  fd: number;
  readonly shown: string;
  readonly #calls: Calls;

  private constructor(calls: Calls, fd: number, shown: string, size: number) {
    this.#calls = calls;
    this.fd = fd;
    this.shown = shown;
    this.size = size;
  }

  /** Creates the file and reserves its room, where the file system can do that without touching all of it. */
  static create(
    calls: Calls,
    directoryFd: number,
    place: { directory: UringDirectory; name: EntryName },
    size: number,
  ) {
    const shown = place.directory.showEntry(place.name);
    const fd = calls.createBelow(directoryFd, place.name, 0o600);
    if (fd < 0) throw calls.error(`cannot create ${shown}`, "openat");
    const isReserved = calls.isRamDisk(fd) || calls.libc.call.fallocate(fd, 0, 0n, BigInt(size)) === 0;
    if (!isReserved && calls.errno !== errno.notSupported) {
      const error = calls.error(`cannot reserve ${size} bytes for ${shown}`, "fallocate");
      calls.close(fd);
      calls.libc.call.unlinkat(directoryFd, calls.cString(place.name), 0);
      throw error;
    }
    return new UringTarget(calls, fd, shown, size);
  }

  write(offset: number, source: Uint8Array<ArrayBuffer>): void {
    if (!this.#calls.writeAll(this.fd, source, offset)) {
      throw this.#calls.error(`cannot write ${this.shown}`, "pwrite");
    }
  }

  finish(mode: number, mtime: Timestamp): void {
    const { call } = this.#calls.libc;
    try {
      if (call.futimens(this.fd, this.#calls.times(mtime)) < 0) {
        throw this.#calls.error(`cannot set the time of ${this.shown}`, "futimens");
      }
      if (call.fchmod(this.fd, mode & 0o777) < 0) {
        throw this.#calls.error(`cannot set the mode of ${this.shown}`, "fchmod");
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.fd >= 0) this.#calls.close(this.fd);
    this.fd = -1;
  }
}
