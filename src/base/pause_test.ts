import { assertEquals, assertRejects } from "@std/assert";
import { pause } from "./pause.ts";

Deno.test("pause() resolves by itself, with a signal or without", async () => {
  await pause(0);
  await pause(0, new AbortController().signal);
});

Deno.test("pause() ends at once with the reason of its signal, before it and in it", async () => {
  const reason = new Error("enough");
  const stop = new AbortController();
  const waiting = pause(1_000_000_000, stop.signal);
  stop.abort(reason);
  assertEquals(await assertRejects(() => waiting), reason);
  assertEquals(await assertRejects(() => pause(1_000_000_000, stop.signal)), reason);
});
