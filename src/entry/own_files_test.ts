import { assertEquals } from "@std/assert";
import {
  hasOwnName,
  isOwnFile,
  isOwnFileCut,
  isRunJournal,
  newRunJournal,
  ownHeaderBytes,
  partJournalHeader,
} from "./own_files.ts";

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
  const own = [".rcopy-run-0", ".rcopy-run-x", ".rcopy-a.journal", ".rcopy-.journal"];
  const others = [
    ".rcopy-notes",
    ".rcopy-",
    "rcopy-run-0",
    ".rcopy-a.part",
    ".rcopy-a.journals",
    "a.journal",
  ];
  for (const name of own) assertEquals(hasOwnName(bytes(name)), true, name);
  for (const name of others) assertEquals(hasOwnName(bytes(name)), false, name);
});

Deno.test("isOwnFile() knows both kinds of journals, of each version; isOwnFileCut() what a loss of power leaves of them", () => {
  assertEquals(partJournalHeader.length, ownHeaderBytes);
  for (const start of [newRunJournal(), partJournalHeader, bytes("rcopy part journal 7")]) {
    assertEquals([isOwnFile(start), isOwnFileCut(start)], [true, false]);
  }
  for (let i = 0; i < ownHeaderBytes - 1; i++) {
    assertEquals([
      isOwnFile(partJournalHeader.subarray(0, i)),
      isOwnFileCut(partJournalHeader.subarray(0, i)),
    ], [false, true]);
  }
  assertEquals([isOwnFile(new Uint8Array(20)), isOwnFileCut(new Uint8Array(20))], [false, true]);
  for (const text of ["this is mine", "rcopy part of my notes", "r copy"]) {
    assertEquals([isOwnFile(bytes(text)), isOwnFileCut(bytes(text))], [false, false], text);
  }
});
