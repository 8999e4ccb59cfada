/** The tree hash: count and sum of entry hashes. Free of order, so that nobody sorts or stores. */

const limbs = 4;
const limb = 0x1_0000_0000;

/** A sum modulo 2^128 of canonical 128-bit numbers, and how many they are. */
export class TreeHash {
  #count = 0;
  /** Least significant 32 bits first. */
  readonly #sum = new Float64Array(limbs);

  get count(): number {
    return this.#count;
  }

  /** The sum as 16 big-endian bytes. */
  get sum(): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < limbs; i++) view.setUint32(12 - 4 * i, this.#sum[i]!);
    return bytes;
  }

  /** Adds the 16 bytes of an entry hash at `at`. */
  add(hash: Uint8Array, at = 0): void {
    this.#count++;
    let carry = 0;
    for (let i = 0; i < limbs; i++) {
      const from = at + 12 - 4 * i;
      // Multiplication instead of a shift, which would make the top bit a sign.
      const value = hash[from]! * 0x100_0000 +
        (hash[from + 1]! << 16 | hash[from + 2]! << 8 | hash[from + 3]!);
      const sum = this.#sum[i]! + value + carry;
      carry = sum >= limb ? 1 : 0;
      this.#sum[i] = carry ? sum - limb : sum;
    }
  }

  /** `<count>-<32 hexadecimal digits>`. */
  toString(): string {
    return `${this.#count}-${Array.from(this.sum, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
}
