import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { batchEntriesMax } from "../../wire/limits.ts";
import { entryKey } from "./entry_key.ts";

Deno.test("entryKey() is one number for one entry of all batches", () => {
  assertEquals(entryKey(7, 9), entryKey(7, 9));
  assertNotEquals(entryKey(0, batchEntriesMax - 1), entryKey(1, 0));
  assertEquals(Number.isSafeInteger(entryKey(2 ** 32 - 1, batchEntriesMax - 1)), true);
});

Deno.test("entryKey() refuses an entry that would be taken for one of the next batch", () => {
  const error = assertThrows(() => entryKey(0, batchEntriesMax), RcopyError);
  assertEquals((error as RcopyError).code, "protocol");
});
