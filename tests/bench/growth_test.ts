/** The growth of a copy's cost, with tiny sizes: that points are right and drawn, never what they cost. */
import { assert, assertEquals } from "@std/assert";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { testWhere } from "../helpers/test_folder.ts";
import { drawGrowth } from "./chart.ts";
import { measureGrowth, renderPoint } from "./growth.ts";

const name = "bench:growth copies every size and count, measures both ends, and draws the curves";

testWhere({ programs: ["diff", "timeout"] }, name, async () => {
  const { machine, startSeconds, points, leftOut } = await measureGrowth({
    sizesBytes: [1_000_000, 5_000_000, 1e18],
    counts: [10, 1100],
    runs: 1,
    io: whyNoUringEngine() === undefined ? "uring" : "deno",
    place: "disk",
    log: () => {},
  });
  assertEquals(points.map(({ of, amount }) => [of, amount]), [
    ["bytes", 1_000_000],
    ["bytes", 5_000_000],
    ["files", 10],
    ["files", 1100],
  ]);
  for (const point of points) {
    assert(point.senderPeakMiB > 20 && point.receiverPeakMiB > 20, renderPoint(point));
    assert(point.cpuSeconds > 0, renderPoint(point));
  }
  assert(startSeconds > 0);
  assertEquals(leftOut.length, 1);
  assert(leftOut[0]!.startsWith("1000000000.0 GB: left out"), leftOut[0]);
  const svg = await drawGrowth(points, machine);
  assert(svg.startsWith("<svg") && svg.includes("1 KiB files"), svg.slice(0, 200));
});
