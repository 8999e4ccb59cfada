import { assertEquals } from "@std/assert";
import { concat, sameBytes } from "./bytes.ts";

Deno.test("concat() joins all parts in order, and shares memory with none", () => {
  const first = Uint8Array.of(1, 2);
  const whole = concat(first, new Uint8Array(0), Uint8Array.of(3));
  assertEquals(whole, Uint8Array.of(1, 2, 3));
  whole[0] = 9;
  assertEquals(first[0], 1);
  assertEquals(concat(), new Uint8Array(0));
});

Deno.test("sameBytes() compares lengths, and every byte", () => {
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  assertEquals(sameBytes(new Uint8Array(0), new Uint8Array(0)), true);
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)), false);
  assertEquals(sameBytes(Uint8Array.of(1, 2, 0), Uint8Array.of(1, 2)), false);
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(3, 2)), false);
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
});
