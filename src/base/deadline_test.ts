import { assertEquals } from "@std/assert";
import { settlesWithin } from "./deadline.ts";

/** Longer than any test may take: a timer that fires only if the promise is not watched. */
const never = 1_000_000_000;

/** Runs `body` with timers counted; gives those that are neither cleared nor over. */
async function timersLeft(body: () => Promise<void>): Promise<number> {
  const { setTimeout, clearTimeout } = globalThis;
  const running = new Set<unknown>();
  globalThis.setTimeout = ((callback: () => void, milliseconds: number) => {
    const id = setTimeout(() => (running.delete(id), callback()), milliseconds);
    running.add(id);
    return id;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (id) => (running.delete(id), clearTimeout(id));
  try {
    await body();
  } finally {
    globalThis.setTimeout = setTimeout;
    globalThis.clearTimeout = clearTimeout;
  }
  return running.size;
}

Deno.test("settlesWithin() is true for what resolves or rejects in time, and leaves no timer", async () => {
  const left = await timersLeft(async () => {
    assertEquals(await settlesWithin(Promise.resolve(), never), true);
    assertEquals(await settlesWithin(Promise.reject(new Error("dropped")), never), true);
    const later = Promise.withResolvers<void>();
    const watched = settlesWithin(later.promise, never);
    later.resolve();
    assertEquals(await watched, true);
  });
  assertEquals(left, 0);
});

Deno.test("settlesWithin() is false for what takes longer, and drops a rejection after that", async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const unhandled: unknown[] = [];
  const onUnhandled = (
    event: PromiseRejectionEvent,
  ) => (event.preventDefault(), unhandled.push(event.reason));
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  const left = await timersLeft(async () => assertEquals(await settlesWithin(promise, 1), false));
  assertEquals(left, 0);
  reject(new Error("too late"));
  await new Promise((resolve) => setTimeout(resolve)); // A rejection without a handler is reported before a timer fires.
  globalThis.removeEventListener("unhandledrejection", onUnhandled);
  assertEquals(unhandled, []);
});
