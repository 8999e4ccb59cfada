import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { withSeed } from "../../tests/helpers/random.ts";
import { Arena, type Slice } from "./arena.ts";

const pageBytes = 4096;
const start = 2 * pageBytes;
const arenaBytes = 64 * pageBytes;

function openArena(): { arena: Arena; memory: Uint8Array<ArrayBuffer> } {
  const memory = new Uint8Array(start + arenaBytes);
  return { arena: new Arena(memory, start), memory };
}

function pagesOf(slice: Slice): number {
  return Math.ceil(slice.length / pageBytes);
}

/** The lowest offset with `pages` pages that no slice holds: what first fit must find. */
function firstFit(slices: Slice[], pages: number): number | undefined {
  const taken = new Set(
    slices.flatMap((slice) => Array.from({ length: pagesOf(slice) }, (_, i) => slice.offset / pageBytes + i)),
  );
  const end = (start + arenaBytes) / pageBytes;
  for (let page = start / pageBytes, run = 0; page < end; page++) {
    run = taken.has(page) ? 0 : run + 1;
    if (run === pages) return (page - pages + 1) * pageBytes;
  }
  return undefined;
}

/** Takes a slice of so many bytes, or returns the one with this index among those held. */
const step = fc.oneof(
  fc.record({ take: fc.integer({ min: 1, max: 20 * pageBytes }) }),
  fc.record({ giveBack: fc.nat(30) }),
);

/** The seed is named in a failure, and RCOPY_TEST_SEED replays it. */
async function checkProperty<Values>(property: fc.IProperty<Values>): Promise<void> {
  await withSeed((_random, seed) => fc.assert(property, { seed, numRuns: 300 }));
}

Deno.test("an arena hands out the first place that fits, never twice, and gets all of it back", async () => {
  await checkProperty(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
    const { arena } = openArena();
    const held: Slice[] = [];
    for (const step of steps) {
      if ("take" in step) {
        const place = firstFit(held, Math.ceil(step.take / pageBytes));
        const slice = arena.tryTake(step.take);
        assertEquals(slice?.offset, place);
        if (!slice) continue;
        assertEquals(slice.length, step.take);
        assertEquals([slice.bytes.byteOffset, slice.bytes.length], [slice.offset, slice.length]);
        held.push(slice);
      } else if (held.length > 0) {
        held.splice(step.giveBack % held.length, 1)[0]![Symbol.dispose]();
      }
      assertEquals(arena.bytesFree, arenaBytes - held.reduce((sum, s) => sum + pagesOf(s) * pageBytes, 0));
    }
    for (const slice of held) slice[Symbol.dispose]();
    using whole = arena.take(arenaBytes);
    assertEquals([whole.offset, arena.bytesFree], [start, 0]);
  }));
});

Deno.test("a slice is returned once however often it is disposed, and is of no use then", () => {
  const { arena, memory } = openArena();
  const slice = arena.take(5000);
  assertStrictEquals(slice.bytes.buffer, memory.buffer);
  slice[Symbol.dispose]();
  using other = arena.take(5000);
  slice[Symbol.dispose]();
  assertEquals(arena.bytesFree, arenaBytes - 2 * pageBytes);
  assertThrows(() => slice.bytes, Error, "returned");
  assert(other.bytes.length === 5000);
});

Deno.test("without room in one piece there is no slice", () => {
  const { arena } = openArena();
  const slices = [1, 2, 3].map(() => arena.take(16 * pageBytes));
  slices[1]![Symbol.dispose]();
  assertEquals(arena.tryTake(arena.bytesFree), undefined);
  assertThrows(() => arena.take(arena.bytesFree), Error, "has room");
  for (const slice of slices) slice[Symbol.dispose]();
});

Deno.test("a slice has a whole number of bytes, at least one", () => {
  const { arena } = openArena();
  for (const bytes of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => arena.tryTake(bytes), Error, "whole number");
  }
});
