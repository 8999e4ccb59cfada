/** Hashes of the extents of a file that are there from an earlier run, as they are told: in pieces, each with a bitmap. */
import { assert, RcopyError } from "../base/errors.ts";
import { hashBytes, keptExtentsMax } from "../wire/limits.ts";

/** Extents from `first` on: bit i (least significant first) is extent `first + i`, and each 1 has 16 bytes. */
export interface KeptPiece {
  first: number;
  bitmap: Uint8Array;
  hashes: Uint8Array;
}

/** A piece, and how many extents there are before each byte of its bitmap. */
interface RankedPiece extends KeptPiece {
  end: number;
  ranks: Uint16Array;
}

export class KeptHashes {
  readonly extents: number;
  readonly #pieces: RankedPiece[] = [];
  #count = 0;

  constructor(extents: number) {
    this.extents = extents;
  }

  /** Number of extents so far. */
  get count(): number {
    return this.#count;
  }

  /** Adds what lies behind the pieces before. @throws {RcopyError} `protocol` where it does not, or is past the end */
  add({ first, bitmap, hashes }: KeptPiece): void {
    const ranks = new Uint16Array(bitmap.length);
    let count = 0;
    let end = first;
    for (let i = 0; i < bitmap.length; i++) {
      ranks[i] = count;
      for (let bit = 0; bit < 8; bit++) {
        if ((bitmap[i]! >> bit & 1) === 0) continue;
        count++;
        end = first + i * 8 + bit + 1;
      }
    }
    assert(hashes.length === count * hashBytes, "a hash for each extent");
    if (first < (this.#pieces.at(-1)?.end ?? 0) || end > this.extents) {
      throw new RcopyError(
        "protocol",
        `extents ${first} to ${end} of a file that has ${this.extents} are kept out of turn`,
      );
    }
    if (count === 0) return;
    this.#pieces.push({ first, bitmap, hashes, end, ranks });
    this.#count += count;
  }

  has(index: number): boolean {
    return this.at(index) !== undefined;
  }

  /** The 16 bytes of an extent, as a view. */
  at(index: number): Uint8Array | undefined {
    const piece = this.#pieceOf(index);
    if (!piece) return undefined;
    const at = index - piece.first;
    const byte = piece.bitmap[at >> 3]!;
    if ((byte >> (at & 7) & 1) === 0) return undefined;
    const before = piece.ranks[at >> 3]! + onesBelow(byte, at & 7);
    return piece.hashes.subarray(before * hashBytes, (before + 1) * hashBytes);
  }

  #pieceOf(index: number): RankedPiece | undefined {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#pieces[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    const piece = this.#pieces[low];
    return piece && index >= piece.first && index < piece.end ? piece : undefined;
  }
}

/** Gathers ascending extents into pieces that a message has room for. */
export class KeptPieces {
  readonly #onPiece: (piece: KeptPiece) => void;
  #first = 0;
  #bitmap = new Uint8Array(keptExtentsMax / 8);
  #hashes: Uint8Array[] = [];
  #last = -1;

  constructor(onPiece: (piece: KeptPiece) => void) {
    this.#onPiece = onPiece;
  }

  /** Adds the next extent; its hash is copied. */
  add(index: number, hash: Uint8Array): void {
    if (this.#hashes.length > 0 && index - this.#first >= keptExtentsMax) this.flush();
    if (this.#hashes.length === 0) this.#first = index;
    const at = index - this.#first;
    this.#bitmap[at >> 3]! |= 1 << (at & 7);
    this.#hashes.push(hash.slice());
    this.#last = at;
  }

  /** Gives away what there is, if anything. */
  flush(): void {
    if (this.#hashes.length === 0) return;
    const hashes = new Uint8Array(this.#hashes.length * hashBytes);
    this.#hashes.forEach((hash, i) => hashes.set(hash, i * hashBytes));
    this.#hashes = [];
    const bitmap = this.#bitmap.slice(0, (this.#last >> 3) + 1);
    this.#bitmap.fill(0);
    this.#onPiece({ first: this.#first, bitmap, hashes });
  }
}

/** How many of the lowest `bits` bits of a byte are 1. */
function onesBelow(byte: number, bits: number): number {
  let ones = 0;
  for (let bit = 0; bit < bits; bit++) ones += byte >> bit & 1;
  return ones;
}
