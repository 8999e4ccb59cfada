/**
 * The page cache, and advice to the kernel about large files that are read and written.
 *
 *  - Written ranges start on their way to the disk at once with `--durable`, and once much has been written: else the kernel
 *    gathers them until a fifth of the memory is dirty, and then writers stand still. Earlier this would only take the processor
 *    from the copy (2 GB on two cores: 0.88 of the time without, and 1.46 with `--durable`).
 *  - Ranges of a file that would fill half of the memory leave the cache when they have been read, or have reached the disk: the
 *    cache could not keep the file, and keeps other files instead.
 *
 * Advice that fails loses nothing, and is no error of the copy. A request names a descriptor that may be closed, or belong to
 * another file, when the kernel comes to it; advice about the wrong file does no harm.
 */
import { fileAdvice, sqeFlag, syncRangeFlag } from "../../../ffi/mod.ts";
import type { Completing, RingQueue } from "./queue.ts";

/** A file that is being written. */
export interface WrittenFile {
  readonly fd: number;
  readonly size: number;
  /** The disk will be waited for in the end. */
  readonly isDurable: boolean;
}

/** A part of a file. */
interface Range {
  fd: number;
  offset: number;
  length: number;
}

/** Requests for advice under way at a time: a small part of the ring, since data goes before advice. */
const underWayMax = 8;
/** Bytes by which dropping ranges stays behind writing them, so that no request waits for the disk. */
const behindBytes = 64 * 1024 * 1024;
/** From this part of the memory on the kernel starts to write by itself, unless it was told otherwise. */
const partLeftDirty = 0.1;
const { waitBefore, write, waitAfter } = syncRangeFlag;

export class PageCache implements Completing {
  readonly #queue: RingQueue;
  /** Files of this size and more are dropped from the cache. */
  readonly #dropFromBytes: number;
  readonly #behindBytes: number;
  /** Bytes that this thread may write before written ranges start on their way to the disk. */
  readonly #dirtyBytesMax: number;
  readonly #isSupported: boolean;
  /** Ranges that are to be dropped, the oldest first. */
  readonly #read: Range[] = [];
  readonly #written: Range[] = [];
  /** Bytes of the ranges in `#written`, and of all ranges written so far. */
  #writtenBytes = 0;
  #bytesInAll = 0;
  #underWay = 0;

  /** `memoryBytes` is what the machine has. */
  constructor(queue: RingQueue, memoryBytes: number) {
    this.#queue = queue;
    this.#dropFromBytes = memoryBytes / 2;
    this.#dirtyBytesMax = memoryBytes * partLeftDirty;
    this.#behindBytes = Math.min(behindBytes, this.#dropFromBytes / 2);
    this.#isSupported = queue.ring.supports("syncFileRange") && queue.ring.supports("fadvise");
  }

  /** `length` bytes of a file of `size` bytes have been read. */
  read(fd: number, size: number, offset: number, length: number): void {
    if (size < this.#dropFromBytes) return;
    this.#read.push({ fd, offset, length });
    this.#drop();
  }

  /** `length` bytes of a file have been written. */
  wrote({ fd, size, isDurable }: WrittenFile, offset: number, length: number): void {
    const range = { fd, offset, length };
    this.#bytesInAll += length;
    const fills = size >= this.#dropFromBytes;
    const goesAtOnce = isDurable || fills || this.#bytesInAll > this.#dirtyBytesMax;
    if (goesAtOnce && this.#mayClaim(1)) this.#sync(sqeFlag.none, range, write);
    if (!fills) return;
    this.#written.push(range);
    this.#writtenBytes += length;
    this.#drop();
  }

  #drop(): void {
    while (this.#read.length > 0 && this.#mayClaim(1)) this.#advise(sqeFlag.none, this.#read.shift()!);
    while (this.#writtenBytes > this.#behindBytes && this.#mayClaim(2)) {
      const oldest = this.#written.shift()!;
      this.#writtenBytes -= oldest.length;
      this.#sync(sqeFlag.hardlink, oldest, waitBefore | write | waitAfter);
      this.#advise(sqeFlag.none, oldest);
    }
  }

  /** A file is about to be closed: requests about it that are not made yet are forgotten. */
  closing(fd: number): void {
    for (const ranges of [this.#read, this.#written]) {
      for (let i = ranges.length - 1; i >= 0; i--) if (ranges[i]!.fd === fd) ranges.splice(i, 1);
    }
    this.#writtenBytes = this.#written.reduce((sum, { length }) => sum + length, 0);
  }

  completed(): void {
    this.#underWay -= 1;
    this.#drop();
  }

  /** Whether the ring has room for so many requests, and for the operations that come before them. */
  #mayClaim(count: number): boolean {
    return this.#isSupported && this.#underWay + count <= underWayMax &&
      this.#queue.ring.room > count + underWayMax && this.#queue.hasRoom;
  }

  #sync(flags: number, { fd, offset, length }: Range, rangeFlags: number): void {
    this.#underWay += 1;
    this.#queue.ring.syncFileRange(this.#queue.claim(this), flags, fd, offset, length, rangeFlags);
  }

  #advise(flags: number, { fd, offset, length }: Range): void {
    this.#underWay += 1;
    this.#queue.ring.fadvise(this.#queue.claim(this), flags, fd, offset, length, fileAdvice.dontNeed);
  }
}
