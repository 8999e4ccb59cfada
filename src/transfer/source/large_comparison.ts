/** A large file that the receiver has in the same size: its extents are compared with what the receiver tells, as it tells it. */
import { RcopyError } from "../../base/errors.ts";
import { sameHash } from "../../codec/hash.ts";
import { KeptHashes, type KeptPiece } from "../../codec/kept_hashes.ts";
import { hashBytes } from "../../wire/limits.ts";

export class LargeComparison {
  readonly extents: number;
  /** Hashes of the extents from 0 on; gone once it is over. */
  #told: KeptHashes | undefined;
  /** Hashes that came, also of those that are not kept. */
  #count = 0;
  #isTold = false;
  #next = 0;
  #equal = 0;
  #outcome: "open" | "equal" | "different" = "open";
  /** If it is different, the receiver is told so, and says what can serve of what it has. */
  isBasis = false;

  constructor(extents: number) {
    this.extents = extents;
    this.#told = new KeptHashes(extents);
  }

  /** Takes hashes that the receiver tells. @throws {RcopyError} `protocol` for what the file cannot have */
  add(piece: KeptPiece, more: boolean): void {
    this.#count += piece.hashes.length / hashBytes;
    if (this.#count > this.extents) {
      throw new RcopyError("protocol", `${this.#count} extents are told of a file that has ${this.extents}`);
    }
    this.#isTold = !more;
    const told = this.#told;
    if (!told) return;
    const before = told.count;
    told.add(piece);
    // An extent that is left out could not be read there.
    let hasGap = !more && told.count < this.extents;
    for (let extent = before; extent < told.count && !hasGap; extent++) hasGap = !told.has(extent);
    if (hasGap) this.#end("different");
  }

  /** The next extent to read; `undefined` until more of it is told. */
  takeNext(): number | undefined {
    return this.#told && this.#next < this.#told.count ? this.#next++ : undefined;
  }

  /** Compares an extent that was read; nothing changes any more once one was different. */
  compare(index: number, hash: Uint8Array): void {
    const there = this.#told?.at(index);
    if (!there) return;
    if (!sameHash(there, hash)) return this.#end("different");
    if (++this.#equal === this.extents && this.#isTold) this.#end("equal");
  }

  /** `equal` once every extent is, `different` as soon as one is. The last word of the receiver is waited for. */
  get outcome(): "open" | "equal" | "different" {
    if (this.#outcome === "open" && this.#isTold && this.#equal === this.extents) this.#end("equal");
    return this.#outcome;
  }

  /** Whether the receiver has said everything. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** Whether the receiver could read anything of it. */
  get hasHashes(): boolean {
    return this.#count > 0;
  }

  /** Hashes in memory. */
  get hashes(): number {
    return this.#told?.count ?? 0;
  }

  /** It is of no use any more. */
  drop(): void {
    this.#told = undefined;
  }

  #end(outcome: "equal" | "different"): void {
    this.#outcome = outcome;
    this.drop();
  }
}

/** What the receiver keeps of a large file from an earlier run, compared with the file. */
export class KeptComparison {
  readonly #kept: KeptHashes;
  #next = 0;
  #equal = 0;
  #isDifferent = false;

  constructor(kept: KeptHashes) {
    this.#kept = kept;
  }

  /** The next extent to read; `undefined` once all were given out, or one was different. */
  takeNext(): number | undefined {
    const { extents } = this.#kept;
    while (this.#next < extents && !this.#kept.has(this.#next)) this.#next++;
    return this.#isDifferent || this.#next >= extents ? undefined : this.#next++;
  }

  /** Compares an extent that was read, once each. @returns the outcome then */
  compare(index: number, hash: Uint8Array): "open" | "equal" | "different" {
    if (sameHash(this.#kept.at(index)!, hash)) this.#equal++;
    else this.#isDifferent = true;
    return this.outcome;
  }

  get outcome(): "open" | "equal" | "different" {
    if (this.#isDifferent) return "different";
    return this.#equal === this.#kept.count ? "equal" : "open";
  }
}
