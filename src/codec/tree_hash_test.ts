import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { withSeed } from "../../tests/helpers/random.ts";
import { TreeHash } from "./tree_hash.ts";

const modulus = 1n << 128n;
/** Numbers of 128 bits, with those that carry through every limb among them. */
const number128 = fc.oneof(
  fc.bigInt({ min: 0n, max: modulus - 1n }),
  fc.constantFrom(0n, 1n, modulus - 1n, 1n << 127n, (1n << 96n) - 1n, (1n << 64n) - 1n, 1n << 31n, 1n << 32n),
);

function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(32, "0"));
}

function shown(values: bigint[]): string {
  const sum = values.reduce((sum, value) => (sum + value) % modulus, 0n);
  return `${values.length}-${sum.toString(16).padStart(32, "0")}`;
}

/** The seed is named in a failure, and RCOPY_TEST_SEED replays it. */
async function checkProperty<Values>(property: fc.IProperty<Values>): Promise<void> {
  await withSeed((_random, seed) => fc.assert(property, { seed }));
}

Deno.test("a tree hash is the count and the sum modulo 2^128, wherever the hashes lie", async () => {
  await checkProperty(fc.property(fc.array(number128, { maxLength: 50 }), fc.nat(20), (values, gap) => {
    const hash = new TreeHash();
    for (const value of values) {
      const bytes = new Uint8Array(gap + 16).fill(0xff);
      bytes.set(bytesOf(value), gap);
      hash.add(bytes, gap);
    }
    assertEquals(hash.toString(), shown(values));
    assertEquals(hash.count, values.length);
    assertEquals(`${hash.count}-${hash.sum.toHex()}`, shown(values));
  }));
});

Deno.test("the tree hash of nothing is zero", () => {
  assertEquals(new TreeHash().toString(), "0-00000000000000000000000000000000");
});
