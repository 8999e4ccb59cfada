/** The names seen in one open directory, as keyed 64-bit hashes: a name that comes twice is found, cheaply. */

const emptyCapacity = 16;
const [lowKey, highKey] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];

/**
 * Open addressing over two 32-bit halves, 8 bytes a slot at a load of at most one half. The key is random in
 * each process, so that a peer cannot prepare names that collide.
 */
export class NameSet {
  #slots = new Uint32Array(emptyCapacity * 2);
  #count = 0;

  /** Adds a name; false if it was there. */
  add(name: Uint8Array): boolean {
    return this.addIn(name, 0, name.length);
  }

  /** Adds a name that lies in other bytes, of which no view is made; false if it was there. */
  addIn(bytes: Uint8Array, start: number, end: number): boolean {
    if ((this.#count + 1) * 2 > this.#slots.length / 2) this.#grow();
    const { low, high } = hashOf(bytes, start, end);
    return this.#insert(low, high);
  }

  has(name: Uint8Array): boolean {
    const { low, high } = hashOf(name, 0, name.length);
    const slot = this.#slotOf(low, high);
    return this.#slots[slot * 2] !== 0;
  }

  /** Where the hash is, or would be. */
  #slotOf(low: number, high: number): number {
    const mask = this.#slots.length / 2 - 1;
    for (let slot = high & mask;; slot = (slot + 1) & mask) {
      const found = this.#slots[slot * 2]!;
      if (found === 0 || (found === low && this.#slots[slot * 2 + 1] === high)) return slot;
    }
  }

  #insert(low: number, high: number): boolean {
    const slot = this.#slotOf(low, high);
    if (this.#slots[slot * 2] !== 0) return false;
    this.#slots[slot * 2] = low;
    this.#slots[slot * 2 + 1] = high;
    this.#count++;
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#count = 0;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0) this.#insert(old[i]!, old[i + 1]!);
    }
  }
}

/** Two words; the first is never 0, which marks an empty slot. */
function hashOf(bytes: Uint8Array, start: number, end: number): { low: number; high: number } {
  let low = lowKey;
  let high = highKey;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    low = Math.imul(low ^ byte, 0x9e3779b1);
    high = Math.imul(high ^ byte, 0x85ebca77);
  }
  low = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d);
  high = Math.imul(high ^ (high >>> 13) ^ low, 0x297a2d39);
  return { low: ((low ^ (high >>> 11)) | 1) >>> 0, high: high >>> 0 };
}
