/**
 * Many small files, read whole; up to 128 are under way at a time.
 *
 *  1. open   through the ring
 *  2. read   through the ring, as each open completes
 *  3. check  statx of the descriptor after the read, by libc, since the ring would hand it to a thread: it
 *            must be the very file that was listed, unchanged
 *  4. close  by libc
 *
 * What is in the cache completes while it is submitted. What is not, the device is asked for all at once,
 * and it answers beside what the event loop does.
 */
import { addressOf, errno, errnoError, sqeFlag } from "../../../ffi/mod.ts";
import { asRcopyError, type RcopyError } from "../../base/errors.ts";
import type { FileRead, Pending } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { tooLongError, unsizedReadBytes } from "../contract/unsized.ts";
import { changedError, openError } from "./file.ts";
import type { Memory } from "./memory.ts";
import type { Completing, RingQueue } from "./queue.ts";

/** Files under way at a time: at most so many, and at most this part of the process's descriptors. */
const depthMax = 128;
const partOfLimit = 16;
const nameBytes = 256;
/** Where a byte goes that only shows whether there is one. */
const oneByte = new Uint8Array(1);

/** What the batches of one engine share. */
export class SmallReads {
  readonly calls: SystemCalls;
  readonly directories: Directories;
  readonly queue: RingQueue;
  readonly #freeSlots: number[] = [];
  readonly #names: { readonly bytes: Memory; readonly address: number };

  constructor(calls: SystemCalls, directories: Directories, queue: RingQueue) {
    this.calls = calls;
    this.directories = directories;
    this.queue = queue;
    const depth = Math.max(4, Math.min(depthMax, Math.floor(calls.fileLimit / partOfLimit)));
    for (let slot = depth - 1; slot >= 0; slot -= 1) this.#freeSlots.push(slot);
    this.#names = queue.ring.scratch(depth * nameBytes);
  }

  start(files: readonly FileRead[], memory: Memory): Pending {
    return new ReadBatch(this, files, memory);
  }

  /** Whether another file can be begun. */
  get hasRoom(): boolean {
    return this.#freeSlots.length > 0 && this.queue.hasRoom;
  }

  takeSlot(): number {
    return this.#freeSlots.pop()!;
  }

  giveSlot(slot: number): void {
    this.#freeSlots.push(slot);
  }

  /** Puts the name of the file in a slot: its address, good until the slot is given back. */
  putName(slot: number, name: Uint8Array): number {
    const at = slot * nameBytes;
    const { bytes, address } = this.#names;
    for (let index = 0; index < name.length; index += 1) bytes[at + index] = name[index]!;
    bytes[at + name.length] = 0;
    return address + at;
  }
}

class ReadBatch implements Pending, Completing {
  readonly #shared: SmallReads;
  readonly #files: readonly FileRead[];
  readonly #memory: Memory;
  readonly #memoryAddress: number;
  /** By slot: the file, its descriptor (-1 while it is being opened), how much of it has been read. */
  readonly #fileIn: FileRead[] = [];
  readonly #fdIn: number[] = [];
  readonly #bytesIn: number[] = [];
  #underWay = 0;
  #next = 0;

  constructor(shared: SmallReads, files: readonly FileRead[], memory: Memory) {
    this.#shared = shared;
    this.#files = files;
    this.#memory = memory;
    this.#memoryAddress = addressOf(memory);
    this.#advance();
  }

  /** Never fails: every failure is the failure of one file. */
  finish(): void | Promise<void> {
    this.#advance();
    if (!this.#isDone) return this.#finishLater();
  }

  async #finishLater(): Promise<void> {
    while (!this.#isDone) {
      // Few turns of many completions each: every turn costs a thread hop.
      await this.#shared.queue.wait(Math.max(1, this.#underWay >> 1));
      this.#advance();
    }
  }

  get #isDone(): boolean {
    return this.#next === this.#files.length && this.#underWay === 0;
  }

  #advance(): void {
    this.#begin();
    this.#shared.queue.turn();
  }

  /** Opens files as long as there is room. */
  #begin(): void {
    while (this.#next < this.#files.length && this.#shared.hasRoom) {
      const file = this.#files[this.#next]!;
      this.#next += 1;
      try {
        this.#open(file);
      } catch (thrown) {
        file.error = asRcopyError(thrown);
      }
    }
  }

  #open(file: FileRead): void {
    const { calls, directories, queue } = this.#shared;
    const directory = file.directory as UringDirectory;
    const directoryFd = directories.fd(directory);
    const slot = this.#shared.takeSlot();
    this.#fileIn[slot] = file;
    this.#fdIn[slot] = -1;
    this.#bytesIn[slot] = 0;
    this.#underWay += 1;
    // A thread of the kernel's may look the descriptor up later than now.
    directories.pin(directory);
    const name = this.#shared.putName(slot, file.name);
    const token = queue.claim(this, slot);
    queue.ring.openat2(token, sqeFlag.none, directoryFd, name, calls.memory.openHowToReadAddress);
  }

  completed(result: number, slot: number): void {
    const file = this.#fileIn[slot]!;
    try {
      if (this.#fdIn[slot]! < 0) this.#opened(file, slot, result);
      else this.#read(file, slot, result);
    } catch (thrown) {
      file.error = asRcopyError(thrown);
      this.#release(slot);
    }
    this.#begin();
  }

  #opened(file: FileRead, slot: number, fd: number): void {
    this.#shared.directories.unpin(file.directory as UringDirectory);
    if (fd < 0) {
      file.error = openError(-fd, shownOf(file));
      this.#release(slot);
      return;
    }
    this.#fdIn[slot] = fd;
    if (file.expected.size === 0 || file.bytesMax !== undefined) this.#readToEnd(file, slot);
    // The ring would wait for the writer of a FIFO, O_NONBLOCK or not. To ask for the kind would cost more.
    else if (this.#shared.calls.libc.rewind(fd) < 0) this.#settle(file, slot, changedError(shownOf(file)));
    else this.#claimRead(file, slot);
  }

  /** Asks for what is left of a file. */
  #claimRead(file: FileRead, slot: number): void {
    const { queue } = this.#shared;
    const at = this.#bytesIn[slot]!;
    const address = this.#memoryAddress + file.offset + at;
    const token = queue.claim(this, slot);
    queue.ring.read(token, sqeFlag.none, this.#fdIn[slot]!, address, file.expected.size - at, at);
  }

  /** A file that says that it is empty, or that is read to wherever it ends: within the call, since there are few of them. */
  #readToEnd(file: FileRead, slot: number): void {
    const { calls } = this.#shared;
    const fd = this.#fdIn[slot]!;
    const { bytesMax = 0, offset } = file;
    let bytes = 0;
    for (let count = 1; count > 0 && bytes >= 0 && bytes < bytesMax;) {
      const end = Math.min(bytes + unsizedReadBytes, bytesMax);
      count = calls.libc.pread(fd, this.#memory.subarray(offset + bytes, offset + end), bytes);
      if (count === -errno.intr) count = 1;
      else bytes = count < 0 ? count : bytes + count;
    }
    const more = bytes === bytesMax ? calls.readAll(fd, oneByte, bytes) : 0;
    // A file that says that it is empty, and would have to be waited for, is empty now.
    const isEmpty = file.bytesMax === undefined && more === -errno.again;
    const failure = isEmpty ? undefined : [bytes, more].find((count) => count < 0);
    if (failure !== undefined) {
      this.#settle(file, slot, errnoError(-failure, `cannot read ${shownOf(file)}`, "pread"));
    } else if (file.bytesMax === undefined) {
      this.#settle(file, slot, more > 0 ? unsized(file) : undefined);
    } else {
      file.bytesRead = bytes;
      this.#settle(file, slot, more > 0 ? tooLongError(shownOf(file), bytesMax) : undefined);
    }
  }

  #read(file: FileRead, slot: number, result: number): void {
    const { size } = file.expected;
    if (result > 0) this.#bytesIn[slot]! += result;
    if (this.#bytesIn[slot] === size) this.#settle(file, slot);
    else if (result > 0 || result === -errno.intr) this.#claimRead(file, slot);
    else if (result === 0) this.#settle(file, slot, unsized(file));
    else if (result === -errno.again) this.#readRest(file, slot);
    else this.#settle(file, slot, errnoError(-result, `cannot read ${shownOf(file)}`, "read"));
  }

  /** For kernels that take O_NONBLOCK at its word on ordinary files. */
  #readRest(file: FileRead, slot: number): void {
    const at = this.#bytesIn[slot]!;
    const rest = this.#memory.subarray(file.offset + at, file.offset + file.expected.size);
    const count = this.#shared.calls.readAll(this.#fdIn[slot]!, rest, at);
    if (count < 0) this.#settle(file, slot, errnoError(-count, `cannot read ${shownOf(file)}`, "pread"));
    else this.#settle(file, slot, count < rest.length ? unsized(file) : undefined);
  }

  /** Makes sure that what was read is what was listed, and closes the file. */
  #settle(file: FileRead, slot: number, error?: RcopyError): void {
    const { calls } = this.#shared;
    const fd = this.#fdIn[slot]!;
    const found = calls.statFd(fd);
    if (found < 0) file.error = errnoError(-found, `cannot look at ${shownOf(file)}`, "statx");
    else if (calls.stat.isGrown(file.expected) && (!error || file.expected.size === 0)) {
      file.grownTo = calls.stat.bytes;
      file.isUnsized = false;
    } // A directory or a FIFO cannot be read either, each for a reason of its own.
    else if (!calls.stat.isSame(file.expected)) {
      file.error = changedError(shownOf(file));
      file.isUnsized = false;
    } else if (error) file.error = error;
    calls.libc.close(fd);
    this.#release(slot);
  }

  #release(slot: number): void {
    this.#underWay -= 1;
    this.#shared.giveSlot(slot);
  }
}

/** The error of a file that ends elsewhere than it says, if nothing else is wrong with it. */
function unsized(file: FileRead): RcopyError {
  file.isUnsized = true;
  return changedError(shownOf(file));
}

function shownOf(file: FileRead): string {
  return (file.directory as UringDirectory).showEntry(file.name);
}
