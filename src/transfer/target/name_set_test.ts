import { assert, assertEquals } from "@std/assert";
import { NameSet } from "./name_set.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("NameSet finds every name that comes twice and no other, among 50,000", () => {
  const names = new NameSet();
  for (let i = 0; i < 50_000; i++) assert(names.add(bytes(`name-${i}`)), `name-${i} is new`);
  for (let i = 0; i < 50_000; i++) assertEquals(names.add(bytes(`name-${i}`)), false);
});

Deno.test("NameSet takes a name that lies in other bytes for the same as the name alone", () => {
  const names = new NameSet();
  assert(names.addIn(bytes("xxnamexx"), 2, 6));
  assertEquals([names.has(bytes("name")), names.add(bytes("name"))], [true, false]);
  assert(names.addIn(bytes("xxnamexx"), 2, 7));
});

Deno.test("NameSet tells names apart that differ in one byte, in order or in length", () => {
  const names = new NameSet();
  for (const name of ["ab", "ba", "a", "b", "aa", "ab\u0001", "\u0000", "\u0000\u0000", "é", "e"]) {
    assert(names.add(bytes(name)), name);
  }
});
