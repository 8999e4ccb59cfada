import { assert, assertEquals, assertThrows } from "@std/assert";
import { withSeed } from "../tests/helpers/random.ts";
import { ringTest } from "../tests/helpers/ring.ts";
import { errno } from "./errno.ts";
import { atFlag, fileAdvice, openFlag, resolveFlag, syncRangeFlag } from "./layout.ts";
import { sqeFlag } from "./sqe.ts";

const { none, hardlink, async } = sqeFlag;
const cwd = atFlag.workingDirectory;
/** Results that are not numbers of `errno`: EBADF, EXDEV, ESPIPE (asm-generic/errno.h). */
const badDescriptor = -9;
const crossDevice = -18;
const noSeek = -29;

ringTest("Files are created, written, read and synced as Deno sees them", async (bench, folder) => {
  const { ring, scratch } = bench;
  const flags = openFlag.readWrite | openFlag.create | openFlag.exclusive | openFlag.closeOnExec;
  const path = bench.put(`${folder}/file`);
  const how = scratch.putOpenHow(flags, 0o640, 0);
  ring.openat2(1, none, cwd, path, how);
  const fd = (await bench.results())[1]!;
  assert(fd >= 0, `open: ${fd}`);
  const read = bench.take(4);
  ring.write(2, hardlink, fd, bench.put("content"), 7, 3);
  ring.syncFileRange(3, hardlink, fd, 0, 10, syncRangeFlag.write);
  ring.fadvise(4, hardlink, fd, 0, 10, fileAdvice.dontNeed);
  ring.read(5, hardlink, fd, read, 4, 4);
  ring.write(6, async, fd, bench.put("!"), 1, 10);
  ring.openat2(7, none, cwd, path, how);
  assertEquals([ring.prepared, ring.room], [6, 10]);
  ring.submit();
  assertEquals([ring.prepared, ring.room], [0, 10]);
  assertEquals(await bench.results(), { 2: 7, 3: 0, 4: 0, 5: 4, 6: 1, 7: -errno.exist });
  assertEquals(ring.room, 16);
  assertEquals(bench.text(read, 4), "onte");
  assertEquals(Deno.readTextFileSync(`${folder}/file`), "\0\0\0content!");
  assertEquals(Deno.statSync(`${folder}/file`).mode! & 0o777, 0o640);
  bench.close(fd);
});

ringTest(
  "What is hard-linked begins when what is before it has completed, short or not",
  async (bench, folder) => {
    const { ring } = bench;
    const fifo = await bench.openFifo(`${folder}/fifo`);
    Deno.writeTextFileSync(`${folder}/file`, "content");
    const file = bench.openFile(`${folder}/file`, openFlag.readOnly);
    const [first, second] = [bench.take(16), bench.take(16)];
    ring.read(1, hardlink, fifo, first, 16, -1);
    ring.read(2, none, file, second, 16, 0);
    ring.submit();
    assertEquals(
      bench.reapReady(),
      {},
      "the first waits for somebody who writes, and the second for the first",
    );
    ring.write(3, none, fifo, bench.put("woken"), 5, -1);
    assertEquals(await bench.results(), { 1: 5, 2: 7, 3: 5 });
    assertEquals([bench.text(first, 5), bench.text(second, 7)], ["woken", "content"]);
  },
);

ringTest("A failure has its errno, and what is hard-linked to it is done", async (bench, folder) => {
  const { ring, scratch } = bench;
  const fifo = await bench.openFifo(`${folder}/fifo`);
  const zero = bench.openFile("/dev/zero", openFlag.readOnly);
  const how = scratch.putOpenHow(openFlag.readOnly, 0, 0);
  const badHow = scratch.putOpenHow(openFlag.readOnly, 0, 0x8000);
  const memory = bench.take(16);
  ring.openat2(1, hardlink, cwd, bench.put(`${folder}/none`), how);
  bench.quick(2);
  ring.openat2(3, none, cwd, bench.put(folder), badHow);
  ring.read(4, none, 1_000_000, memory, 4, 0);
  ring.write(5, none, zero, memory, 4, 0);
  ring.fadvise(6, hardlink, fifo, 0, 10, fileAdvice.dontNeed);
  ring.syncFileRange(7, none, fifo, 0, 10, syncRangeFlag.write);
  assertEquals(await bench.results(), {
    1: -errno.noent,
    2: 1,
    3: -errno.inval,
    4: badDescriptor,
    5: badDescriptor,
    6: noSeek,
    7: noSeek,
  });
});

ringTest("openat2 refuses to leave the directory and to follow a link", async (bench, folder) => {
  const { ring, scratch } = bench;
  Deno.symlinkSync("/etc", `${folder}/link`);
  const directory = bench.openFile(folder, openFlag.path | openFlag.directory);
  const beneath = resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks;
  const how = scratch.putOpenHow(openFlag.readOnly, 0, beneath);
  ring.openat2(1, none, directory, bench.put("../etc"), how);
  ring.openat2(2, none, directory, bench.put("link/passwd"), how);
  assertEquals(await bench.results(), { 1: crossDevice, 2: -errno.loop });
});

ringTest("The ring takes as many operations as it has entries, and not one more", async (bench) => {
  const { ring } = bench;
  for (let token = 0; token < 16; token += 1) bench.quick(token);
  assertEquals(ring.room, 0);
  assertThrows(() => bench.quick(16), Error, "has room");
  ring.submit();
  assertEquals(ring.room, 0, "submitting makes no room");
  assertThrows(() => bench.quick(16), Error, "has room");
  assertEquals(Object.keys(await bench.results()).length, 16);
  assertEquals(ring.room, 16);
});

ringTest("Every token comes back once, over many turns of the ring", (bench) =>
  withSeed(async (random) => {
    const { ring } = bench;
    const open = new Set<number>();
    let next = 0xffffff00; // and across the end of 32 bits
    for (let turn = 0; turn < 2000; turn += 1) {
      for (let count = Math.floor(random() * (ring.room + 1)); count > 0; count -= 1) {
        open.add(next);
        bench.quick(next);
        next = (next + 1) >>> 0;
      }
      if (random() < 0.7) ring.submit();
      if (random() < 0.7) {
        ring.reap((token, result) => {
          assertEquals(result, 1);
          assert(open.delete(token), "a token that is open");
        });
      }
    }
    await bench.drain((token) => assert(open.delete(token)));
    assertEquals(open.size, 0);
  }));

ringTest("A callback that throws loses only its own completion", async (bench) => {
  const { ring } = bench;
  for (let token = 0; token < 4; token += 1) bench.quick(token);
  await ring.wait(4);
  assertThrows(() =>
    ring.reap((token) => {
      if (token === 1) throw new RangeError("mine");
    }), RangeError);
  assertEquals(ring.room, 14);
  assertEquals(await bench.results(), { 2: 1, 3: 1 });
});

ringTest("A callback may claim, submit and reap", async (bench) => {
  const { ring } = bench;
  const seen: number[] = [];
  const on = (token: number) => {
    seen.push(token);
    if (token >= 8) return;
    bench.quick(token + 4);
    ring.submit();
    if (token === 2) ring.reap(on);
  };
  for (let token = 0; token < 4; token += 1) bench.quick(token);
  ring.submit();
  ring.reap(on);
  await bench.drain(on);
  assertEquals(seen.sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});
