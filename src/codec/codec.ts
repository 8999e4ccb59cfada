/** The codec: hashes in place over the arena that connections and files read into and write from. */
import { assert } from "../base/errors.ts";
import { type CodecExports, instantiate, pageBytes, reservedBytes } from "../../wasm/mod.ts";
import { hashBytes } from "../wire/limits.ts";
import { Arena } from "./arena.ts";

export { type Arena, Slice } from "./arena.ts";

/** Streams that may be open at once: large files under way, and one long path. */
const hashStreamsMax = 512;
/** Bytes of a stream's state, as the module has it. */
const streamStateBytes = 384;
const statesEnd = reservedBytes + hashStreamsMax * streamStateBytes;
const scratchBytes = 256 * 1024;
/** Room for the slices of a sending or a receiving lane. */
const defaultArenaBytes = 10 * 1024 * 1024;
const alignment = 4096;

/** Options of {@linkcode Codec.open}. */
export interface CodecOptions {
  /** Bytes for slices; rounded up to whole pages of WebAssembly. */
  arenaBytes?: number;
}

/**
 * One codec: one memory, from the start as large as it will ever be. A lane has one of its own.
 *
 * The memory holds the module's constants, the states of streams, a scratch region (what is in it lasts until
 * the next call that takes bytes from elsewhere or gives a hash back), and the arena.
 */
export class Codec implements Disposable {
  readonly arena: Arena;
  /** All of the memory; offsets of slices and of the scratch region are offsets in it. Never detached. */
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly scratch: { readonly offset: number; readonly length: number };
  readonly #exports: CodecExports;
  readonly #freeStates: number[] = [];
  #nextState = reservedBytes;

  private constructor(arenaBytes: number) {
    assert(Number.isSafeInteger(arenaBytes) && arenaBytes >= 0, "an arena has a whole number of bytes");
    const scratchOffset = roundUp(statesEnd, alignment);
    const arenaOffset = roundUp(scratchOffset + scratchBytes, alignment);
    const { exports, memory } = instantiate(roundUp(arenaOffset + arenaBytes, pageBytes));
    assert(exports.stateBytes.value === streamStateBytes, "the module's states are as long as their places");
    this.#exports = exports;
    this.memory = new Uint8Array(memory.buffer as ArrayBuffer);
    this.scratch = { offset: scratchOffset, length: scratchBytes };
    this.arena = new Arena(this.memory, arenaOffset);
  }

  /** Makes a codec; the module has been compiled when it was imported. */
  static open(options: CodecOptions = {}): Codec {
    return new Codec(options.arenaBytes ?? defaultArenaBytes);
  }

  /** XXH3-128 of a range of the memory, as 16 canonical bytes at `into`. */
  hash(offset: number, length: number, into: number): void {
    assert(offset >= 0 && length >= 0 && offset + length <= this.memory.length, "a range of the memory");
    this.#exports.hash(offset, length, into);
  }

  /** XXH3-128 of each of `count` ranges, pairs of u32 (offset, length) at `table`; 16 bytes each from `into` on. */
  hashMany(count: number, table: number, into: number): void {
    this.#exports.hashMany(count, table, into);
  }

  /** XXH3-128 of bytes that are anywhere; they are copied into the scratch region piece by piece. */
  hashOf(bytes: Uint8Array): Uint8Array {
    if (bytes.length + hashBytes > this.scratch.length) {
      using stream = this.stream();
      stream.update(bytes);
      return stream.digest();
    }
    const { offset } = this.scratch;
    this.memory.set(bytes, offset + hashBytes);
    this.#exports.hash(offset + hashBytes, bytes.length, offset);
    return this.memory.slice(offset, offset + hashBytes);
  }

  /** A hash of input that comes in pieces; at most 512 at once. */
  stream(): HashStream {
    let state = this.#freeStates.pop();
    if (state === undefined) {
      state = this.#nextState;
      assert(state + streamStateBytes <= statesEnd, `at most ${hashStreamsMax} hash streams at once`);
      this.#nextState += streamStateBytes;
    }
    const place = state;
    return new HashStream(this.#exports, this.memory, this.scratch, {
      state: place,
      onDispose: () => this.#freeStates.push(place),
    });
  }

  [Symbol.dispose](): void {
    // The memory goes with the last view of it.
  }
}

/** An XXH3-128 under way. Must be disposed, which frees its place in the memory. */
export class HashStream implements Disposable {
  readonly #exports: CodecExports;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #scratch: Codec["scratch"];
  readonly #state: number;
  readonly #onDispose: () => void;
  #isOpen = true;

  /** Made by {@linkcode Codec.stream} only. */
  constructor(
    exports: CodecExports,
    memory: Uint8Array<ArrayBuffer>,
    scratch: Codec["scratch"],
    place: { state: number; onDispose: () => void },
  ) {
    this.#exports = exports;
    this.#memory = memory;
    this.#scratch = scratch;
    this.#state = place.state;
    this.#onDispose = place.onDispose;
    exports.streamInit(this.#state);
  }

  /** Takes bytes that are anywhere; they are copied. */
  update(bytes: Uint8Array): void {
    assert(this.#isOpen, "a hash stream is not used after it has been disposed");
    const { offset, length } = this.#scratch;
    for (let at = 0; at < bytes.length; at += length) {
      const piece = bytes.subarray(at, at + length);
      this.#memory.set(piece, offset);
      this.#exports.streamUpdate(this.#state, offset, piece.length);
    }
  }

  /** Takes a range of the codec's memory, in place. */
  updateRange(offset: number, length: number): void {
    assert(this.#isOpen, "a hash stream is not used after it has been disposed");
    assert(offset >= 0 && length >= 0 && offset + length <= this.#memory.length, "a range of the memory");
    this.#exports.streamUpdate(this.#state, offset, length);
  }

  /** The 16 canonical bytes of the hash so far. */
  digest(): Uint8Array {
    assert(this.#isOpen, "a hash stream is not used after it has been disposed");
    const { offset } = this.#scratch;
    this.#exports.streamDigest(this.#state, offset);
    return this.#memory.slice(offset, offset + hashBytes);
  }

  /** Twice is harmless. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onDispose();
  }
}

function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
