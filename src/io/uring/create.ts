/**
 * Many small files, created whole; by libc, because io_uring hands every creating open to a thread.
 *  at once   under the final name, with the mode of an unfinished file, which goes last: open, write, time, mode, close
 *  by part   under a temporary name, from which it is placed: open, lock, look, write, time, mode, close, rename
 */
import { errno, errnoError } from "../../../ffi/mod.ts";
import { asRcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { randomTemporaryName, temporaryName } from "../../entry/temporary_name.ts";
import { type FileWrite, Lacks } from "../contract/engine.ts";
import { unfinishedMode } from "../contract/unfinished.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { createFile } from "./file.ts";
import type { Memory } from "./memory.ts";
import type { Placing } from "./place.ts";
import { isRefused, stayed, type Traits } from "./traits.ts";

/** Random names that are tried where others take away what this run makes. */
const attemptsMax = 8;

export interface CreateOptions {
  calls: SystemCalls;
  directories: Directories;
  traits: Traits;
  placing: Placing;
}

export class SmallCreates {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;
  readonly #traits: Traits;
  readonly #placing: Placing;

  constructor({ calls, directories, traits, placing }: CreateOptions) {
    this.#calls = calls;
    this.#directories = directories;
    this.#traits = traits;
    this.#placing = placing;
  }

  /** Creates all of them; what fails has its error, and leaves nothing behind. */
  create(files: readonly FileWrite[], content: Memory): void {
    for (const file of files) {
      try {
        const directory = file.directory as UringDirectory;
        const isAtOnce = file.atOnce && !file.replaces &&
          this.#traits.keepsMark(directory.device) !== false &&
          !this.#traits.hasPolicy(directory);
        if (!isAtOnce || !this.#createAtOnce(file, directory, content)) {
          this.#createByPart(file, directory, content);
        }
      } catch (thrown) {
        file.error = asRcopyError(thrown);
      }
    }
  }

  /** False where the file system does not keep the mode of an unfinished file: nothing is there then. */
  #createAtOnce(file: FileWrite, directory: UringDirectory, content: Memory): boolean {
    const directoryFd = this.#directories.fd(directory);
    const fd = createFile(this.#calls, directoryFd, file.name, unfinishedMode);
    if (fd < 0) throw errnoError(-fd, `cannot create ${directory.showEntry(file.name)}`, "openat");
    if (this.#traits.keepsMark(directory.device) === undefined && !this.#learnMark(directory, fd)) {
      this.#drop(directoryFd, file.name, fd);
      return false;
    }
    this.#fill(file, directory, { fd, name: file.name, content });
    if (!this.#lacksMode(file)) return true;
    // It looks unfinished for good: it is made again with its mode from the start.
    this.#traits.forgetMark(directory.device);
    this.#unlink(directory, file.name);
    return false;
  }

  #lacksMode({ lacks = Lacks.nothing }: FileWrite): boolean {
    return (lacks & Lacks.mode) !== 0;
  }

  #learnMark(directory: UringDirectory, fd: number): boolean {
    return this.#calls.statFd(fd) >= 0 && this.#traits.learnMark(directory.device, fd);
  }

  #drop(directoryFd: number, name: EntryName, fd: number): void {
    this.#calls.libc.close(fd);
    this.#calls.libc.unlinkat(directoryFd, this.#calls.memory.putName(name), 0);
  }

  #createByPart(file: FileWrite, directory: UringDirectory, content: Memory): void {
    const { name, fd } = this.#openPart(file, directory);
    const isMarked = this.#traits.keepsMark(directory.device) !== false && !this.#traits.hasPolicy(directory);
    this.#fill(file, directory, { fd, name, content });
    if (isMarked && this.#lacksMode(file)) {
      // It would look unfinished for good: it is made again with its mode from the start.
      this.#traits.forgetMark(directory.device);
      this.#unlink(directory, name);
      return this.#createByPart(file, directory, content);
    }
    try {
      this.#placing.place(directory, name, file.name, file.replaces);
    } catch (thrown) {
      this.#unlink(directory, name);
      throw thrown;
    }
  }

  /** Under the name that the next run would look at, or a random one where somebody else has that. */
  #openPart(file: FileWrite, directory: UringDirectory): { name: EntryName; fd: number } {
    let name = temporaryName(file.name);
    let fd = this.#placing.createPart(directory, name, file.mode & 0o777);
    if (fd === -errno.exist && this.#placing.removeUnfinished(directory, name, file)) {
      fd = this.#placing.createPart(directory, name, file.mode & 0o777);
    }
    for (let attempt = 0; fd === -errno.exist && attempt < attemptsMax; attempt++) {
      name = randomTemporaryName();
      fd = this.#placing.createPart(directory, name, file.mode & 0o777);
    }
    if (fd < 0) throw errnoError(-fd, `cannot create ${directory.showEntry(file.name)}`, "openat");
    return { name, fd };
  }

  /** Content, time, mode, in this order, and closes. @throws {RcopyError} and removes the file */
  #fill(
    file: FileWrite,
    directory: UringDirectory,
    { fd, name, content }: { fd: number; name: EntryName; content: Memory },
  ): void {
    const { libc } = this.#calls;
    let call = "pwrite";
    let result = file.size > 0
      ? this.#calls.writeAll(fd, content.subarray(file.offset, file.offset + file.size), 0)
      : 0;
    if (result >= 0) {
      call = "futimens or fchmod";
      result = this.#describe(file, directory, fd);
    }
    // A file server may say only now that there was no room.
    const closed = libc.close(fd);
    if (result >= 0) {
      call = "close";
      result = closed;
    }
    if (result >= 0) return;
    this.#unlink(directory, name);
    throw errnoError(-result, `cannot write ${directory.showEntry(file.name)}`, call);
  }

  #describe(file: FileWrite, directory: UringDirectory, fd: number): number {
    const { libc, memory } = this.#calls;
    let lacks: number = Lacks.nothing;
    const timed = libc.futimens(fd, memory.putTimes(file.mtime));
    if (isRefused(timed)) lacks |= Lacks.time;
    else if (timed < 0) return timed;
    const moded = this.#setMode(directory, fd, file.mode & 0o777);
    if (isRefused(moded)) lacks |= Lacks.mode;
    else if (moded < 0) return moded;
    file.lacks = lacks;
    return 0;
  }

  #setMode(directory: UringDirectory, fd: number, mode: number): number {
    if (this.#traits.hasPolicy(directory)) return 0;
    if (this.#traits.keepsMark(directory.device) !== false) return this.#calls.libc.fchmod(fd, mode);
    const found = this.#calls.statFd(fd);
    if (found < 0 || (this.#calls.stat.special | this.#calls.stat.mode) === mode) return found;
    const moded = this.#calls.libc.fchmod(fd, mode);
    return moded < 0 ? moded : stayed(this.#calls, fd, mode);
  }

  #unlink(directory: UringDirectory, name: EntryName): void {
    this.#calls.libc.unlinkat(this.#directories.fd(directory), this.#calls.memory.putName(name), 0);
  }
}
