import { assert, assertEquals, assertThrows } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  makeFifo,
  openFifo,
  put,
  results,
  ringTest,
  ringTestName,
  whyNoRing,
} from "../tests/helpers/ring.ts";
import {
  addressOf,
  atFlag,
  cancelFlag,
  enterFlag,
  ioUringGetEventsArg,
  kernelTimespec,
  openFlag,
  Ring,
  sqeFlag,
} from "./mod.ts";
import { acquireRingLibrary, enterSyscall, releaseRingLibrary } from "./symbols.ts";

const { none, async, hardlink } = sqeFlag;
const canceled = -125;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** How many completions of the ring's own stand in its queue, over time. */
class Wakeups {
  most = 0;

  look(ring: Ring): void {
    this.most = Math.max(this.most, ring.wakeups);
  }
}

ringTest("wait() leaves the event loop free and resolves with the completion", async (ring, folder) => {
  const scratch = ring.scratch(4096);
  const fd = await openFifo(ring, scratch, `${folder}/fifo`);
  const at = scratch.take(16);
  ring.read(2, none, fd, scratch.address + at, 16, -1);
  let resolved = false;
  const waiting = ring.wait().then(() => resolved = true);
  await Promise.resolve();
  assertEquals([resolved, ring.ready], [false, 0]);
  ring.write(3, none, fd, put(scratch, "woken"), 5, -1);
  ring.submit();
  await waiting;
  assertEquals(results(ring), { 2: 5, 3: 5 });
  await ring.wait(); // nothing is in flight: at once
  ring.close(4, none, fd);
  results(ring);
});

ringTest("wait() asks for no more completions than there can be", async (ring) => {
  ring.nop(1, none);
  ring.nop(2, none);
  await ring.wait(1000);
  assertEquals(ring.ready, 2);
  assertEquals(results(ring), { 1: 0, 2: 0 });
});

ringTest("waits that overlap without end cost no more wake-ups each time", async (ring, folder) => {
  const scratch = ring.scratch(4096);
  const fd = await openFifo(ring, scratch, `${folder}/fifo`);
  const at = scratch.address + scratch.take(16);
  ring.read(1, none, fd, at, 1, -1); // under way all the time
  const counted = new Wakeups();
  let waiting = [ring.wait()];
  for (let turn = 0; turn < 200; turn += 1) {
    // One more begins to wait before the one before has been woken, so that somebody waits all the time.
    ring.nop(2, none);
    ring.submitAndWait();
    ring.reap(() => {});
    waiting.push(ring.wait());
    if (turn % 4 === 3) await waiting.shift();
    counted.look(ring);
  }
  ring.write(3, none, fd, at + 8, 1, -1);
  ring.submitAndWait(2);
  assertEquals(results(ring), { 1: 1, 3: 1 });
  await Promise.all(waiting);
  assert(counted.most <= 8, `${counted.most} wake-ups stood in the queue at a time`);
  waiting = [];
  ring.close(4, none, fd);
  results(ring);
});

ringTest("Whoever waits is woken when somebody else has reaped in front of him", async (ring, folder) => {
  const scratch = ring.scratch(4096);
  const fd = await openFifo(ring, scratch, `${folder}/fifo`);
  const at = scratch.address + scratch.take(16);
  for (let turn = 0; turn < 20; turn += 1) {
    ring.read(1, none, fd, at, 1, -1);
    ring.read(2, none, fd, at + 1, 1, -1);
    const waiting = Array.from({ length: 8 }, (_, index) => ring.wait(1 + index % 2));
    if (turn % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 1)); // most have begun
    ring.write(3, none, fd, at + 8, 1, -1);
    ring.submitAndWait(2);
    const found: number[] = [];
    ring.reap((token) => found.push(token));
    assertEquals(found.length, 2);
    assert(found.includes(3), "the write is done, and one of the reads");
    await Promise.all(waiting);
    ring.write(4, none, fd, at + 8, 1, -1);
    const last = found.includes(1) ? 2 : 1;
    assertEquals(results(ring), { [last]: 1, 4: 1 });
  }
  ring.close(5, none, fd);
  results(ring);
});

ringTest(
  "A wait that reaches the kernel after others have reaped ends all the same",
  async (first, folder) => {
    const scratch = first.scratch(4096);
    const fd = await openFifo(first, scratch, `${folder}/fifo`);
    const others = new Set(ringDescriptors());
    using ring = Ring.open({ entries: 16 });
    const [ringFd] = ringDescriptors().filter((descriptor) => !others.has(descriptor));
    ring.read(1, none, fd, scratch.address, 1, -1);
    ring.read(2, none, fd, scratch.address, 1, -1);
    const waiting = ring.wait(2);
    ring.write(3, none, fd, scratch.address, 2, -1);
    ring.submitAndWait(3);
    assertEquals(ring.reap(() => {}), 3);
    ring.nop(4, none);
    ring.submit(); // what was reaped is the kernel's again: who arrives now counts from here
    const started = performance.now();
    enterNow(ringFd!, 2);
    assert(performance.now() - started < lateWaitMs / 2, "the late wait ends, and not by its deadline");
    await waiting;
    ring.close(5, none, fd);
    assertEquals(results(ring), { 4: 0, 5: 0 });
  },
);

const lateWaitMs = 5000;

/** The descriptors of all rings of this process. */
function ringDescriptors(): number[] {
  const names = [...Deno.readDirSync("/proc/self/fd")].map((entry) => entry.name);
  return names.filter((name) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === "anon_inode:[io_uring]";
    } catch {
      return false; // the descriptor of the listing itself
    }
  }).map(Number);
}

/** Waits for completions as Ring.wait does, but on this thread and up to a deadline. */
function enterNow(ringFd: number, count: number): void {
  const memory = new BigUint64Array(new ArrayBuffer(4096));
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
  memory[ioUringGetEventsArg.timespec / 8] = address + 64n;
  memory[(64 + kernelTimespec.seconds) / 8] = BigInt(lateWaitMs / 1000);
  const { enter } = acquireRingLibrary().enter;
  try {
    const flags = enterFlag.getEvents | enterFlag.extendedArgument;
    const argument = Deno.UnsafePointer.create(address);
    enter(enterSyscall, ringFd, 0, count, flags, argument, BigInt(ioUringGetEventsArg.size));
  } finally {
    releaseRingLibrary();
  }
}

ringTest("A cancelled read completes as cancelled, and alone", async (ring, folder) => {
  const scratch = ring.scratch(4096);
  const fd = await openFifo(ring, scratch, `${folder}/fifo`);
  const at = scratch.address + scratch.take(16);
  ring.read(0xfffffff0, none, fd, at, 1, -1);
  ring.read(2, none, fd, at, 1, -1);
  ring.submit();
  ring.cancel(3, none, 0xfffffff0, 0);
  ring.submitAndWait(2);
  const found: Record<number, number> = {};
  ring.reap((token, result) => found[token] = result);
  assertEquals(found, { 3: 0, 0xfffffff0: canceled });
  ring.cancel(4, none, 99, cancelFlag.all);
  ring.cancelAll();
  assertEquals(results(ring), { 2: canceled, 4: 0 });
  ring.close(5, none, fd);
  results(ring);
});

Deno.test({
  name: ringTestName("Disposing cancels what is in flight, and what was not submitted never happens"),
  ignore: whyNoRing !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "rcopy-ring-" });
    try {
      const ring = Ring.open({ entries: 16 });
      const scratch = ring.scratch(4096);
      const fd = await openFifo(ring, scratch, `${folder}/fifo`);
      for (let token = 0; token < 8; token += 1) ring.read(token, none, fd, scratch.address, 1, -1);
      ring.submit();
      // On a worker the open of a FIFO that nobody writes to blocks; a read follows it in any case.
      const other = put(scratch, `${folder}/other`);
      await makeFifo(`${folder}/other`);
      ring.openat(8, async | hardlink, atFlag.workingDirectory, other, openFlag.readOnly, 0);
      ring.read(9, none, fd, scratch.address, 1, -1);
      ring.submit();
      assertEquals([ring.inFlight, ring.ready], [10, 0]);
      const waiting = ring.wait();
      ring.close(11, none, fd);
      ring.unlinkat(10, none, atFlag.workingDirectory, other, 0);
      ring[Symbol.dispose]();
      ring[Symbol.dispose]();
      await waiting;
      assert(Deno.lstatSync(`${folder}/other`).isFifo, "the unlink never happened");
      assertThrows(() => ring.nop(1, none), Error, "open");
      assertThrows(() => ring.reap(() => {}), Error, "open");
      using closing = Ring.open({ entries: 1 });
      closing.close(1, none, fd);
      assertEquals(results(closing), { 1: 0 });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

ringTest("What is kept is let go with its completion, what is pinned stays", async (ring, folder) => {
  const collected = new Set<string>();
  const registry = new FinalizationRegistry<string>((name) => collected.add(name));
  /** Memory that only the ring may be keeping. */
  const memory = (name: string): Uint8Array<ArrayBuffer> => {
    const made = new Uint8Array(new ArrayBuffer(65536));
    registry.register(made, name);
    return made;
  };
  const collect = async () => {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 0)); // finalizers run as a task
  };
  const scratch = ring.scratch(4096);
  const fd = await openFifo(ring, scratch, `${folder}/fifo`);
  (() => {
    const [kept, pinned] = [memory("kept"), memory("pinned")];
    ring.pin(pinned);
    ring.keep(2, kept);
    ring.keep(2, memory("also kept"));
    ring.read(2, none, fd, addressOf(kept), 1, -1);
    ring.submit();
    memory("free");
  })();
  await collect();
  assertEquals([...collected], ["free"], "the kernel may still write into the others");
  ring.write(3, none, fd, put(scratch, "x"), 1, -1);
  assertEquals(results(ring), { 2: 1, 3: 1 });
  await collect();
  assertEquals([...collected].sort(), ["also kept", "free", "kept"]);
  ring.close(4, none, fd);
  results(ring);
});
