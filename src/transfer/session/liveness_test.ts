import { assertEquals } from "@std/assert";
import { Liveness, type LivenessVerdict } from "./liveness.ts";

const tickMs = 200;
const timeoutMs = 3_000;

/** Looks every 200 ms until `endMs`; gives the times, in milliseconds, of every verdict of that kind. */
function timesOf(verdict: LivenessVerdict, endMs: number, bytesAt: (now: number) => number): number[] {
  const liveness = new Liveness({ timeoutMs, tickMs, now: 0 });
  const times: number[] = [];
  for (let now = tickMs; now <= endMs; now += tickMs) {
    if (liveness.look(now, bytesAt(now)) === verdict) times.push(now);
  }
  return times;
}

Deno.test("Liveness finds a peer silent that has sent nothing for longer than the timeout", () => {
  // The first look sees the bytes of the handshake.
  assertEquals(timesOf("silent", 3_400, () => 100), [3_400]);
  assertEquals(timesOf("silent", 3_200, () => 100), []);
});

Deno.test("Liveness counts from the last byte, however few come", () => {
  assertEquals(timesOf("silent", 30_000, (now) => Math.floor(now / 2_800)), []);
  assertEquals(timesOf("silent", 4_400, (now) => Math.min(now, 1_000)), [4_200, 4_400]);
});

Deno.test("Liveness pings every third of the timeout, also while the peer is heard", () => {
  assertEquals(timesOf("ping", 3_000, (now) => now), [1_000, 2_000, 3_000]);
});

Deno.test("Liveness gives a peer its whole time again after a sleep of this process", () => {
  const liveness = new Liveness({ timeoutMs, tickMs, now: 0 });
  liveness.look(200, 100);
  assertEquals(liveness.look(60_000, 100), "ping", "what arrived during the sleep was not read yet");
  for (let now = 60_200; now <= 63_000; now += tickMs) {
    assertEquals(liveness.look(now, 100) === "silent", false);
  }
  assertEquals(liveness.look(63_200, 100), "silent");
});
