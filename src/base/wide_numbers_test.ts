import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { putWide, wideNumbers } from "./wide_numbers.ts";

const edges = [0, 1, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 52 + 1];
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(...edges, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
);

Deno.test("putWide() writes what BigInt writes, and wideNumbers() reads it, whatever the safe integer", () => {
  fc.assert(fc.property(fc.array(safe), (numbers) => {
    const column = new BigInt64Array(numbers.length);
    putWide(column, Float64Array.from(numbers));
    assertEquals([...column], numbers.map(BigInt));
    assertEquals([...wideNumbers(column)], numbers);
  }));
});

Deno.test("wideNumbers() of a column without signs has none, also where it is not at the start of its buffer", () => {
  fc.assert(fc.property(fc.array(fc.maxSafeInteger().map(Math.abs)), (numbers) => {
    const buffer = new ArrayBuffer(8 + numbers.length * 8);
    const column = new BigUint64Array(buffer, 8, numbers.length);
    putWide(column, Float64Array.from(numbers));
    assertEquals([...column], numbers.map(BigInt));
    assertEquals([...wideNumbers(column)], numbers);
  }));
});

Deno.test("putWide() writes as many numbers as the column has", () => {
  const column = new BigUint64Array(1);
  putWide(column, Float64Array.of(7, 8));
  assertEquals([...column], [7n]);
});
