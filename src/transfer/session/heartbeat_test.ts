import { assertEquals } from "@std/assert";
import type { RcopyError } from "../../base/errors.ts";
import { Heartbeat } from "./heartbeat.ts";

Deno.test("Heartbeat pings and ticks until it is disposed, and gives up a peer that is silent", async () => {
  let pings = 0;
  let ticks = 0;
  const silence = Promise.withResolvers<RcopyError>();
  using _heartbeat = new Heartbeat({
    timeoutMs: 1,
    bytesReceived: () => 100,
    ping: () => pings++,
    onTick: () => ticks++,
    onTimeout: silence.resolve,
  });
  const { code } = await silence.promise;
  assertEquals([code, pings > 0, ticks > 0], ["timeout", true, true]);
});
