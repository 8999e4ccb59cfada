/** Hashes of many files that lie in the arena, in one call of the codec. */
import { assert } from "../base/errors.ts";
import { hashBytes } from "../wire/limits.ts";
import type { Codec } from "./codec.ts";

const rowBytes = 8;

/**
 * XXH3-128 of each range of the codec's memory, canonical, 16 bytes each, as a copy of its own.
 * At most as many ranges as the scratch memory has room for (more than a bundle may hold).
 */
export function hashFilesInPlace(
  codec: Codec,
  offsets: readonly number[],
  sizes: readonly number[],
): Uint8Array {
  const count = offsets.length;
  const table = codec.scratch.offset;
  const results = table + count * rowBytes;
  assert(
    count * (rowBytes + hashBytes) <= codec.scratch.length,
    "a bundle's hash table fits into the scratch memory",
  );
  const rows = new Uint32Array(codec.memory.buffer, table, count * 2);
  for (let i = 0; i < count; i++) {
    rows[i * 2] = offsets[i]!;
    rows[i * 2 + 1] = sizes[i]!;
  }
  codec.hashMany(count, table, results);
  return codec.memory.slice(results, results + count * hashBytes);
}
