import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import { plainTransport } from "../../net/transport.ts";
import type { LaneThread } from "./thread.ts";
import { LaneThreads } from "./threads.ts";

const error = new RcopyError("internal", "says the test");
const join = { kind: "join", session: new Uint8Array(16), lane: 3, token: new Uint8Array(16) } as const;
const arrival = { arrival: 0, join, peer: "second" };
const address = { host: "127.0.0.1", port: 1 };

/** A Worker as `LaneThreads` knows it; its calls fail, or not. */
function thread(fails: boolean): LaneThread {
  const call = () => fails ? Promise.reject(error) : Promise.resolve({ peer: "second" });
  return { lanes: 0, call } as unknown as LaneThread;
}

const openings: Record<string, (threads: LaneThreads, thread: LaneThread) => Promise<{ close(): void }>> = {
  dial: (threads, thread) => threads.dial(thread, "sender", { address, transport: plainTransport, join }),
  admit: (threads, thread) => threads.admit(thread, "sender", arrival),
};
for (const [name, open] of Object.entries(openings)) {
  Deno.test(`LaneThreads.${name}() counts a lane of a thread until it is closed, and one that cannot be had not at all`, async () => {
    using engine = openDenoEngine();
    const threads = new LaneThreads({ engine, onNote: () => {} });
    const failing = thread(true);
    await assertRejects(() => open(threads, failing), RcopyError, "says the test");
    assertEquals(failing.lanes, 0);
    const working = thread(false);
    const connection = await open(threads, working);
    assertEquals(working.lanes, 1);
    connection.close();
    connection.close();
    assertEquals(working.lanes, 0);
  });
}

Deno.test("LaneThreads has no thread for a dry run, nor after its end", async () => {
  using engine = openDenoEngine();
  const threads = new LaneThreads({ engine, onNote: () => {} });
  assertEquals(await threads.take(undefined), undefined);
  await threads.end();
  assertEquals(await threads.take(engine.openRoot(".")), undefined);
});
