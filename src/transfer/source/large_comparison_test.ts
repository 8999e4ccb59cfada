import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { KeptHashes } from "../../codec/kept_hashes.ts";
import { KeptComparison, LargeComparison } from "./large_comparison.ts";

function hashOf(extent: number): Uint8Array {
  return new Uint8Array(16).fill(extent + 1);
}

/** Extents from `first` on, `count` of them, with their own hashes. */
function told(first: number, count: number) {
  const hashes = new Uint8Array(16 * count);
  for (let i = 0; i < count; i++) hashes.set(hashOf(first + i), 16 * i);
  return { first, bitmap: Uint8Array.of((1 << count) - 1), hashes };
}

function takeAll(comparison: LargeComparison): number[] {
  const taken: number[] = [];
  for (let at = comparison.takeNext(); at !== undefined; at = comparison.takeNext()) taken.push(at);
  return taken;
}

Deno.test("LargeComparison gives out extents as they are told, and is equal when all are, in any order", () => {
  const comparison = new LargeComparison(5);
  assertEquals(takeAll(comparison), []);
  comparison.add(told(0, 3), true);
  assertEquals([takeAll(comparison), comparison.hashes, comparison.isTold], [[0, 1, 2], 3, false]);
  for (const extent of [2, 0, 1]) comparison.compare(extent, hashOf(extent));
  comparison.add(told(3, 2), true);
  assertEquals(takeAll(comparison), [3, 4]);
  for (const extent of [4, 3]) comparison.compare(extent, hashOf(extent));
  assertEquals(comparison.outcome, "open");
  comparison.add(told(5, 0), false);
  assertEquals([comparison.outcome, comparison.hashes, comparison.isTold], ["equal", 0, true]);
});

Deno.test("LargeComparison is different as soon as one extent is, and takes note of nothing more", () => {
  const comparison = new LargeComparison(5);
  comparison.add(told(0, 3), true);
  comparison.compare(1, hashOf(7));
  assertEquals([comparison.outcome, comparison.hashes, takeAll(comparison)], ["different", 0, []]);
  comparison.add(told(3, 2), true);
  comparison.compare(3, hashOf(3));
  comparison.add(told(5, 0), false);
  assertEquals([comparison.outcome, comparison.isTold, comparison.hashes], ["different", true, 0]);
});

Deno.test("LargeComparison is different where the receiver leaves extents out", () => {
  for (
    const pieces of [
      [{ ...told(1, 2), more: true }],
      [{ ...told(0, 2), more: true }, { ...told(3, 1), more: true }],
      [{ first: 0, bitmap: Uint8Array.of(0b101), hashes: new Uint8Array(32), more: true }],
      [{ ...told(0, 4), more: false }],
      [{ ...told(0, 0), more: false }],
    ]
  ) {
    const comparison = new LargeComparison(5);
    for (const { more, ...piece } of pieces) comparison.add(piece, more);
    assertEquals(comparison.outcome, "different");
  }
});

Deno.test("LargeComparison refuses more hashes than there are extents, also once it is over", () => {
  const refused = (run: () => void) =>
    assertEquals((assertThrows(run, RcopyError) as RcopyError).code, "protocol");
  const comparison = new LargeComparison(5);
  refused(() => comparison.add(told(3, 3), true));
  const over = new LargeComparison(5);
  over.add(told(1, 1), true);
  refused(() => [1, 2, 3, 4].forEach(() => over.add(told(1, 2), true)));
});

/** Extents 0, 1 and 3 of five. */
function keptOfFive(): KeptHashes {
  const kept = new KeptHashes(5);
  kept.add(told(0, 2));
  kept.add(told(3, 1));
  return kept;
}

Deno.test("KeptComparison gives out what is kept, and is equal when all of it is", () => {
  const comparison = new KeptComparison(keptOfFive());
  const taken: number[] = [];
  for (let at = comparison.takeNext(); at !== undefined; at = comparison.takeNext()) taken.push(at);
  assertEquals(taken, [0, 1, 3]);
  assertEquals([3, 0, 1].map((at) => comparison.compare(at, hashOf(at))), ["open", "open", "equal"]);
});

Deno.test("KeptComparison gives out no more once one extent is another", () => {
  const comparison = new KeptComparison(keptOfFive());
  assertEquals([comparison.takeNext(), comparison.compare(0, hashOf(9))], [0, "different"]);
  assertEquals([comparison.takeNext(), comparison.compare(1, hashOf(1))], [undefined, "different"]);
});
