// The exports of the codec: XXH3-128 in place over the memory that the host gives.

import { hashLong } from "./long";
import { hashShort } from "./short";

export { stateBytes, streamDigest, streamInit, streamUpdate } from "./stream";

/** Hash of `length` bytes at `input`, canonical, to the 16 bytes at `into`. */
export function hash(input: usize, length: usize, into: usize): void {
  if (length > 240) hashLong(input, length, into);
  else hashShort(input, length, into);
}

/** Hashes of `count` ranges, given as pairs of u32 (offset, length) at `table`; 16 bytes each to `into`. */
export function hashMany(count: usize, table: usize, into: usize): void {
  for (const end = table + (count << 3); table < end; table += 8, into += 16) {
    hash(<usize>load<u32>(table), <usize>load<u32>(table, 4), into);
  }
}
