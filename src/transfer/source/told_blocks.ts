/** What the receiver has told of an older version of a large file, extent by extent, and no lane has taken yet. */
import { RcopyError } from "../../base/errors.ts";
import { blockCount } from "../../codec/blocks.ts";
import { blocksPerExtent, extentBytes, hashBytes } from "../../wire/limits.ts";

/** Bytes of the hashes of a whole extent. */
const extentHashesBytes = blocksPerExtent * hashBytes;

export class ToldBlocks {
  readonly #size: number;
  /** What the blocks of an extent hash to, by extent. */
  readonly #extents = new Map<number, Uint8Array>();
  /** The extent behind the last one of which something was told. */
  #end = 0;
  #isComplete = false;
  /** Extents are sent only once they are told, or passed over. */
  readonly #isAwaited: boolean;

  /** Of a file of `size` bytes. */
  constructor(size: number, isAwaited: boolean) {
    this.#size = size;
    this.#isAwaited = isAwaited;
  }

  /** Extents that are told and not taken. */
  get count(): number {
    return this.#extents.size;
  }

  /** Takes hashes of the extents from `first` on. @throws {RcopyError} `protocol` for what the file cannot have */
  add(first: number, hashes: Uint8Array, more: boolean): void {
    if (this.#isComplete) throw new RcopyError("protocol", "the peer tells of blocks after the last ones");
    if (first < this.#end) {
      throw new RcopyError("protocol", `the peer tells of blocks of extent ${first} out of turn`);
    }
    const extents = Math.ceil(hashes.length / extentHashesBytes);
    const bytes = Math.min(this.#size, (first + extents) * extentBytes) - first * extentBytes;
    if (extents > 0 && hashes.length !== blockCount(Math.max(0, bytes)) * hashBytes) {
      throw new RcopyError(
        "protocol",
        `${hashes.length} bytes of hashes of blocks came for extent ${first} of a file of ${this.#size} bytes`,
      );
    }
    for (let i = 0; i < extents; i++) {
      this.#extents.set(first + i, hashes.slice(i * extentHashesBytes, (i + 1) * extentHashesBytes));
    }
    this.#end = first + extents;
    this.#isComplete = !more;
  }

  /** Whether an extent may be told yet, and is not to be sent before. */
  mustWait(extent: number): boolean {
    return this.#isAwaited && !this.#isComplete && extent >= this.#end;
  }

  /** Takes what is told of an extent that is about to be sent. */
  take(extent: number): Uint8Array | undefined {
    const hashes = this.#extents.get(extent);
    this.#extents.delete(extent);
    return hashes;
  }

  /** Forgets what came too late. */
  forgetBefore(extent: number): void {
    for (const told of this.#extents.keys()) if (told < extent) this.#extents.delete(told);
  }
}
