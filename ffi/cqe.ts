/** Completions, read straight from the mapped completion ring. */
import { ioUring } from "./layout.ts";

/** Called for each completion with its token and its result (below zero: a negated errno). */
export type OnCompletion = (token: number, result: number) => void;

/** Memory at an address as words; valid only while that memory is mapped. */
export function wordsAt(address: bigint, words: number): Uint32Array<ArrayBuffer> {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new Error("assertion failed: the ring is mapped");
  return new Uint32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, words * 4));
}

/** The reader's end of the completion ring. The kernel moves the tail, we move the head. */
export class CompletionQueue {
  readonly #kernelHead: Uint32Array<ArrayBuffer>;
  readonly #kernelTail: Uint32Array<ArrayBuffer>;
  readonly #overflow: Uint32Array<ArrayBuffer>;
  readonly #cqes: Int32Array<ArrayBuffer>;
  readonly #mask: number;
  #head: number;

  /** Over the queue that `struct io_uring` describes; `entries` is a power of two. */
  constructor(ring: DataView<ArrayBuffer>, entries: number) {
    this.#kernelHead = wordsAt(ring.getBigUint64(ioUring.cqKernelHead, true), 1);
    this.#kernelTail = wordsAt(ring.getBigUint64(ioUring.cqKernelTail, true), 1);
    this.#overflow = wordsAt(ring.getBigUint64(ioUring.cqKernelOverflow, true), 1);
    this.#cqes = new Int32Array(wordsAt(ring.getBigUint64(ioUring.cqes, true), entries * 4).buffer);
    this.#mask = entries - 1;
    this.#head = Atomics.load(this.#kernelHead, 0);
  }

  /** How many completions can be taken now. */
  get ready(): number {
    return (Atomics.load(this.#kernelTail, 0) - this.#head) >>> 0;
  }

  /** How many completions found no room in the queue; more than 0 means that the ring counted wrongly. */
  get overflowed(): number {
    return Atomics.load(this.#overflow, 0);
  }

  /** Where the four words of the oldest completion start in {@linkcode words}. There must be one ready. */
  get at(): number {
    return (this.#head & this.#mask) * 4;
  }

  /** The completions: user data (two words), result, flags. */
  get words(): Int32Array<ArrayBuffer> {
    return this.#cqes;
  }

  /** Passes the oldest completion; the kernel learns it by {@linkcode publish}. */
  advance(): void {
    this.#head = (this.#head + 1) >>> 0;
  }

  /** Gives the room of everything passed back to the kernel. */
  publish(): void {
    Atomics.store(this.#kernelHead, 0, this.#head);
  }
}
