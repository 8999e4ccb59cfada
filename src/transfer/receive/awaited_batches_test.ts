import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { AwaitedBatches } from "./awaited_batches.ts";

/** Batches of which the first `announced` are there; `answer` answers the oldest question. */
function batches(timeoutMs = 60_000) {
  const session = { announced: 0, asked: [] as (() => void)[] };
  const awaited = new AwaitedBatches({
    announced: () => session.announced,
    ask: (onAnswer) => session.asked.push(onAnswer),
    timeoutMs,
  });
  return Object.assign(session, { awaited, answer: () => session.asked.shift()!() });
}

Deno.test("AwaitedBatches asks nothing about a batch that is announced, and waits until it is planned", async () => {
  const session = batches();
  session.announced = 1;
  const waiting = session.awaited.until(0);
  assertEquals(session.asked.length, 0);
  session.awaited.onPlanned();
  await waiting;
  assertEquals(session.awaited.count, 1);
});

Deno.test("AwaitedBatches refuses what is not announced when the answer comes, and keeps what is", async () => {
  const session = batches();
  const coming = session.awaited.until(0);
  const late = session.awaited.until(1); // waits since the question, and is in the next one
  const never = session.awaited.until(9);
  assertEquals(session.asked.length, 1);
  session.announced = 1;
  session.answer();
  session.announced = 2;
  session.answer();
  await assertRejects(() => never, RcopyError, "batch 9, which it never announced");
  assertEquals(session.asked.length, 0);
  session.awaited.onPlanned();
  session.awaited.onPlanned();
  await Promise.all([coming, late]);
});

Deno.test("AwaitedBatches refuses at the end of the manifest what waits for more than it has", async () => {
  const session = batches();
  const waiting = session.awaited.until(3);
  session.awaited.onManifestEnd(3);
  await assertRejects(() => waiting, RcopyError, "never announced");
  await assertRejects(() => session.awaited.until(4), RcopyError, "never announced");
  session.awaited.end();
});

Deno.test("AwaitedBatches gives up a sender that does not answer", async () => {
  const session = batches(1);
  const error = await assertRejects(() => session.awaited.until(0), RcopyError);
  assertEquals(error.code, "timeout");
});

Deno.test("AwaitedBatches lets go of everybody at the end of the session", async () => {
  const session = batches();
  const waiting = session.awaited.until(0);
  session.awaited.end();
  await Promise.all([waiting, session.awaited.until(1)]);
});
