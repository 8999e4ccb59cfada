/** The tree hash: count and sum of entry hashes. The order of the entries does not matter, so that none is sorted or stored. */
import { hashBytes } from "../wire/limits.ts";

const limb = 0x1_0000_0000;

/** A sum modulo 2^128 of canonical 128-bit numbers, and how many they are. */
export class TreeHash {
  #count = 0;
  /** Limbs of 32 bits, the least significant first; doubles, which hold a sum of two and its carry. */
  readonly #sum = new Float64Array(4);

  /** How many hashes have been added. */
  get count(): number {
    return this.#count;
  }

  /** The sum as 16 big-endian bytes. */
  get sum(): Uint8Array {
    const bytes = new Uint8Array(hashBytes);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 4; i++) view.setUint32(12 - 4 * i, this.#sum[i]!);
    return bytes;
  }

  /** Adds the 16 bytes of an entry hash at `at`. */
  add(hash: Uint8Array, at = 0): void {
    this.#count++;
    let carry = 0;
    for (let i = 0; i < 4; i++) {
      const sum = this.#sum[i]! + limbOf(hash, at + 12 - 4 * i) + carry;
      carry = sum >= limb ? 1 : 0;
      this.#sum[i] = carry ? sum - limb : sum;
    }
  }

  /** Adds `count` hashes by their sum of 16 bytes. */
  addSum(count: number, sum: Uint8Array): void {
    this.add(sum);
    this.#count += count - 1;
  }

  /** What is left without the hashes of `part`, which are all among those of this one. */
  without(part: TreeHash): TreeHash {
    const rest = new TreeHash();
    rest.#count = this.#count - part.#count;
    let borrow = 0;
    for (let i = 0; i < 4; i++) {
      const difference = this.#sum[i]! - part.#sum[i]! - borrow;
      borrow = difference < 0 ? 1 : 0;
      rest.#sum[i] = borrow ? difference + limb : difference;
    }
    return rest;
  }

  /** `<count>-<32 hexadecimal digits>`. */
  toString(): string {
    return `${this.#count}-${Array.from(this.sum, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
}

/** Four big-endian bytes; multiplied rather than shifted, which would make the top bit a sign. */
function limbOf(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100_0000 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
}
