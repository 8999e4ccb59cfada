/** The hash of a large file from the hashes of its extents, whatever the order in which they come. */
import type { Codec, HashStream } from "./codec.ts";
import { assert, RcopyError } from "../base/errors.ts";
import type { KeptHashes } from "./kept_hashes.ts";

/** Extents that may be known ahead of the first one that is missing: what all lanes together can have under way. */
const aheadMax = 4096;

/**
 * Takes extent hashes in any order, each once; keeps those that came early, so memory is bounded by how far
 * the lanes run ahead of each other and not by the size of the file.
 */
export class FileHash implements Disposable {
  readonly extents: number;
  #next = 0;
  readonly #ahead = new Map<number, Uint8Array>();
  #kept: KeptHashes | undefined;
  readonly #stream: HashStream;

  constructor(codec: Codec, extents: number) {
    this.extents = extents;
    this.#stream = codec.stream();
  }

  /** Whether the hash of extent `index` is known. */
  has(index: number): boolean {
    return index < this.#next || this.#ahead.has(index) || this.#kept?.has(index) === true;
  }

  /** Takes the hashes of extents that are there from an earlier run, once, before any other. */
  keep(kept: KeptHashes): void {
    assert(this.#next === 0 && this.#ahead.size === 0 && !this.#kept, "what is kept is known first");
    this.#kept = kept;
    this.#drain();
  }

  get complete(): boolean {
    return this.#next === this.extents;
  }

  /** Adds the 16 bytes of one extent; they are copied where they must be kept. */
  add(index: number, hash: Uint8Array): void {
    if (index !== this.#next) {
      if (this.#ahead.size >= aheadMax) {
        throw new RcopyError("protocol", `extent ${index} came too far ahead of extent ${this.#next}`);
      }
      this.#ahead.set(index, hash.slice());
      return;
    }
    this.#stream.update(hash);
    this.#next++;
    this.#drain();
  }

  /** Goes on with what is known already. */
  #drain(): void {
    for (;;) {
      const known = this.#ahead.get(this.#next) ?? this.#kept?.at(this.#next);
      if (!known) return;
      this.#stream.update(known);
      this.#ahead.delete(this.#next++);
    }
  }

  /** The file hash; only once it is complete. */
  digest(): Uint8Array {
    return this.#stream.digest();
  }

  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }
}
