import { assertEquals } from "@std/assert";
import { LargeQueue } from "./large_queue.ts";
import type { LargeSource } from "../source/large_file.ts";

Deno.test("LargeQueue gives the largest first, those of about one size in their order", () => {
  const queue = new LargeQueue();
  const sizes = [5e6, 7e9, 6e6, 4.5e6, 1e9, Number.MAX_SAFE_INTEGER, 8e9];
  for (const size of sizes) queue.add({ size } as LargeSource);
  assertEquals(queue.length, sizes.length);
  assertEquals(queue.take()!.size, Number.MAX_SAFE_INTEGER);
  queue.add({ size: 2e12 } as LargeSource);
  const rest: number[] = [];
  for (let source = queue.take(); source; source = queue.take()) rest.push(source.size);
  assertEquals(rest, [2e12, 7e9, 8e9, 1e9, 5e6, 6e6, 4.5e6]);
  assertEquals([queue.length, queue.take()], [0, undefined]);
});
