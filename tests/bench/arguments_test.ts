import { assertEquals, assertThrows } from "@std/assert";
import { namesIn, parseArguments } from "./arguments.ts";

const names = { values: ["runs", "sizes", "json"], switches: ["quick"] };

Deno.test("arguments of a benchmark are values, numbers, lists of numbers and switches", () => {
  const given = parseArguments(["--runs", "3", "--quick", "--sizes", "1,2.5", "--json", "out"], names);
  assertEquals(given.number("runs", 5), 3);
  assertEquals(given.numbers("sizes", [8]), [1, 2.5]);
  assertEquals(given.value("json"), "out");
  assertEquals(given.has("quick"), true);
  const none = parseArguments([], names);
  assertEquals([none.number("runs", 5), none.numbers("sizes", [8]), none.has("quick")], [5, [8], false]);
});

Deno.test("an argument that a benchmark does not know is refused, and so is a number that is none", () => {
  assertThrows(() => parseArguments(["--rusn", "3"], names), Error, "--runs VALUE");
  assertThrows(() => parseArguments(["--runs"], names), Error, "not understood");
  assertThrows(() => parseArguments(["--runs", "0"], names).number("runs", 5), Error, "positive");
});

Deno.test("names in a list are taken apart, and one that is not known is refused with those that are", () => {
  const works = { known: ["big", "few"], what: "work" };
  assertEquals(namesIn("few, big", works), ["few", "big"]);
  assertThrows(() => namesIn("big,fwe", works), Error, 'there is no work "fwe"; there are big, few');
  assertThrows(() => namesIn("big,", works), Error, 'there is no work ""');
});
