import { assertEquals } from "@std/assert";
import { RedialSchedule } from "./redial.ts";

/** The moments of all attempts after a loss at 5,000, each of which takes so long. */
function moments(patienceMs: number, attemptMs = 0): number[] {
  const schedule = new RedialSchedule(patienceMs);
  let now = 5_000;
  schedule.onLost(now, true);
  const made: number[] = [];
  for (let delay = schedule.next(now); delay !== undefined; delay = schedule.next(now)) {
    now += delay;
    made.push(now - 5_000);
    now += attemptMs;
  }
  return made;
}

Deno.test("RedialSchedule tries at 0, 1, 2, 4 and 8 s, then every 10 s, and when the patience ends", () => {
  assertEquals(moments(45_000, 5), [0, 1_000, 2_000, 4_000, 8_000, 18_000, 28_000, 38_000, 45_000]);
  assertEquals(moments(600_000, 5).length, 5 + 59 + 1);
  assertEquals(moments(500, 5), [0, 500]);
});

Deno.test("RedialSchedule tries never without patience", () => {
  assertEquals(moments(0), []);
});

Deno.test("RedialSchedule makes one attempt for all moments that passed during one that took long", () => {
  assertEquals(moments(30_000, 10_000), [0, 10_000, 20_000]);
  assertEquals(moments(30_000, 60_000), [0]);
});

Deno.test("RedialSchedule begins again only with a session that got further", () => {
  const schedule = new RedialSchedule(10_000);
  schedule.onLost(0, true);
  assertEquals(schedule.next(0), 0);
  schedule.onLost(100, false);
  assertEquals(schedule.next(100), 900);
  schedule.onLost(2_500, true);
  assertEquals([schedule.next(2_500), schedule.next(2_600)], [0, 900]);
  for (let now = 3_500; now < 12_500; now += 500) schedule.onLost(now, false);
  assertEquals(schedule.next(12_500), undefined);
});

Deno.test("RedialSchedule counts a first loss even if the session got nowhere", () => {
  const schedule = new RedialSchedule(10_000);
  schedule.onLost(1_000_000, false);
  assertEquals(schedule.next(1_000_000), 0);
});
