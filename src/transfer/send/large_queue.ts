/** Large files that wait to be sent, the largest first: in buckets of powers of two, each in the order of the scan. */
import type { LargeSource } from "../source/large_file.ts";

/** Below 2^53 bytes each. */
const bucketCount = 54;

export class LargeQueue {
  readonly #buckets: LargeSource[][] = Array.from({ length: bucketCount }, () => []);
  /** Number of files of each bucket that have been taken. */
  readonly #taken = new Uint32Array(bucketCount);
  #count = 0;

  get length(): number {
    return this.#count;
  }

  add(source: LargeSource): void {
    this.#buckets[Math.floor(Math.log2(source.size))]!.push(source);
    this.#count++;
  }

  take(): LargeSource | undefined {
    for (let bucket = bucketCount - 1; bucket >= 0 && this.#count > 0; bucket--) {
      const sources = this.#buckets[bucket]!;
      const source = sources[this.#taken[bucket]!];
      if (!source) continue;
      this.#taken[bucket]!++;
      this.#count--;
      if (this.#taken[bucket] === sources.length) {
        sources.length = 0;
        this.#taken[bucket] = 0;
      }
      return source;
    }
    return undefined;
  }
}
