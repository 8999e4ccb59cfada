import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { stallMsOf, UnitsOnTheWay, unitsOnTheWayMax } from "./units_on_the_way.ts";
import type { SendBatch } from "../source/batch.ts";
import type { SendJob } from "./plan.ts";

/** What a receiver says that took so many units of 10 bytes. */
function taken(units: number, bytes = 10 * units): { units: number; bytes: number } {
  return { units, bytes };
}

function job(bytes: number): SendJob {
  return { of: "bundle", batch: {} as SendBatch, entries: [0], bytes };
}

Deno.test("UnitsOnTheWay gives back what was not taken, each unit once", () => {
  const units = new UnitsOnTheWay();
  const jobs = [1, 2, 3, 4, 5].map(job);
  for (const one of jobs) units.push(one, 10);
  units.onTaken(taken(2));
  assertEquals(units.handBack(0), jobs.slice(2));
  assertEquals(units.handBack(0), []);
  const late = job(6);
  units.push(late, 10);
  assertEquals(units.handBack(0), [late]);
});

Deno.test("UnitsOnTheWay refuses a count that goes back or beyond what was written, also once all is over", () => {
  const units = new UnitsOnTheWay();
  for (let i = 0; i < 4; i++) units.push(job(i), 10);
  units.onTaken(taken(3));
  units.onTaken(taken(3));
  assertEquals(units.count, 1);
  assertThrows(() => units.onTaken(taken(2, 30)), RcopyError, "it took 2 units");
  assertThrows(() => units.onTaken(taken(5, 30)), RcopyError, "of which 4 were written");
  assertThrows(() => units.onTaken(taken(3, 29)), RcopyError, "it took 29 bytes");
  assertThrows(() => units.onTaken(taken(3, 41)), RcopyError, "of which 40 were written");
  units.onTaken(taken(4));
  assertEquals(units.count, 0);
  assertThrows(() => units.onTaken(taken(5, 40)), RcopyError);
  units.push(job(9), 10);
  units.end();
  units.onTaken(taken(5));
  assertThrows(() => units.onTaken(taken(6, 50)), RcopyError);
});

Deno.test("UnitsOnTheWay stands still only while nothing is taken", () => {
  const units = new UnitsOnTheWay();
  assertEquals(units.isStalled(-1), false);
  units.push(job(1), 10);
  assertEquals([units.isStalled(-1), units.isStalled(60_000)], [true, false]);
  units.onTaken(taken(1));
  assertEquals(units.isStalled(-1), false);
});

Deno.test("UnitsOnTheWay makes a lane wait while too much is untold, until some of it is taken or all is over", async () => {
  const units = new UnitsOnTheWay();
  for (let i = 0; i < unitsOnTheWayMax; i++) units.push(job(i), 10);
  let hasRoom = false;
  const waiting = units.room().then(() => hasRoom = true);
  await Promise.resolve();
  assertEquals(hasRoom, false);
  units.onTaken(taken(1));
  await waiting;
  units.push(job(0), 10);
  const second = units.room();
  units.end();
  await second;
  assertEquals(await units.progress(), false, "who asks after the end does not wait, and knows it");
});

const extent = 4 * 1024 * 1024;

/** How many extents of which none is taken are given to a lane before it waits. */
async function windowOf(units: UnitsOnTheWay): Promise<number> {
  for (let count = 0;; count++) {
    let hasRoom = false;
    void units.room().then(() => hasRoom = true);
    await new Promise((resolve) => setTimeout(resolve));
    if (!hasRoom) return count;
    units.push(job(extent), extent);
  }
}

Deno.test("UnitsOnTheWay keeps little on the way to a peer nearby, and less beside other lanes", async () => {
  const near = { roundTripMs: () => 10, hasOthers: () => false };
  assertEquals(await windowOf(new UnitsOnTheWay(near)), 3);
  assertEquals(await windowOf(new UnitsOnTheWay({ ...near, hasOthers: () => true })), 2);
});

/** Runs `body` with a clock that it sets. */
async function withClock(body: (clock: { now: number }) => Promise<void> | void): Promise<void> {
  const clock = { now: 0 };
  const { now } = performance;
  performance.now = () => clock.now;
  try {
    await body(clock);
  } finally {
    performance.now = now;
  }
}

Deno.test("UnitsOnTheWay keeps twice a round trip more on the way to a peer far away", () =>
  withClock(async (clock) => {
    const units = new UnitsOnTheWay({ roundTripMs: () => 110, hasOthers: () => false });
    assertEquals(await windowOf(units), 3, "no rate is known yet");
    clock.now = 100;
    units.onTaken(taken(3, 3 * extent));
    // 3 extents in 100 ms are 6 in two of the 100 ms by which the peer is farther away.
    assertEquals(await windowOf(units), 3 + 6);
  }));

Deno.test("stallMsOf() is a second, or three times what the slowest lane has needed, up to ten", () =>
  withClock((clock) => {
    const slowTo = (ms: number) => {
      const units = new UnitsOnTheWay();
      units.push(job(1), 10);
      clock.now += ms;
      units.onTaken(taken(1));
      return units;
    };
    const cases: [slowest: number[], stallMs: number][] = [
      [[], 1_000],
      [[0], 1_000],
      [[333], 1_000],
      [[10, 500, 20], 1_500],
      [[3_333], 9_999],
      [[3_334, 1], 10_000],
      [[60_000], 10_000],
    ];
    for (const [slowest, stallMs] of cases) assertEquals(stallMsOf(slowest.map(slowTo)), stallMs);
  }));

Deno.test("UnitsOnTheWay stalls past the threshold, counted from the last unit that was taken", () =>
  withClock((clock) => {
    const units = new UnitsOnTheWay();
    for (let i = 0; i < 3; i++) units.push(job(i), 10);
    const isStalledAt = (ms: number) => (clock.now = ms, units.isStalled(1_000));
    assertEquals([isStalledAt(1_000), isStalledAt(1_001)], [false, true]);
    units.onTaken(taken(1));
    assertEquals([isStalledAt(2_001), isStalledAt(2_002)], [false, true]);
    units.onTaken(taken(3));
    assertEquals(isStalledAt(100_000), false, "nothing is on the way");
    units.push(job(4), 10);
    assertEquals([isStalledAt(101_000), isStalledAt(101_001)], [false, true], "idle time does not count");
  }));
