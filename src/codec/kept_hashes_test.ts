import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { Codec } from "./codec.ts";
import { FileHash } from "./file_hash.ts";
import { KeptHashes } from "./kept_hashes.ts";

const hashOf = (index: number) => {
  const hash = new Uint8Array(16);
  new DataView(hash.buffer).setUint32(5, index);
  return hash;
};

/** The extents of these numbers, in pieces of 8192 of the file. */
function told(extents: number, indexes: readonly number[]): KeptHashes {
  const kept = new KeptHashes(extents);
  for (let first = 0; first < extents; first += 8192) {
    const own = indexes.filter((index) => index >= first && index < first + 8192);
    const bitmap = new Uint8Array(1024);
    for (const index of own) bitmap[(index - first) >> 3]! |= 1 << (index & 7);
    kept.add({ first, bitmap, hashes: Uint8Array.from(own.flatMap((index) => [...hashOf(index)])) });
  }
  return kept;
}

Deno.test("KeptHashes finds the hash of each extent that it was told of, and of no other", () => {
  const indexes = [0, 1, 7, 8, 9, 8191, 8192, 8200, 30_000, 30_001];
  const kept = told(30_002, indexes);
  assertEquals(kept.count, indexes.length);
  const found = Array.from({ length: 30_003 }, (_, index) => index).filter((index) => kept.has(index));
  assertEquals(found, indexes);
  for (const index of indexes) assertEquals(kept.at(index), hashOf(index));
});

Deno.test("KeptHashes refuses pieces that overlap, go back, or are past the end", () => {
  const piece = (first: number, ...bits: number[]) => ({
    first,
    bitmap: Uint8Array.from(bits),
    hashes: new Uint8Array(16 * bits.join("").split("1").length - 16),
  });
  const kept = new KeptHashes(10);
  kept.add(piece(4, 1));
  for (const wrong of [piece(4, 1), piece(0, 1), piece(10, 1), piece(5, 0, 0, 1), piece(4, 0)]) {
    const error = assertThrows(() => kept.add(wrong), RcopyError) as RcopyError;
    assertEquals(error.code, "protocol");
  }
  kept.add(piece(5, 0));
  kept.add(piece(9, 1));
  assertEquals([kept.count, kept.has(4), kept.has(5), kept.has(9)], [2, true, false, true]);
});

Deno.test("FileHash takes kept hashes and those that come in any order to the same hash", () => {
  using codec = Codec.open({ arenaBytes: 0 });
  const indexes = Array.from({ length: 40 }, (_, index) => index);
  using whole = new FileHash(codec, indexes.length);
  for (const index of indexes) whole.add(index, hashOf(index));
  for (
    const isKept of [(i: number) => i < 20, (i: number) => i % 3 === 0, (i: number) => i >= 5, () => true]
  ) {
    using hash = new FileHash(codec, indexes.length);
    hash.keep(told(indexes.length, indexes.filter(isKept)));
    const missing = indexes.filter((index) => !hash.has(index));
    assertEquals(missing, indexes.filter((index) => !isKept(index)));
    for (const index of missing.toReversed()) hash.add(index, hashOf(index));
    assertEquals([hash.complete, hash.digest()], [true, whole.digest()]);
  }
});
