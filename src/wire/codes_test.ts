import { assertEquals } from "@std/assert";
import { type ErrorCode, exitStatusOfCode } from "../base/errors.ts";
import { errorCodeOf, wireCodeOf } from "./codes.ts";

Deno.test("every error code has a number of its own, from 1 on, and comes back from it", () => {
  const codes = Object.keys(exitStatusOfCode) as ErrorCode[];
  const numbers = codes.map((code) => wireCodeOf[code]).sort((a, b) => a - b);
  assertEquals(numbers, codes.map((_, i) => i + 1));
  for (const code of codes) assertEquals(errorCodeOf(wireCodeOf[code]), code);
});

Deno.test("a number of a later version is an error of one entry, never no error", () => {
  const unknown = Math.max(...Object.values(wireCodeOf)) + 1;
  for (const number of [0, unknown, 0xffff]) assertEquals(errorCodeOf(number), "io");
});
