/** The submission ring: entries are claimed in order, encoded in place, and handed over together. */
import { assert } from "../src/base/errors.ts";
import { wordsAt } from "./cqe.ts";
import { ioUring } from "./layout.ts";
import {
  encodeFadvise,
  encodeOpenat2,
  encodeRead,
  encodeSyncFileRange,
  encodeWrite,
  type SqeArea,
  sqeWords,
} from "./sqe.ts";

/** The upper word of the user data of the ring's own operations; users' have 0 there. */
const internalMark = 0xffffffff;

/**
 * The writer's end of the submission ring, with a method for each operation that a user of the ring has, its
 * arguments in the order of `sqe.ts`. Every method takes first the token that comes back with the completion
 * (0 to 2^32 - 1), then {@linkcode sqeFlag}s. What an operation points at must stay as it is until its
 * completion has been reaped. A chain made with `hardlink` is claimed whole before the next submit, wait or
 * reap.
 */
export class SubmissionQueue {
  /** How many operations can be claimed or in flight at a time; a power of two. */
  readonly entries: number;
  #sqes: SqeArea;
  /** The library's own `sqe_tail`; it compares this with its `sqe_head` when it submits. */
  readonly #libraryTail: Uint32Array<ArrayBuffer>;
  readonly #mask: number;
  /** How many may be claimed or in flight; 0 once the ring is closed. */
  #limit: number;
  #tail = 0;
  #flushed = 0;
  #consumed = 0;
  #inFlight = 0;

  /** Over the queue that `struct io_uring` describes; `entries` is a power of two. */
  protected constructor(ring: DataView<ArrayBuffer>, entries: number) {
    this.entries = entries;
    this.#mask = entries - 1;
    this.#limit = entries;
    this.#sqes = wordsAt(ring.getBigUint64(ioUring.sqes, true), entries * sqeWords);
    this.#libraryTail = new Uint32Array(ring.buffer, ring.byteOffset + ioUring.sqeTail, 1);
  }

  /** Operations claimed and not yet submitted. */
  get prepared(): number {
    return (this.#tail - this.#consumed) >>> 0;
  }

  /** Operations of the user's that were submitted and whose completion has not been reaped. */
  protected get inFlight(): number {
    return this.#inFlight;
  }

  /** How many operations can be claimed now. More come free by reaping, not by submitting. */
  get room(): number {
    return this.#limit - this.#inFlight - this.prepared;
  }

  /** Claims the next entry, to be encoded by its caller: where it starts in the ring, in words. */
  #claim(): number {
    const taken = this.#inFlight + ((this.#tail - this.#consumed) >>> 0);
    assert(taken < this.#limit, "the ring is open and has room");
    const at = (this.#tail & this.#mask) * sqeWords;
    this.#tail = (this.#tail + 1) >>> 0;
    return at;
  }

  /**
   * Claims an entry for the ring's own use: its completion is none of the user's. There must be a free one
   * in the submission ring itself.
   */
  protected claimInternal(encode: (sqes: SqeArea, at: number) => void): void {
    const at = (this.#tail & this.#mask) * sqeWords;
    this.#tail = (this.#tail + 1) >>> 0;
    encode(this.#sqes, at);
    this.#sqes[at + 9] = internalMark;
  }

  /** Shows the claimed entries to the library; the next io_uring_submit hands them to the kernel. */
  protected flush(): void {
    this.#libraryTail[0] = this.#tail;
    this.#flushed = this.#tail;
  }

  /** Takes note that the kernel has taken `count` entries, `internal` of them the ring's own. */
  protected consumed(count: number, internal: number): void {
    this.#consumed = (this.#consumed + count) >>> 0;
    this.#inFlight += count - internal;
  }

  /** Takes note that the completion of one operation of the user's has been reaped. */
  protected settled(): void {
    this.#inFlight -= 1;
  }

  /** Forgets the entries that have not been flushed. */
  protected retract(): void {
    this.#tail = this.#flushed;
  }

  /** Lets go of the mapped memory, before it is unmapped; nothing can be claimed any more. */
  protected detach(): void {
    this.#limit = 0;
    this.#sqes = new Uint32Array(0);
  }

  openat2(token: number, flags: number, directoryFd: number, path: number, how: number): void {
    encodeOpenat2(this.#sqes, this.#claim(), token, flags, directoryFd, path, how);
  }

  read(token: number, flags: number, fd: number, buffer: number, length: number, offset: number): void {
    encodeRead(this.#sqes, this.#claim(), token, flags, fd, buffer, length, offset);
  }

  write(token: number, flags: number, fd: number, buffer: number, length: number, offset: number): void {
    encodeWrite(this.#sqes, this.#claim(), token, flags, fd, buffer, length, offset);
  }

  syncFileRange(
    token: number,
    flags: number,
    fd: number,
    offset: number,
    length: number,
    rangeFlags: number,
  ): void {
    encodeSyncFileRange(this.#sqes, this.#claim(), token, flags, fd, offset, length, rangeFlags);
  }

  fadvise(token: number, flags: number, fd: number, offset: number, length: number, advice: number): void {
    encodeFadvise(this.#sqes, this.#claim(), token, flags, fd, offset, length, advice);
  }
}
