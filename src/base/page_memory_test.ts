import { assertEquals } from "@std/assert";
import { pageMemory } from "./page_memory.ts";

Deno.test("pageMemory() begins at a page, whatever its size", () => {
  for (const bytes of [1, 4096, 65_536, 65_537, 1_000_000]) {
    const memory = pageMemory(bytes);
    const address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory)));
    assertEquals([memory.length, address % 4096], [bytes, 0]);
  }
});
