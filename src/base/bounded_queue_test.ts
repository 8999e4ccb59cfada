import { assertEquals, assertThrows } from "@std/assert";
import { BoundedQueue } from "./bounded_queue.ts";

Deno.test("BoundedQueue gives items in order, also to a waiting consumer", async () => {
  const queue = new BoundedQueue<number>(1000);
  const waiting = queue.next();
  queue.push(0);
  assertEquals(await waiting, 0);
  for (let i = 1; i < 500; i++) queue.push(i);
  for (let i = 1; i < 500; i++) assertEquals(queue.next(), i);
  assertEquals(queue.size, 0);
});

Deno.test("BoundedQueue ends after its last item", async () => {
  const queue = new BoundedQueue<string>(2);
  queue.push("last");
  queue.end();
  assertEquals(queue.next(), "last");
  assertEquals(queue.next(), undefined);
  const other = new BoundedQueue<string>(2);
  const waiting = other.next();
  other.end();
  assertEquals(await waiting, undefined);
});

Deno.test("BoundedQueue takes more than its capacity for a broken invariant", () => {
  const queue = new BoundedQueue<number>(1);
  queue.push(1);
  assertThrows(() => queue.push(2), Error, "assertion failed");
});
