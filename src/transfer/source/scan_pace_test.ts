import { assertEquals } from "@std/assert";
import { type PacingLane, ScanPace } from "./scan_pace.ts";

/** A scan that has asked for its turn. */
function waiting(pace: ScanPace): { hasTurn: () => Promise<boolean> } {
  let hasTurn = false;
  void pace.turn().then(() => hasTurn = true);
  return {
    hasTurn: async () => {
      await new Promise<void>((resolve) => setTimeout(resolve));
      return hasTurn;
    },
  };
}

/** A scan that waits for one lane, which works and has a backlog of three batches. */
function scanBehindALane() {
  const plan = { backlog: 3 };
  const lane = { isBusy: true };
  const lanes = new Map<number, PacingLane>([[0, lane]]);
  const pace = new ScanPace(plan, lanes);
  return { plan, lane, lanes, pace, scan: waiting(pace) };
}

Deno.test("the scan waits while a lane works and has enough to do, whatever it is told", async () => {
  const { pace, scan } = scanBehindALane();
  for (let i = 0; i < 3; i++) {
    pace.onLaneChanged();
    assertEquals(await scan.hasTurn(), false);
  }
});

Deno.test("it goes on when the lane waits for the network", async () => {
  const { lane, pace, scan } = scanBehindALane();
  lane.isBusy = false;
  pace.onLaneChanged();
  assertEquals(await scan.hasTurn(), true);
});

Deno.test("it goes on when too little is left to do", async () => {
  const { plan, pace, scan } = scanBehindALane();
  plan.backlog = 2;
  pace.onLaneChanged();
  assertEquals(await scan.hasTurn(), false);
  plan.backlog = 1;
  pace.onLaneChanged();
  assertEquals(await scan.hasTurn(), true);
});

Deno.test("more lanes need more", async () => {
  const { plan, lanes, pace, scan } = scanBehindALane();
  lanes.set(1, { isBusy: false });
  pace.onLaneChanged();
  assertEquals(await scan.hasTurn(), true);
  plan.backlog = 4;
  assertEquals(await waiting(pace).hasTurn(), false);
});

Deno.test("it goes on without lanes, and at the end of the session", async () => {
  const lost = scanBehindALane();
  lost.lanes.clear();
  lost.pace.onLaneChanged();
  assertEquals(await lost.scan.hasTurn(), true);
  const ended = scanBehindALane();
  ended.pace.end();
  assertEquals(await ended.scan.hasTurn(), true);
  assertEquals(await waiting(ended.pace).hasTurn(), true);
});
