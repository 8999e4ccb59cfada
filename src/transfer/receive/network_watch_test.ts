import { assertEquals } from "@std/assert";
import { StageAccount } from "../session/stage_account.ts";
import { NetworkWatch } from "./network_watch.ts";

/** A session whose lanes spent a second as it says, and got so many bytes. */
function watched() {
  const counts = { bytesDone: 0, bytesMatched: 0 };
  const times = new StageAccount().times;
  let now = 0;
  const watch = new NetworkWatch(
    {
      get times() {
        return structuredClone(times);
      },
    },
    counts,
    () => now,
  );
  watch.look();
  const second = (bytes: number, networkMs: number, otherMs: number, matched = 0) => {
    now += 1000;
    counts.bytesDone += bytes + matched;
    counts.bytesMatched += matched;
    times.network.waitingMs += networkMs;
    times.place.busyMs += otherMs;
    watch.look();
    return watch.isSlow;
  };
  return { watch, second, pass: (ms: number) => now += ms };
}

Deno.test("NetworkWatch calls the network slow where lanes wait for it, and nothing else", () => {
  const { second } = watched();
  assertEquals(second(1_000_000, 500, 500), false);
  assertEquals(second(1_000_000, 900, 100), true);
  assertEquals(second(1_000_000, 890, 110), false);
  assertEquals(second(151_000_000, 1000, 0), false);
});

Deno.test("NetworkWatch learns nothing where nothing came, and nothing from what was matched", () => {
  const { second } = watched();
  assertEquals(second(1_000_000, 900, 100), true);
  assertEquals(second(0, 0, 1000), true);
  assertEquals(second(1000, 100, 900, 5_000_000), true);
  assertEquals(second(1000, 100, 900), false);
});

Deno.test("NetworkWatch looks once a second, and compares what is read with what comes", () => {
  const { watch, second, pass } = watched();
  assertEquals(watch.isWorth(1_000_000_000, 1), false);
  second(1_000_000, 1000, 0);
  assertEquals([watch.isWorth(2_000, 1), watch.isWorth(1_999, 1)], [true, false]);
  pass(999);
  watch.look();
  assertEquals(watch.isSlow, true);
});
