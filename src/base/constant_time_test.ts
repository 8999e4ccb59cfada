import { assertEquals } from "@std/assert";
import { equalInConstantTime } from "./constant_time.ts";

const secret = Uint8Array.of(7, 0, 255, 1);

/** The bytes, with every read of one of them counted. */
function counted(bytes: Uint8Array): { bytes: Uint8Array; reads: () => number } {
  let reads = 0;
  const get = (target: Uint8Array, key: string | symbol) => {
    if (typeof key === "string" && /^\d+$/.test(key)) reads++;
    return Reflect.get(target, key, target);
  };
  return { bytes: new Proxy(bytes, { get }), reads: () => reads };
}

Deno.test("equalInConstantTime() is true for equal bytes alone", () => {
  assertEquals(equalInConstantTime(secret, secret.slice()), true);
  assertEquals(equalInConstantTime(new Uint8Array(0), new Uint8Array(0)), true);
  for (let bit = 0; bit < 8 * secret.length; bit++) {
    const other = secret.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    assertEquals(equalInConstantTime(secret, other), false, `bit ${bit}`);
  }
  assertEquals(equalInConstantTime(secret, secret.subarray(0, 3)), false);
  assertEquals(equalInConstantTime(secret, Uint8Array.of(...secret, 0)), false);
  // Bytes that are not there count as zero, and the length still tells.
  assertEquals(equalInConstantTime(new Uint8Array(2), new Uint8Array(1)), false);
});

Deno.test("equalInConstantTime() reads as many bytes wherever the first difference is", () => {
  for (const given of [secret.slice(), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(7), new Uint8Array(9)]) {
    const { bytes, reads } = counted(given);
    equalInConstantTime(secret, bytes);
    assertEquals(reads(), secret.length);
  }
});
