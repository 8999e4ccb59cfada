/** DER against the examples of X.690 and RFC 5280, and at every length where the encoding changes. */
import { assertEquals, assertThrows } from "@std/assert";
import * as der from "./der.ts";

Deno.test("element() has one byte of length up to 127, then two and three; more has no place", () => {
  const headOf = (bytes: number) => der.octetString(new Uint8Array(bytes)).subarray(0, -bytes || undefined);
  assertEquals(headOf(0), Uint8Array.of(0x04, 0));
  assertEquals(headOf(127), Uint8Array.of(0x04, 127));
  assertEquals(headOf(128), Uint8Array.of(0x04, 0x81, 128));
  assertEquals(headOf(255), Uint8Array.of(0x04, 0x81, 255));
  assertEquals(headOf(256), Uint8Array.of(0x04, 0x82, 1, 0));
  assertEquals(headOf(65_535), Uint8Array.of(0x04, 0x82, 255, 255));
  assertThrows(() => headOf(65_536), RangeError);
});

Deno.test("integer() is shortest, and never negative", () => {
  const shown = (...bytes: number[]) => der.integer(Uint8Array.from(bytes)).toHex();
  assertEquals(shown(0), "020100");
  assertEquals(shown(0, 0), "020100");
  assertEquals(shown(127), "02017f");
  assertEquals(shown(128), "02020080");
  assertEquals(shown(0, 0, 128), "02020080");
  assertEquals(shown(1, 0), "02020100");
});

const identifiers = [
  ["1.3.101.112", "06032b6570"],
  ["1.2.840.113549.1.1.11", "06092a864886f70d01010b"],
  ["1.2.840.10045.4.3.2", "06082a8648ce3d040302"],
  ["2.5.29.19", "0603551d13"],
  ["2.999.3", "0603883703"],
] as const;
for (const [dotted, hex] of identifiers) {
  Deno.test(`objectIdentifier() encodes ${dotted} as X.690 has it`, () => {
    assertEquals(der.objectIdentifier(dotted).toHex(), hex);
  });
}

Deno.test("time() has two digits of the year from 1950 to 2049, and four otherwise", () => {
  const shown = (text: string) => {
    const [tag, length, ...characters] = der.time(new Date(text));
    assertEquals(length, characters.length);
    return `${tag!.toString(16)} ${String.fromCharCode(...characters)}`;
  };
  assertEquals(shown("2026-11-27T15:04:05.999Z"), "17 261127150405Z");
  assertEquals(shown("2049-12-31T23:59:59Z"), "17 491231235959Z");
  assertEquals(shown("2050-01-01T00:00:00Z"), "18 20500101000000Z");
  assertEquals(shown("1950-01-01T00:00:00Z"), "17 500101000000Z");
  assertEquals(shown("1949-12-31T23:59:59Z"), "18 19491231235959Z");
  assertEquals(shown("9999-12-31T23:59:59Z"), "18 99991231235959Z");
});

Deno.test("tagged(), bitString(), set(), utf8String() and the constants have their tags", () => {
  assertEquals(der.tagged(0, true, der.yes).toHex(), "a0030101ff");
  assertEquals(der.tagged(2, false, Uint8Array.of(0x61)).toHex(), "820161");
  assertEquals(der.bitString(Uint8Array.of(0x6e)).toHex(), "0302006e");
  assertEquals(der.set(der.nothing).toHex(), "31020500");
  assertEquals(der.utf8String("é").toHex(), "0c02c3a9");
  assertEquals(der.sequence(der.yes, der.nothing).toHex(), "30050101ff0500");
});

Deno.test("pem() breaks lines at 64 characters, and only there", () => {
  const lines = der.pem("X Y", new Uint8Array(49)).split("\n");
  assertEquals(lines.map((line) => line.length), [19, 64, 4, 17, 0]);
  assertEquals([lines[0], lines[3]], ["-----BEGIN X Y-----", "-----END X Y-----"]);
  assertEquals(der.pem("X", new Uint8Array(48)).split("\n").length, 4);
});
