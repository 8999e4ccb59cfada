/** One stream against the bare loop, with few bytes: that all of them come, never how fast. */
import { assert, assertEquals } from "@std/assert";
import { measureStreams, renderStream } from "./stream.ts";

Deno.test("bench:stream moves every byte by ours and by the bare loop, over TLS and over TCP", async () => {
  // A last frame that is not full.
  const { figures } = await measureStreams({ bytes: 9_000_001, runs: 1, log: () => {} });
  assertEquals(figures.map(({ program, channel }) => `${program}, ${channel}`), [
    "bare, TLS",
    "rcopy, TLS",
    "bare copy, TLS",
    "bare, plain TCP",
    "rcopy, plain TCP",
    "bare copy, plain TCP",
  ]);
  for (const { program, rate, ratio } of figures) {
    assert(rate > 0 && Number.isFinite(rate), program);
    if (program === "bare") assertEquals(ratio, 1);
  }
  assert(renderStream(figures[1]!).startsWith("TLS         rcopy "));
});
