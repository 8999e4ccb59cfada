import { assert, assertEquals, assertThrows } from "@std/assert";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { RcopyError } from "../../base/errors.ts";
import { FrameSplitter } from "../../wire/frame_splitter.ts";
import { pingsMax } from "../../wire/limits.ts";
import type { Message } from "../../wire/message.ts";
import { Control } from "./control.ts";
import { Pings } from "./pings.ts";

/** Pings over a channel in memory, and the other end of it. */
function pair(windowBytes = 1 << 20) {
  const [near, far] = memoryChannels({ windowBytes });
  const control = new Control(near, new FrameSplitter());
  const splitter = new FrameSplitter();
  const next = async (): Promise<Message> => {
    for (;;) {
      const message = splitter.next();
      if (message) return message;
      const chunk = new Uint8Array(64);
      const count = await far.read(chunk);
      splitter.push(chunk.subarray(0, count));
    }
  };
  return { pings: new Pings(control), control, next };
}

function idOf(message: Message): number {
  if (message.kind !== "ping") throw new Error(`${message.kind} came where a ping was due`);
  return message.id;
}

Deno.test("Pings answers each ping by its number, in order", async () => {
  const { pings, next } = pair();
  for (const id of [7, 7, 3]) pings.onPing({ kind: "ping", id });
  for (const id of [7, 7, 3]) assertEquals(await next(), { kind: "pong", id });
});

Deno.test("Pings refuses one more than may be without an answer, and counts only what has not left", async () => {
  const { pings, control, next } = pair(40); // one frame at a time
  const ping = () => pings.onPing({ kind: "ping", id: 1 });
  for (let i = 0; i < pingsMax; i++) ping();
  assertThrows(ping, RcopyError, "while 16 had no answer");
  for (let i = 0; i < pingsMax; i++) await next();
  await control.flushed();
  for (let i = 0; i < pingsMax; i++) ping();
  assertThrows(ping, RcopyError);
  for (let i = 0; i < pingsMax; i++) await next();
});

Deno.test("Pings takes pongs for its own pings only, each once and in order", async () => {
  const { pings, next } = pair();
  assertThrows(() => pings.onPong({ kind: "pong", id: 0 }), RcopyError, "answers no ping");
  const answered: string[] = [];
  pings.beat();
  pings.ask(() => answered.push("asked"));
  const first = idOf(await next());
  const second = idOf(await next());
  assertThrows(() => pair().pings.onPong({ kind: "pong", id: first }), RcopyError);
  assertEquals(pings.roundTripMs, undefined);
  pings.onPong({ kind: "pong", id: first });
  assert(pings.roundTripMs! >= 0);
  pings.onPong({ kind: "pong", id: second });
  assertEquals(answered, ["asked"]);
  pings.beat();
  const third = idOf(await next());
  assertThrows(() => pings.onPong({ kind: "pong", id: third + 1 }), RcopyError);
});

Deno.test("Pings beats no more while nothing is answered, and can still ask", async () => {
  const { pings, control, next } = pair();
  for (let i = 0; i < 100; i++) pings.beat();
  for (let user = 0; user < 3; user++) pings.ask(() => {});
  await control.flushed();
  assertEquals(control.queued, pingsMax);
  for (let i = 0; i < pingsMax; i++) assertEquals((await next()).kind, "ping");
});
