import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { copyName, endOfSafeName, nameIn, parseEntryName, whyUnsafeName } from "./name.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

for (
  const name of [
    "",
    ".",
    "..",
    "../pwn",
    "a/../../pwn",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "/etc/x",
    "a\0b",
  ]
) {
  Deno.test(`parseEntryName() refuses ${JSON.stringify(name)}`, () => {
    const error = assertThrows(() => parseEntryName(bytes(name)), RcopyError);
    assertEquals((error as RcopyError).code, "name-unsafe");
  });
}

Deno.test("parseEntryName() refuses 256 bytes and takes 255", () => {
  assertThrows(() => parseEntryName(new Uint8Array(256).fill(97)), RcopyError, "256 bytes");
  assertEquals(parseEntryName(new Uint8Array(255).fill(97)).length, 255);
});

for (const name of ["...", "-rf", "a\\b", "C:\\x", "\n", "\u001b[2J", " ", ".rcopy", ".rcopy-0", "..a"]) {
  Deno.test(`parseEntryName() takes ${JSON.stringify(name)}, an ordinary name on Unix`, () => {
    assertEquals(parseEntryName(bytes(name)), bytes(name));
  });
}

Deno.test("parseEntryName() takes bytes that are not UTF-8", () => {
  for (const name of [[0xe9], [0xff, 0xfe], [0x80]]) {
    assertEquals([...parseEntryName(Uint8Array.from(name))], name);
  }
});

Deno.test("copyName() survives the blob that nameIn() gave a view of", () => {
  const blob = bytes("one\0two\0");
  const copy = copyName(nameIn(blob, 4, 7));
  blob.fill(0);
  assertEquals(copy, bytes("two"));
});

Deno.test("endOfSafeName() finds the end of a name only where whyUnsafeName() has nothing against it", () => {
  const names = ["a", "", "x".repeat(255), "x".repeat(256), "a/b", "/", ".", "..", ".a", "é", "a.", "\u0001"];
  for (const name of names) {
    const encoded = new TextEncoder().encode(name);
    const blob = Uint8Array.of(0x79, 0, ...encoded, 0, 0x7a, 0);
    const isPlain = whyUnsafeName(encoded) === undefined && !name.startsWith(".");
    assertEquals(endOfSafeName(blob, 2), isPlain ? 2 + encoded.length : -1, name);
  }
});

Deno.test("endOfSafeName() finds no end of a name that nothing ends", () => {
  for (const name of ["", "a", "x".repeat(300)]) {
    assertEquals(endOfSafeName(new TextEncoder().encode(name), 0), -1);
  }
});
