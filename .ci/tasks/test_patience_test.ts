import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Activity } from "./process_activity.ts";
import { TestPatience } from "./test_patience.ts";

const second = 1000;
const hour = 3600;

/** What a patience says of seconds that all look alike, and after how many it says so. */
function observe(patience: TestPatience, seconds: number, at: (second: number) => Activity | undefined) {
  for (let i = 1; i <= seconds; i++) {
    const why = patience.observe(at(i), second);
    if (why !== undefined) return { why, seconds: i };
  }
  return undefined;
}

Deno.test("a test of which nothing goes on hangs after two minutes", () => {
  const end = observe(new TestPatience(), hour, () => ({ cpuMs: 5000, canGoOn: false }));
  assertMatch(end!.why, /nothing of it has done anything for 120 s/);
  assertEquals(end!.seconds, 120);
});

Deno.test("processes that only look at their timers do nothing", () => {
  assert(observe(new TestPatience(), hour, (i) => ({ cpuMs: i * 10, canGoOn: false })) !== undefined);
});

Deno.test("a test that waits for a processor or a disk has all the time of the world", () => {
  assertEquals(observe(new TestPatience(), 10 * hour, (i) => ({ cpuMs: i, canGoOn: true })), undefined);
});

Deno.test("a test that computes for ten minutes of processor time hangs, however long that takes", () => {
  for (const share of [2, 1, 0.1]) {
    const end = observe(new TestPatience(), 10 * hour, (i) => ({ cpuMs: i * second * share, canGoOn: true }));
    assertMatch(end!.why, /has computed for 600 s/);
    assert(Math.abs(end!.seconds - 600 / share) <= 2, `${end!.seconds} s at ${share} processors`);
  }
});

Deno.test("the next test begins from nothing", () => {
  const patience = new TestPatience();
  for (let i = 0; i < 50; i++) {
    assertEquals(observe(patience, 100, () => ({ cpuMs: 0, canGoOn: false })), undefined);
    patience.restart();
  }
});

Deno.test("processor time that vanishes with an orphan is not counted back", () => {
  const end = observe(new TestPatience(), hour, (i) => ({ cpuMs: i % 2 === 0 ? 0 : 5000, canGoOn: true }));
  assertMatch(end!.why, /has computed/);
});

Deno.test("where processes cannot be looked at, a test has sixteen minutes", () => {
  assertEquals(observe(new TestPatience(), hour, () => undefined)?.seconds, 960);
});
