import { assertEquals } from "@std/assert";
import { hasOwnName, isRunJournal, newRunJournal, ownHeaderBytes } from "./own_files.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("isRunJournal() knows a journal by its first line, and by all of it", () => {
  const journal = newRunJournal();
  assertEquals(journal.length, ownHeaderBytes);
  assertEquals(isRunJournal(journal), true);
  for (let i = 0; i < journal.length; i++) {
    assertEquals(isRunJournal(journal.subarray(0, i)), false);
    assertEquals(isRunJournal(journal.with(i, journal[i]! ^ 1)), false);
  }
});

Deno.test("hasOwnName() asks about names of journals alone", () => {
  const names = [".rcopy-run-0", ".rcopy-run-x", ".rcopy-notes", ".rcopy-", "rcopy-run-0"];
  assertEquals(names.map((name) => hasOwnName(bytes(name))), [true, true, false, false, false]);
});
