import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { crc32 as zlibCrc32 } from "node:zlib";
import { crc32 } from "./crc32.ts";

Deno.test("crc32() has the check value of the standard", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assertEquals(crc32(new Uint8Array(0)), 0);
});

Deno.test("crc32() agrees with zlib, whole and continued anywhere", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const expected = zlibCrc32(bytes);
      assertEquals(crc32(bytes), expected);
      assertEquals(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut))), expected);
    }),
    { numRuns: 500 },
  );
});
