import { assertEquals } from "@std/assert";
import { renderSelfTimes, selfTimes } from "./cpu_profile.ts";

const profile = {
  nodes: [
    { id: 1, callFrame: { functionName: "(idle)", url: "", lineNumber: -1 } },
    {
      id: 2,
      callFrame: { functionName: "hash", url: "file:///home/me/rcopy/src/codec/hash.ts", lineNumber: 9 },
    },
    { id: 3, callFrame: { functionName: "", url: "ext:core/01_core.js", lineNumber: 0 } },
    {
      id: 4,
      callFrame: { functionName: "hash", url: "file:///home/me/rcopy/src/codec/hash.ts", lineNumber: 9 },
    },
  ],
  samples: [1, 2, 3, 4, 2],
  timeDeltas: [1000, 2000, 500, 3000, 500],
};

Deno.test("a profile gives each function its own time, wherever it was called from, longest first", () => {
  assertEquals(selfTimes(profile), [
    { where: "hash src/codec/hash.ts:10", ms: 5.5 },
    { where: "(idle)", ms: 1 },
    { where: "(anonymous) ext:core/01_core.js:1", ms: 0.5 },
  ]);
});

Deno.test("own times stand in a table with their part of the whole, and an empty profile has none", () => {
  assertEquals(renderSelfTimes(selfTimes(profile), 1).split("\n").map((row) => row.trim()), [
    "7.0 ms in all",
    "5.5 ms   78.6 %  hash src/codec/hash.ts:10",
  ]);
  assertEquals(renderSelfTimes([], 5).trim(), "0.0 ms in all");
});
