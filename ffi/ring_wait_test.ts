import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { makeFifo, RingBench, ringTest, ringTestName, whyNoRing } from "../tests/helpers/ring.ts";
import { atFlag, openFlag } from "./layout.ts";
import { addressOf } from "./scratch.ts";
import { sqeFlag } from "./sqe.ts";

const { none, async, hardlink } = sqeFlag;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

ringTest("wait() leaves the event loop free and resolves with the completion", async (bench, folder) => {
  const { ring } = bench;
  const fd = await bench.openFifo(`${folder}/fifo`);
  ring.read(2, none, fd, bench.take(16), 16, -1);
  let resolved = false;
  const waiting = ring.wait().then(() => resolved = true);
  await Promise.resolve();
  assertEquals([resolved, bench.reapReady()], [false, {}]);
  ring.write(3, none, fd, bench.put("woken"), 5, -1);
  ring.submit();
  await waiting;
  assertEquals(await bench.results(), { 2: 5, 3: 5 });
  await ring.wait(); // nothing is in flight: at once
});

ringTest("wait() asks for no more completions than there can be", async (bench) => {
  bench.quick(1);
  bench.quick(2);
  await bench.ring.wait(1000);
  assertEquals(bench.reapReady(), { 1: 1, 2: 1 });
});

ringTest("One wait is under way at a time, beside waits for what is complete", async (bench, folder) => {
  const { ring } = bench;
  const fd = await bench.openFifo(`${folder}/fifo`);
  ring.read(1, none, fd, bench.take(16), 16, -1);
  bench.quick(2);
  const waiting = ring.wait(2);
  await ring.wait(1);
  await assertRejects(() => ring.wait(2), Error, "one wait is under way");
  ring.write(3, none, fd, bench.put("woken"), 5, -1);
  ring.submit();
  await waiting;
  assertEquals(await bench.results(), { 1: 5, 2: 1, 3: 5 });
});

ringTest("A wait is woken when others have reaped in front of it", async (bench, folder) => {
  const { ring } = bench;
  const fd = await bench.openFifo(`${folder}/fifo`);
  const at = bench.take(16);
  for (let turn = 0; turn < 40; turn += 1) {
    ring.read(1, none, fd, at, 1, -1);
    ring.read(2, none, fd, at + 1, 1, -1);
    const waiting = ring.wait(1 + turn % 2);
    // In every other pair of turns the wait has most likely reached the kernel.
    if (turn % 4 >= 2) await new Promise((resolve) => setTimeout(resolve, 1));
    ring.write(3, none, fd, at + 8, 1, -1);
    const found = bench.reapNow(2);
    assertEquals([Object.keys(found).length, found[3]], [2, 1], "the write is done, and one of the reads");
    await waiting;
    ring.write(4, none, fd, at + 8, 1, -1);
    const last = 1 in found ? 2 : 1;
    assertEquals(await bench.results(), { [last]: 1, 4: 1 });
  }
});

ringTest(
  "Waits that are woken early, one behind the other, cost no more wake-ups each time",
  async (bench, folder) => {
    const { ring } = bench;
    const fd = await bench.openFifo(`${folder}/fifo`);
    const at = bench.take(16);
    const [ringFd] = ringDescriptors();
    ring.read(1, none, fd, at, 1, -1); // under way all the time
    let most = 0;
    for (let turn = 0; turn < 200; turn += 1) {
      const waiting = ring.wait();
      for (let count = 0; count < 4; count += 1) {
        bench.quick(2);
        assertEquals(bench.reapNow(1), { 2: 1 });
        most = Math.max(most, await standingIn(ringFd!));
      }
      await waiting;
    }
    assert(most <= 8, `${most} wake-ups stood in the queue at a time`);
    ring.write(3, none, fd, at + 8, 1, -1);
    assertEquals(await bench.results(), { 1: 1, 3: 1 });
  },
);

/** How many completions stand in the queue of a ring, as the kernel tells. */
async function standingIn(ringFd: number): Promise<number> {
  const told = await Deno.readTextFile(`/proc/self/fdinfo/${ringFd}`);
  const [head, tail] = [/^CqHead:\s*(\d+)$/m, /^CqTail:\s*(\d+)$/m].map((line) => line.exec(told)?.[1]);
  assert(head !== undefined && tail !== undefined, "the kernel tells of the queue");
  return Number(tail) - Number(head);
}

ringTest(
  "A wait that reaches the kernel after others have reaped ends all the same",
  async (first, folder) => {
    const fd = await first.openFifo(`${folder}/fifo`);
    const others = new Set(ringDescriptors());
    using bench = new RingBench(16);
    const { ring } = bench;
    const at = bench.take(16);
    const [ringFd] = ringDescriptors().filter((descriptor) => !others.has(descriptor));
    ring.read(1, none, fd, at, 1, -1);
    ring.read(2, none, fd, at, 1, -1);
    const waiting = ring.wait(2);
    ring.write(3, none, fd, at, 2, -1);
    assertEquals(bench.reapNow(3), { 1: 1, 2: 1, 3: 2 });
    bench.quick(4);
    ring.submit(); // what was reaped is the kernel's again: a wait that arrives now counts from here
    const standing = await standingIn(ringFd!);
    assert(standing >= 2, `${standing} completions stand in the queue for a wait that asks for 2`);
    await waiting;
    assertEquals(await bench.results(), { 4: 1 });
  },
);

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

Deno.test({
  name: ringTestName("Disposing cancels what is in flight, and what was not submitted never happens"),
  ignore: whyNoRing !== undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "rcopy-ring-" });
    try {
      using bench = new RingBench(16);
      const { ring, scratch } = bench;
      const fd = await bench.openFifo(`${folder}/fifo`);
      const zero = bench.openFile("/dev/zero", openFlag.readOnly);
      const at = bench.take(16);
      const memory = scratch.bytes.subarray(at - scratch.address, at - scratch.address + 16).fill(0xee);
      for (let token = 0; token < 8; token += 1) ring.read(token, none, fd, at, 1, -1);
      ring.submit();
      // On a worker the open of a FIFO that nobody writes to blocks; a read follows it in any case.
      await makeFifo(`${folder}/other`);
      const how = scratch.putOpenHow(openFlag.readOnly, 0, 0);
      ring.openat2(8, async | hardlink, atFlag.workingDirectory, bench.put(`${folder}/other`), how);
      ring.read(9, none, fd, at, 1, -1);
      ring.submit();
      assertEquals([ring.room, bench.reapReady()], [6, {}]);
      const waiting = ring.wait();
      ring.read(10, none, zero, at + 8, 8, 0);
      ring[Symbol.dispose]();
      ring[Symbol.dispose]();
      await waiting;
      assertThrows(() => bench.quick(1), Error, "open");
      assertThrows(() => ring.reap(() => {}), Error, "open");
      // What is written now is for who reads now: no cancelled read takes it.
      using other = new RingBench(2);
      other.ring.write(1, hardlink, fd, other.put("x"), 1, -1);
      other.ring.read(2, none, fd, other.take(1), 1, -1);
      assertEquals(await other.results(), { 1: 1, 2: 1 });
      assert(memory.every((byte) => byte === 0xee), "no read has filled its memory");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

ringTest("What is pinned stays while the kernel may still write into it", async (bench, folder) => {
  const { ring } = bench;
  const collected = new Set<string>();
  const registry = new FinalizationRegistry<string>((name) => collected.add(name));
  /** Memory that only the ring may be keeping. */
  const memory = (name: string): Uint8Array<ArrayBuffer> => {
    const made = new Uint8Array(new ArrayBuffer(65536));
    registry.register(made, name);
    return made;
  };
  const fd = await bench.openFifo(`${folder}/fifo`);
  (() => {
    const pinned = memory("pinned");
    ring.pin(pinned);
    ring.read(2, none, fd, addressOf(pinned), 1, -1);
    ring.submit();
    memory("free");
  })();
  collectGarbage();
  await new Promise((resolve) => setTimeout(resolve, 0)); // finalizers run as a task
  assertEquals([...collected], ["free"]);
  ring.write(3, none, fd, bench.put("x"), 1, -1);
  assertEquals(await bench.results(), { 2: 1, 3: 1 });
});
