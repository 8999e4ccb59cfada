/** The arena: slices of one fixed memory, taken and returned. */
import { assert } from "../base/errors.ts";

/** Slices begin at multiples of a page, which direct I/O wants. */
const alignment = 4096;

/** A range of the codec's memory, the caller's own until it is disposed. */
export class Slice implements Disposable {
  /** Offset in the codec's memory. */
  readonly offset: number;
  /** Usable bytes, as asked for. */
  readonly length: number;
  readonly #arena: Arena;
  #view: Uint8Array<ArrayBuffer> | undefined;

  /** Made by {@linkcode Arena.take} only. */
  constructor(arena: Arena, memory: Uint8Array<ArrayBuffer>, place: { offset: number; length: number }) {
    this.#arena = arena;
    this.offset = place.offset;
    this.length = place.length;
    this.#view = memory.subarray(place.offset, place.offset + place.length);
  }

  /** The bytes; after disposal asking for them is a broken invariant. */
  get bytes(): Uint8Array<ArrayBuffer> {
    assert(this.#view, "a slice is not used after it has been returned");
    return this.#view;
  }

  /** Returns the slice; twice is harmless. */
  [Symbol.dispose](): void {
    if (!this.#view) return;
    this.#view = undefined;
    this.#arena.giveBack(this.offset, this.length);
  }
}

/** First fit over a list of free ranges, which are joined when they meet. */
export class Arena {
  readonly #memory: Uint8Array<ArrayBuffer>;
  /** Free ranges by offset, never adjacent. */
  readonly #free: { offset: number; bytes: number }[];
  #bytesFree: number;

  constructor(memory: Uint8Array<ArrayBuffer>, start: number) {
    assert(start % alignment === 0 && memory.length % alignment === 0, "an arena begins and ends at a page");
    this.#memory = memory;
    this.#bytesFree = memory.length - start;
    this.#free = [{ offset: start, bytes: this.#bytesFree }];
  }

  /** Bytes in no slice; a slice takes whole pages. */
  get bytesFree(): number {
    return this.#bytesFree;
  }

  /** A slice; that there is room is an invariant of the caller's. */
  take(bytes: number): Slice {
    const slice = this.tryTake(bytes);
    assert(slice, `the arena has room for ${bytes} bytes`);
    return slice;
  }

  /** Called by {@linkcode Slice} only. */
  giveBack(offset: number, length: number): void {
    const bytes = roundUp(length);
    let index = this.#free.findIndex((range) => range.offset > offset);
    if (index < 0) index = this.#free.length;
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const joinsBefore = before !== undefined && before.offset + before.bytes === offset;
    const joinsAfter = after !== undefined && offset + bytes === after.offset;
    if (joinsBefore) {
      before.bytes += bytes;
      if (joinsAfter) {
        before.bytes += after.bytes;
        this.#free.splice(index, 1);
      }
    } else if (joinsAfter) {
      after.offset = offset;
      after.bytes += bytes;
    } else {
      this.#free.splice(index, 0, { offset, bytes });
    }
    this.#bytesFree += bytes;
  }

  /** A slice, if there is room for it in one piece. */
  tryTake(bytes: number): Slice | undefined {
    const needed = roundUp(bytes);
    const index = this.#free.findIndex((range) => range.bytes >= needed);
    const range = this.#free[index];
    if (!range) return undefined;
    const { offset } = range;
    if (range.bytes === needed) this.#free.splice(index, 1);
    else {
      range.offset += needed;
      range.bytes -= needed;
    }
    this.#bytesFree -= needed;
    return new Slice(this, this.#memory, { offset, length: bytes });
  }
}

function roundUp(bytes: number): number {
  assert(Number.isSafeInteger(bytes) && bytes > 0, "a slice has a whole number of bytes, at least one");
  return Math.ceil(bytes / alignment) * alignment;
}
