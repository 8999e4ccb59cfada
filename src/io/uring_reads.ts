/**
 * Many small files read through the ring.
 *  1. open   openat2 for a window of files, one submission
 *  2. read   as each open completes; both run inline where the cache has what they want, beside us where it has not
 *  3. check  fstat by libc, since io_uring hands statx to a thread: the file must still be what the listing said
 *  4. close
 */
import { addressOf, errno, errnoError, openHow, type Scratch, sqeFlag } from "../../ffi/mod.ts";
import { asRcopyError } from "../base/errors.ts";
import type { FileRead, Pending } from "./engine.ts";
import type { Calls } from "./uring_calls.ts";
import type { DirectoryDescriptors, UringDirectory } from "./uring_directory.ts";
import { changedError, isSameFile, openError } from "./uring_file.ts";
import type { RingShare } from "./uring_share.ts";

/** Files under way at a time: what the disk may be asked for at once. */
export const readDepth = 64;
const nameBytes = 256;

/** One batch; there is one at a time. */
export class UringReads implements Pending {
  readonly #share: RingShare;
  readonly #ring: RingShare["ring"];
  readonly #calls: Calls;
  readonly #descriptors: DirectoryDescriptors;
  readonly #names: Scratch;
  readonly #how: number;
  readonly #files: readonly FileRead[];
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #memoryAddress: number;
  readonly #depth: number;
  /** Descriptor of each slot of the window while its file is being read, and the file. */
  readonly #fds: Int32Array;
  readonly #fileOf: Int32Array;
  readonly #free: number[] = [];
  #next = 0;

  constructor(
    shared: {
      share: RingShare;
      calls: Calls;
      descriptors: DirectoryDescriptors;
      names: Scratch;
      how: number;
      depth: number;
    },
    files: readonly FileRead[],
    memory: Uint8Array<ArrayBuffer>,
  ) {
    this.#share = shared.share;
    this.#ring = shared.share.ring;
    this.#calls = shared.calls;
    this.#descriptors = shared.descriptors;
    this.#names = shared.names;
    this.#how = shared.how;
    this.#depth = shared.depth;
    this.#files = files;
    this.#memory = memory;
    this.#memoryAddress = addressOf(memory);
    this.#fds = new Int32Array(this.#depth);
    this.#fileOf = new Int32Array(this.#depth);
    for (let slot = this.#depth - 1; slot >= 0; slot--) this.#free.push(slot);
    this.#share.onBatchCompletion = this.#onCompletion;
    this.#fill();
    this.#ring.submit();
  }

  /** Reads the rest; a promise only where the kernel has to wait for a disk. */
  finish(): void | Promise<void> {
    this.#advance();
    if (!this.#isDone) return this.#wait();
    this.#share.onBatchCompletion = undefined;
  }

  async #wait(): Promise<void> {
    while (!this.#isDone) {
      await this.#ring.wait(1);
      this.#advance();
    }
    this.#share.onBatchCompletion = undefined;
  }

  get #isDone(): boolean {
    return this.#free.length === this.#depth && this.#next === this.#files.length;
  }

  /** Handles everything that is complete, and submits what follows, until nothing more completes at once. */
  #advance(): void {
    for (;;) {
      const handled = this.#share.reap();
      this.#fill();
      if (this.#ring.prepared > 0) this.#ring.submit();
      else if (handled === 0) return;
    }
  }

  /** Opens files as long as there are free slots. */
  #fill(): void {
    while (this.#free.length > 0 && this.#next < this.#files.length) {
      const index = this.#next++;
      const file = this.#files[index]!;
      let directoryFd: number;
      try {
        directoryFd = this.#descriptors.of(file.directory as UringDirectory);
      } catch (error) {
        file.error = asRcopyError(error);
        continue;
      }
      const slot = this.#free.pop()!;
      this.#fileOf[slot] = index;
      this.#fds[slot] = -1;
      const name = this.#putName(slot, file.name);
      this.#ring.openat2(slot, sqeFlag.none, directoryFd, name, this.#how);
      // The descriptor of the directory may be closed by the next `of`: the kernel must have used it before.
      if (this.#mustSubmitAtOnce(index)) this.#ring.submit();
    }
  }

  /** Whether the next file is in another directory, so that this one's descriptor may go. */
  #mustSubmitAtOnce(index: number): boolean {
    const next = this.#files[index + 1];
    return next !== undefined && next.directory !== this.#files[index]!.directory;
  }

  #putName(slot: number, name: Uint8Array): number {
    const { bytes, address } = this.#names;
    const at = slot * nameBytes;
    for (let i = 0; i < name.length; i++) bytes[at + i] = name[i]!;
    bytes[at + name.length] = 0;
    return address + at;
  }

  readonly #onCompletion = (slot: number, result: number): void => {
    const file = this.#files[this.#fileOf[slot]!]!;
    const fd = this.#fds[slot]!;
    if (fd < 0) this.#opened(slot, file, result);
    else this.#read(slot, file, result);
  };

  #opened(slot: number, file: FileRead, result: number): void {
    if (result < 0) {
      const shown = (file.directory as UringDirectory).showEntry(file.name);
      file.error = openError(-result, shown);
      this.#free.push(slot);
      return;
    }
    const { size } = file.expected;
    if (size === 0) {
      this.#check(file, result);
      this.#free.push(slot);
      return;
    }
    this.#fds[slot] = result;
    this.#ring.read(slot, sqeFlag.none, result, this.#memoryAddress + file.offset, size, 0);
  }

  #read(slot: number, file: FileRead, result: number): void {
    const fd = this.#fds[slot]!;
    const { size } = file.expected;
    if (result < 0 && result !== -errno.interrupted) {
      file.error = errnoError(
        -result,
        `cannot read ${(file.directory as UringDirectory).showEntry(file.name)}`,
        "read",
      );
      this.#calls.close(fd);
    } else if (Math.max(result, 0) < size && !this.#readRest(file, fd, Math.max(result, 0))) {
      file.error ??= changedError((file.directory as UringDirectory).showEntry(file.name));
      this.#calls.close(fd);
    } else {
      this.#check(file, fd);
    }
    this.#free.push(slot);
  }

  /** A short read is a signal's or the end of a file that has shrunk: libc tells which. */
  #readRest(file: FileRead, fd: number, done: number): boolean {
    const end = file.offset + file.expected.size;
    const rest = this.#memory.subarray(file.offset + done, end);
    return this.#calls.readAll(fd, rest, done) === rest.length;
  }

  #check(file: FileRead, fd: number): void {
    const stat = this.#calls.statFd(fd);
    if (!stat || !isSameFile(stat, file.expected)) {
      file.error = changedError((file.directory as UringDirectory).showEntry(file.name));
    }
    this.#calls.close(fd);
  }
}

/** Bytes of scratch memory for the names of a window and the one `open_how`. */
export const readScratchBytes = readDepth * nameBytes + openHow.size + 64;
