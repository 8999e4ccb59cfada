import { assert, assertEquals } from "@std/assert";
import { StageAccount } from "./stage_account.ts";

Deno.test("StageAccount tells work from waiting, and adds what other threads booked", () => {
  const account = new StageAccount();
  const since = performance.now();
  account.book("read", since - 30);
  account.wait("network", since - 50);
  const other = new StageAccount();
  other.book("read", since - 20);
  account.merge(other.take());
  const { read, network, place } = account.times;
  assert(read.busyMs >= 50 && read.waitingMs === 0, `${read.busyMs}`);
  assert(network.waitingMs >= 50 && network.busyMs === 0, `${network.waitingMs}`);
  assertEquals(place, { busyMs: 0, waitingMs: 0 });
  assert(account.load.busyMs < 50, "the load is that of this thread alone");
  assertEquals(other.times.read, { busyMs: 0, waitingMs: 0 }, "what was taken is gone");
});

Deno.test("StageAccount names the stage that took most since the last look", () => {
  const account = new StageAccount();
  assertEquals(account.bottleneck(), undefined);
  account.book("read", performance.now() - 300);
  account.wait("network", performance.now() - 100);
  assertEquals(account.bottleneck(), "disk read");
  account.wait("network", performance.now() - 100);
  assertEquals(account.bottleneck(), "network");
  assertEquals(account.bottleneck(), undefined);
});

Deno.test("StageAccount books what is done at once as work, and what was waited for as waiting", async () => {
  const account = new StageAccount();
  assertEquals(account.finish("place", { finish: () => 2 }, (value) => value + 1), 3);
  const late = { finish: () => new Promise<number>((resolve) => setTimeout(() => resolve(4), 20)) };
  assertEquals(await account.finish("read", late, (value) => value + 1), 5);
  assert(account.times.read.waitingMs >= 15);
  assertEquals([account.times.read.busyMs, account.times.place.waitingMs], [0, 0]);
});
