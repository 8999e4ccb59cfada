import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { parseEntryName } from "./name.ts";
import {
  baseName,
  journalName,
  partOfJournal,
  randomTemporaryName,
  temporaryName,
} from "./temporary_name.ts";

const name = (text: string) => parseEntryName(new TextEncoder().encode(text));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("temporaryName() is the same for the same name, and a checked component", () => {
  const made = temporaryName(name("report.pdf"));
  assertMatch(text(made), /^\.rcopy-[a-z2-7]{26}\.part$/);
  assertEquals(temporaryName(name("report.pdf")), made);
  assertEquals(parseEntryName(made), made);
});

Deno.test("names beside a part are its own with another ending, and lead back to it", () => {
  const part = temporaryName(name("report.pdf"));
  const stem = text(part).slice(0, -".part".length);
  assertEquals([text(journalName(part)), text(baseName(part))], [`${stem}.journal`, `${stem}.base`]);
  assertEquals(partOfJournal(journalName(part)), part);
});

Deno.test("temporaryName() differs for names that differ in one bit, in length, or in their order", () => {
  const names = ["a", "b", "aa", "ab", "ba", "A", " a", "a ", "\u0001", "x".repeat(254), "x".repeat(255)];
  for (let i = 0; i < 20_000; i++) names.push(`file-${i}`);
  const made = new Set(names.map((one) => text(temporaryName(name(one)))));
  assertEquals(made.size, names.length);
});

Deno.test("temporaryName() takes bytes that are not UTF-8", () => {
  const made = temporaryName(parseEntryName(Uint8Array.of(0xff, 0xfe)));
  assertNotEquals(made, temporaryName(parseEntryName(Uint8Array.of(0xfe, 0xff))));
});

Deno.test("randomTemporaryName() is another one each time, of the same form", () => {
  const made = Array.from({ length: 100 }, () => text(randomTemporaryName()));
  assertEquals(new Set(made).size, 100);
  assert(made.every((one) => /^\.rcopy-[a-z2-7]{26}\.part$/.test(one)));
});
