import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { FramesOnTheWay, framesOnTheWayMax } from "./frames_on_the_way.ts";
import type { SendBatch } from "../source/batch.ts";
import type { SendJob } from "./plan.ts";

function job(bytes: number): SendJob {
  return { of: "bundle", batch: {} as SendBatch, entries: [0], bytes };
}

Deno.test("FramesOnTheWay gives back what was not taken, each frame once", () => {
  const frames = new FramesOnTheWay();
  const jobs = [1, 2, 3, 4, 5].map(job);
  for (const one of jobs) frames.push(one);
  frames.onTaken(2);
  assertEquals(frames.handBack(0), jobs.slice(2));
  assertEquals(frames.handBack(0), []);
  const late = job(6);
  frames.push(late);
  assertEquals(frames.handBack(0), [late]);
});

Deno.test("FramesOnTheWay refuses a count that goes back or beyond what was written, also once all is over", () => {
  const frames = new FramesOnTheWay();
  for (let i = 0; i < 4; i++) frames.push(job(i));
  frames.onTaken(3);
  frames.onTaken(3);
  assertEquals(frames.count, 1);
  assertThrows(() => frames.onTaken(2), RcopyError, "it took 2 frames");
  assertThrows(() => frames.onTaken(5), RcopyError, "of which 4 were written");
  frames.onTaken(4);
  assertEquals(frames.count, 0);
  assertThrows(() => frames.onTaken(5), RcopyError);
  frames.push(job(9));
  frames.end();
  frames.onTaken(5);
  assertThrows(() => frames.onTaken(6), RcopyError);
});

Deno.test("FramesOnTheWay stands still only while nothing is taken", () => {
  const frames = new FramesOnTheWay();
  assertEquals(frames.isStalled(-1), false);
  frames.push(job(1));
  assertEquals([frames.isStalled(-1), frames.isStalled(60_000)], [true, false]);
  frames.onTaken(1);
  assertEquals(frames.isStalled(-1), false);
});

Deno.test("FramesOnTheWay makes a lane wait while too much is untold, until some of it is taken or all is over", async () => {
  const frames = new FramesOnTheWay();
  for (let i = 0; i < framesOnTheWayMax; i++) frames.push(job(i));
  let hasRoom = false;
  const waiting = frames.room().then(() => hasRoom = true);
  await Promise.resolve();
  assertEquals(hasRoom, false);
  frames.onTaken(1);
  await waiting;
  frames.push(job(0));
  const second = frames.room();
  frames.end();
  await second;
  assertEquals(await frames.progress(), false, "who asks after the end does not wait, and knows it");
});
