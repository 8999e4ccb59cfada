/** Large files that the io_uring engine writes. */
import { errno, errnoError } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import {
  type FileMetadata,
  Lacks,
  type Lent,
  type TargetFile,
  type TargetOptions,
  type WholeFile,
} from "../contract/engine.ts";
import type { UringDirectory } from "./directory.ts";
import { isInMemory } from "./file.ts";
import type { Placing } from "./place.ts";
import type { SystemCalls } from "./system_calls.ts";
import { isRefused, stayed, type Traits } from "./traits.ts";

/** Room is reserved so far ahead of what is written: some extents, which are returned where nothing comes. */
const reserveBytes = 32 * 1024 * 1024;

/** A large file that another thread has open. */
interface LentTarget extends Lent {
  fd: number;
  shown: string;
  size: number;
  inMemory: boolean;
  isDurable: boolean;
}

const finishedElsewhere = { isUnderPolicy: false, mayDropMode: false };

/** What a target is opened with. */
interface Opened {
  fd: number;
  shown: string;
  size: number;
  inMemory: boolean;
  isDurable: boolean;
  isBorrowed: boolean;
  /** A default ACL decides about its mode. */
  isUnderPolicy: boolean;
  /** Its file system may drop its mode in silence. */
  mayDropMode: boolean;
}

export class UringTarget implements TargetFile {
  readonly size: number;
  readonly shown: string;
  readonly inMemory: boolean;
  /** The disk will be waited for in the end. */
  readonly isDurable: boolean;
  fd: number;
  readonly #calls: SystemCalls;
  readonly #isBorrowed: boolean;
  readonly #isUnderPolicy: boolean;
  readonly #mayDropMode: boolean;
  /** Room is reserved, or cannot be, from here to there. */
  #reservedFrom = 0;
  #reservedTo = 0;

  private constructor(calls: SystemCalls, opened: Opened) {
    this.#calls = calls;
    this.fd = opened.fd;
    this.shown = opened.shown;
    this.size = opened.size;
    this.inMemory = opened.inMemory;
    this.isDurable = opened.isDurable;
    this.#isBorrowed = opened.isBorrowed;
    this.#isUnderPolicy = opened.isUnderPolicy;
    this.#mayDropMode = opened.mayDropMode;
    if (opened.inMemory) this.#reservedTo = Infinity; // there, reserving costs as much as writing
  }

  /** As plain data; what it says of the descriptor holds until this file is closed. */
  lend(): Lent {
    const { fd, shown, size, inMemory, isDurable } = this;
    const lent: LentTarget = { id: fd, fd, shown, size, inMemory, isDurable };
    return lent;
  }

  /** A file that another thread has open and closes. */
  static borrow(calls: SystemCalls, lent: Lent): UringTarget {
    return new UringTarget(calls, { ...lent as LentTarget, isBorrowed: true, ...finishedElsewhere });
  }

  /** @throws {RcopyError} `exists`, `no-space`, `not-permitted`, … and leaves nothing behind */
  static create(
    { calls, traits, placing }: { calls: SystemCalls; traits: Traits; placing: Placing },
    { directory, name }: { directory: UringDirectory; name: EntryName },
    { size, mode, isDurable = false }: TargetOptions,
  ): UringTarget {
    const shown = directory.showEntry(name);
    const isUnderPolicy = traits.hasPolicy(directory);
    traits.askForModes(directory);
    const fd = placing.createPart(directory, name, mode & 0o777);
    if (fd < 0) throw errnoError(-fd, `cannot create ${shown}`, "openat");
    const mayDropMode = traits.mayDropModes(directory.device);
    const opened = { fd, shown, size, inMemory: isInMemory(calls, fd), isDurable, isBorrowed: false };
    return new UringTarget(calls, { ...opened, isUnderPolicy, mayDropMode });
  }

  /** As the contract's `openTarget`. */
  static open(
    { calls, traits, placing }: { calls: SystemCalls; traits: Traits; placing: Placing },
    { directory, name }: { directory: UringDirectory; name: EntryName },
    { size, isDurable = false, whole }: TargetOptions & { whole: WholeFile },
  ): UringTarget | undefined {
    const fd = placing.openPart(directory, name, whole);
    if (fd < 0) return undefined;
    const shown = directory.showEntry(name);
    if (calls.statFd(fd) >= 0 && calls.stat.bytes > size) {
      const cut = calls.libc.ftruncate(fd, size);
      if (cut < 0) {
        calls.libc.close(fd);
        throw errnoError(-cut, `cannot set the size of ${shown}`, "ftruncate");
      }
    }
    const isUnderPolicy = traits.hasPolicy(directory);
    const mayDropMode = traits.mayDropModes(directory.device);
    const opened = { fd, shown, size, inMemory: isInMemory(calls, fd), isDurable, isBorrowed: false };
    return new UringTarget(calls, { ...opened, isUnderPolicy, mayDropMode });
  }

  /**
   * Reserves room for a range that is about to be written, and for some that may follow. The size stays as it is: after a loss
   * of power a file has no length that its content has not. Where there is no room the write itself says so.
   */
  reserve(offset: number, length: number): void {
    const end = offset + length;
    if (offset >= this.#reservedFrom && end <= this.#reservedTo) return;
    const from = offset > this.#reservedTo || offset < this.#reservedFrom ? offset : this.#reservedTo;
    const bytes = Math.min(Math.max(end - from, reserveBytes), this.size - from);
    const result = this.#calls.libc.reserve(this.fd, from, bytes);
    if (result === -errno.opnotsupp || result === -errno.nosys) {
      this.#reservedFrom = 0;
      this.#reservedTo = Infinity;
    } else if (result >= 0) {
      if (from !== this.#reservedTo) this.#reservedFrom = from;
      this.#reservedTo = from + bytes;
    }
  }

  /** What was written is on the disk afterwards. */
  async sync(): Promise<void> {
    // errno belongs to the thread that made the call.
    if (await this.#calls.libc.fdatasync(this.fd) >= 0) return;
    throw new RcopyError("io", `cannot bring ${this.shown} to stable storage (from fdatasync)`);
  }

  /** Sets time and mode, and closes. @returns what was refused */
  finish({ mode, mtime }: FileMetadata): number {
    const { libc, memory } = this.#calls;
    let lacks: number = Lacks.nothing;
    try {
      const timed = libc.futimens(this.fd, memory.putTimes(mtime));
      if (isRefused(timed)) lacks |= Lacks.time;
      else if (timed < 0) throw errnoError(-timed, `cannot set the time of ${this.shown}`, "futimens");
      const moded = this.#isUnderPolicy ? 0 : this.#setMode(mode & 0o777);
      if (isRefused(moded)) lacks |= Lacks.mode;
      else if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${this.shown}`, "fchmod");
      // A file server may say only now that it could not keep what was written.
      const closed = this.#closeFd();
      if (closed < 0) throw errnoError(-closed, `cannot write ${this.shown}`, "close");
      return lacks;
    } finally {
      this.close();
    }
  }

  #setMode(mode: number): number {
    const moded = this.#calls.libc.fchmod(this.fd, mode);
    return moded < 0 || !this.#mayDropMode ? moded : stayed(this.#calls, this.fd, mode);
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
