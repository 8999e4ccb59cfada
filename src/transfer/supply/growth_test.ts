import { assertEquals } from "@std/assert";
import { LaneGrowth, type LaneSample, type Streams } from "./growth.ts";

interface Session {
  looks?: number;
  workLeft?: number;
  growing?: boolean;
  /** Part of the time that each lane waits. */
  waiting?: number;
  /** Processors beside that of the main thread. */
  spare?: number;
}

/** Runs a session whose rate depends on its connections, looked at every 50 ms; returns how many it has after each look. */
function run(
  { roundTripMs, ...streams }: Streams & { roundTripMs: number },
  rateOf: (lanes: number) => number,
  { looks = 200, workLeft = 1e12, growing = false, waiting = 0, spare = 31 }: Session = {},
): number[] {
  const growth = new LaneGrowth(streams);
  let lanes = 1;
  let workDone = 0;
  let waitingMs = 0;
  const counts: number[] = [];
  for (let look = 0; look < looks; look++) {
    const spareThreads = Math.max(0, spare + 1 - lanes);
    const sample: LaneSample = {
      now: look * 50,
      workDone,
      workLeft,
      growing,
      lanes,
      opening: 0,
      waitingMs,
      spareThreads,
      roundTripMs,
    };
    lanes += growth.more(sample);
    workDone += rateOf(lanes) * 50;
    waitingMs += waiting * lanes * 50;
    counts.push(lanes);
  }
  return counts;
}

const auto = { limit: 32, isFixed: false, roundTripMs: 1 };
const far = { ...auto, roundTripMs: 30 };

Deno.test("LaneGrowth asks for more connections as long as each step pays, up to the limit", () => {
  assertEquals(run(far, (lanes) => lanes * 1000, { waiting: 1 }).at(-1), 32);
  assertEquals(run({ ...far, limit: 6 }, (lanes) => lanes * 1000, { waiting: 1 }).at(-1), 6);
});

Deno.test("LaneGrowth stops where a step does not pay", () => {
  assertEquals(run(auto, () => 1000).at(-1), 2);
  assertEquals(run(far, (lanes) => Math.min(lanes, 8) * 1000, { waiting: 1 }).at(-1), 32);
});

Deno.test("LaneGrowth takes small steps where lanes work, and large ones where they only wait", () => {
  const steps = (waiting: number) => [...new Set(run(far, (lanes) => lanes * 1000, { waiting }))];
  assertEquals(steps(0.1), [1, 2, 4, 8, 16, 32]);
  assertEquals(steps(0.9), [1, 8, 32]);
});

Deno.test("LaneGrowth measures for some round trips before it judges", () => {
  const firstStep = run({ ...auto, roundTripMs: 100 }, (lanes) => lanes * 1000).findIndex((lanes) =>
    lanes > 1
  );
  assertEquals(firstStep * 50, 300);
});

Deno.test("LaneGrowth asks for nothing when little is left, unless the scan may find more", () => {
  assertEquals(run(auto, () => 1000, { workLeft: 100_000 }).at(-1), 1);
  assertEquals(run(auto, (lanes) => lanes * 1000, { workLeft: 100_000, growing: true }).at(-1), 32);
});

Deno.test("LaneGrowth asks for a fixed number at once, and again later for what did not come or was lost", () => {
  const fixed = { ...auto, limit: 8, isFixed: true };
  assertEquals(run(fixed, () => 1000)[0], 8);
  const growth = new LaneGrowth(fixed);
  const sample = {
    workDone: 0,
    workLeft: 1,
    growing: false,
    opening: 0,
    waitingMs: 0,
    spareThreads: 8,
    roundTripMs: 1,
  };
  assertEquals(growth.more({ ...sample, now: 0, lanes: 1 }), 7);
  assertEquals(growth.more({ ...sample, now: 50, lanes: 6 }), 0);
  assertEquals(growth.more({ ...sample, now: 1100, lanes: 6 }), 2);
  assertEquals(growth.more({ ...sample, now: 1150, lanes: 8 }), 0);
});

Deno.test("LaneGrowth adds lanes that work only where a processor is left for each", () => {
  const lanes = (spare: number) => run(auto, (count) => count * 1000, { spare }).at(-1);
  assertEquals([lanes(0), lanes(1), lanes(2), lanes(5)], [1, 2, 3, 6]);
});

Deno.test("LaneGrowth adds none for lanes that wait for a peer nearby, which is what keeps them waiting", () => {
  assertEquals(run(auto, (count) => count * 1000, { waiting: 1, spare: 0 }).at(-1), 1);
});
