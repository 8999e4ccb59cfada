import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { extentBytes } from "../../wire/limits.ts";
import { ToldBlocks } from "./told_blocks.ts";

/** Three extents; the last has two blocks. */
const size = 2 * extentBytes + 200_000;
const whole = 32 * 16;

Deno.test("ToldBlocks gives what is told of each extent once, and lets those wait of which nothing is told yet", () => {
  const told = new ToldBlocks(size, true);
  assertEquals([0, 1, 2].map((extent) => told.mustWait(extent)), [true, true, true]);
  told.add(0, new Uint8Array(2 * whole).fill(1), true);
  assertEquals([told.count, ...[0, 1, 2].map((extent) => told.mustWait(extent))], [2, false, false, true]);
  assertEquals([told.take(0)?.length, told.take(0), told.count], [whole, undefined, 1]);
  told.add(2, new Uint8Array(2 * 16), true);
  told.add(3, new Uint8Array(0), false);
  assertEquals([told.take(2)?.length, told.mustWait(2)], [32, false]);
});

Deno.test("ToldBlocks lets what is passed over be sent, and all of it once nothing more is told", () => {
  const told = new ToldBlocks(size, true);
  told.add(1, new Uint8Array(whole), true);
  assertEquals([told.mustWait(0), told.take(0), told.mustWait(2)], [false, undefined, true]);
  told.add(2, new Uint8Array(0), false);
  assertEquals([told.mustWait(2), told.take(2)], [false, undefined]);
  assertEquals(new ToldBlocks(size, false).mustWait(0), false);
});

Deno.test("ToldBlocks forgets what came too late", () => {
  const told = new ToldBlocks(size, false);
  told.add(0, new Uint8Array(2 * whole), true);
  told.forgetBefore(1);
  assertEquals([told.count, told.take(0), told.take(1)?.length], [1, undefined, whole]);
});

Deno.test("ToldBlocks refuses what the file cannot have", () => {
  const refused = (add: (told: ToldBlocks) => void) => {
    const told = new ToldBlocks(size, true);
    assertEquals((assertThrows(() => add(told), RcopyError) as RcopyError).code, "protocol");
  };
  refused((told) => told.add(0, new Uint8Array(whole - 16), true));
  refused((told) => told.add(2, new Uint8Array(whole), true));
  refused((told) => told.add(2, new Uint8Array(16), true));
  refused((told) => told.add(3, new Uint8Array(16), true));
  refused((told) => told.add(0xffff_ffff, new Uint8Array(whole), true));
  refused((told) => {
    told.add(1, new Uint8Array(whole), true);
    told.add(1, new Uint8Array(whole), true);
  });
  refused((told) => {
    told.add(0, new Uint8Array(0), false);
    told.add(1, new Uint8Array(whole), true);
  });
});
