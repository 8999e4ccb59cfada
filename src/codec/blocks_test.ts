import { assertEquals } from "@std/assert";
import { blockBytes, extentBytes } from "../wire/limits.ts";
import {
  allBlocks,
  blockCount,
  bytesOfBlocks,
  differingBlocks,
  gatherBlocks,
  hashBlocks,
  rangesOf,
  spreadBlocks,
} from "./blocks.ts";
import { Codec } from "./codec.ts";

Deno.test("the blocks of an extent are as many as it has bytes for, and the last may be short", () => {
  for (
    const [bytes, count, all] of [
      [1, 1, 1],
      [blockBytes, 1, 1],
      [blockBytes + 1, 2, 3],
      [extentBytes - 1, 32, 0xffff_ffff],
      [extentBytes, 32, 0xffff_ffff],
    ] as const
  ) assertEquals([blockCount(bytes), allBlocks(bytes), bytesOfBlocks(all, bytes)], [count, all, bytes]);
  assertEquals(bytesOfBlocks(0, extentBytes), 0);
  assertEquals(bytesOfBlocks(0x8000_0000, extentBytes - 7), blockBytes - 7);
});

Deno.test("rangesOf() joins neighbours, up to the last block", () => {
  assertEquals(rangesOf(0b1011, 3 * blockBytes + 5), [
    { start: 0, bytes: 2 * blockBytes },
    { start: 3 * blockBytes, bytes: 5 },
  ]);
  assertEquals(rangesOf(0xffff_ffff, extentBytes), [{ start: 0, bytes: extentBytes }]);
  assertEquals(rangesOf(0, extentBytes), []);
});

for (const bytes of [extentBytes, extentBytes - 1, 5 * blockBytes + 1]) {
  Deno.test(`any blocks of ${bytes} bytes are gathered, and spread to where they were`, () => {
    const content = Uint8Array.from({ length: bytes }, (_, i) => (i / blockBytes + i * 7) & 255);
    const all = allBlocks(bytes);
    for (
      const blocks of [
        0,
        1,
        2,
        all,
        all - 1,
        all >>> 1,
        0x5555_5555 & all,
        0x0ff0_f00f & all,
        0x8000_0000 & all,
      ]
    ) {
      const set = blocks >>> 0;
      const memory = new Uint8Array(bytes + 3);
      memory.set(content, 3);
      const gathered = gatherBlocks(memory, 3, bytes, set);
      assertEquals(gathered, bytesOfBlocks(set, bytes));
      memory.fill(0, 3 + gathered);
      spreadBlocks(memory, 3, bytes, set);
      for (const { start, bytes: length } of rangesOf(set, bytes)) {
        const [there, wanted] = [
          memory.subarray(3 + start, 3 + start + length),
          content.subarray(start, start + length),
        ];
        assertEquals(there.every((byte, i) => byte === wanted[i]), true);
      }
    }
  });
}

Deno.test("blocks differ where one byte does, where they are cut off, and where they are missing", () => {
  const bytes = 4 * blockBytes;
  using codec = Codec.open({ arenaBytes: bytes });
  using slice = codec.arena.take(bytes);
  slice.bytes.fill(7);
  const here = hashBlocks(codec, slice.offset, bytes);
  assertEquals([here.length, differingBlocks(here, here)], [64, 0]);
  slice.bytes[2 * blockBytes - 1] = 8;
  assertEquals(differingBlocks(here, hashBlocks(codec, slice.offset, bytes)), 0b0010);
  slice.bytes.fill(7);
  assertEquals(differingBlocks(here, hashBlocks(codec, slice.offset, bytes, 2 * blockBytes + 1)), 0b1100);
  assertEquals(differingBlocks(here, hashBlocks(codec, slice.offset, bytes, 0)), 0b1111);
  // The hash of nothing is one, too.
  assertEquals(hashBlocks(codec, slice.offset, bytes, 0).subarray(0, 16), codec.hashOf(new Uint8Array(0)));
});
