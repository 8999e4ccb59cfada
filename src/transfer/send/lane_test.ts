/** A sender's lane over a channel in memory; the other end reads what arrives as a receiver does. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { RcopyError } from "../../base/errors.ts";
import type { FileWrite } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import {
  bytesOf,
  type EngineFolder,
  entryOf,
  inFolder,
  scannedBatch,
  type SendParts,
  sendParts,
  textOf,
} from "../../../tests/helpers/transfer_parts.ts";
import { ownName } from "../../entry/name.ts";
import type { ArrivedUnit, ReceiveIo } from "../lane/lane_io.ts";
import { LocalConnection } from "../lane/local_connection.ts";
import { type SendBatch, SendState } from "../source/batch.ts";
import { SendLane } from "./lane.ts";

interface Place extends SendParts {
  lane: SendLane;
  batch: SendBatch;
  folder: EngineFolder;
  /** The other end. */
  far: Channel;
  receiver: ReceiveIo;
  /** What the lane told, in order. */
  told: string[];
  /** Whether the lane was busy, whenever it told that this may have changed. */
  busy: boolean[];
}

/** A lane for a folder of these files (by size), and a plan of all of it. */
async function withLane(
  sizes: Record<string, number>,
  body: (place: Place) => Promise<void>,
  faults: Fault[] = [],
): Promise<void> {
  await inFolder(async (folder) => {
    const { engine, path, write } = folder;
    for (const [name, size] of Object.entries(sizes)) {
      write(name, bytesOf(name.repeat(Math.ceil(Math.min(size, 1000) / name.length))).subarray(0, size));
      Deno.truncateSync(`${path}/${name}`, size);
    }
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    parts.unsettled.add(batch);
    parts.plan.add(batch);
    const [near, far] = memoryChannels();
    const { account } = parts.run;
    const receiver = new LocalConnection(far).toReceiveIo({ engine, account });
    const told: string[] = [];
    const busy: boolean[] = [];
    const lane: SendLane = new SendLane({
      io: new LocalConnection(near).toSendIo({ engine, account }),
      plan: parts.plan,
      comparison: parts.comparison,
      hasher: parts.hasher,
      prefixes: parts.prefixes,
      account,
      eventLoopYield: new EventLoopYield(),
      onFailed: (of, entry, error) => {
        told.push(`${textOf(of.columns.name(entry))}: ${error.code}`);
        parts.failures.entryFailed(of, entry, error);
      },
      surroundings: { roundTripMs: () => undefined, hasOthers: () => false },
      mustLeaveToOthers: () => false,
      onVerified: (source) => {
        told.push(`${textOf(batch.columns.name(source.entry))}: verified`);
        parts.largeFiles.vouch(source);
      },
      onGrown: (of, entry, size) => void told.push(`${textOf(of.columns.name(entry))}: grown to ${size}`),
      onSent: (bytes) => void told.push(`sent ${bytes}`),
      onMatched: (bytes) => void told.push(`matched ${bytes}`),
      onBusyChanged: () => void busy.push(lane.isBusy),
    });
    await body({ ...parts, lane, batch, folder, far, receiver, told, busy });
    near.close();
  }, faults);
}

/** Creates the files of a bundle in the folder, as `<name> copy`; gives the names of those whose hash is right. */
async function place({ batch, folder }: Place, unit: ArrivedUnit): Promise<string[]> {
  const { message } = unit;
  if (message.kind !== "bundle") throw new Error("no bundle");
  let offset = 0;
  const writes = Array.from(message.entries, (entry): FileWrite => {
    const size = batch.columns.sizes[entry]!;
    const name = ownName(`${textOf(batch.columns.name(entry))} copy`);
    const write = {
      directory: folder.root,
      name,
      atOnce: false,
      mode: 0o644,
      mtime: { seconds: 0, nanos: 0 },
      offset,
      size,
    };
    offset += size;
    return write;
  });
  assertEquals(offset, unit.payloadBytes);
  const sound = await unit.placeFiles(writes, unit.hashes).finish();
  return writes.flatMap(({ name }, i) => sound[i] ? [textOf(name)] : []).toSorted();
}

Deno.test("SendLane sends small files whole, and takes note of each before it can have arrived", async () => {
  await withLane({ a: 1, b: 5000, empty: 0 }, async (at) => {
    const running = at.lane.run();
    const unit = (await at.receiver.next())!;
    assertEquals(Array.from(at.batch.states.subarray(0, 3)), Array(3).fill(SendState.sent));
    assertEquals(await place(at, unit), ["a copy", "b copy", "empty copy"]);
    for (const name of ["a", "b", "empty"]) {
      const [there, here] = [name, `${name} copy`].map((file) =>
        Deno.readFileSync(`${at.folder.path}/${file}`)
      );
      assertEquals(there, here);
    }
    at.plan.end();
    await running;
    assertEquals(at.told, ["sent 5001"]);
    assertEquals(at.lane.onTheWay.count, 1, "the receiver has not said that it took it");
    at.unsettled.settle({
      kind: "batchSettled",
      batch: 0,
      failed: new Uint32Array(),
      held: new Uint32Array(),
      skipped: new Uint32Array(),
    });
    assertEquals([at.run.outcome.files, at.unsettled.hash.count], [3, 3]);
  });
});

Deno.test("SendLane sends a large file extent by extent, and vouches for it before the last of them is written", async () => {
  await withLane({ large: 2 * extentBytes + 5 }, async ({ lane, plan, receiver, told, batch }) => {
    const running = lane.run();
    for (const index of [0, 1, 2]) {
      const { message, payloadBytes, hash, hashes } = (await receiver.next())!;
      assertEquals(message, { kind: "extent", batch: 0, entry: 0, index });
      assertEquals([payloadBytes, hash], [index === 2 ? 5 : extentBytes, hashes]);
    }
    plan.end();
    await running;
    assertEquals(told.toSorted(), ["large: verified", "sent 4194304", "sent 4194304", "sent 5"]);
    assert(told.indexOf("large: verified") < told.indexOf("sent 5"));
    assertEquals(batch.states[0], SendState.sent);
  });
});

Deno.test("SendLane leaves out small files that vanished or changed, and sends the others without a gap", async () => {
  await withLane({ a: 10, gone: 20, shrunk: 30, z: 40 }, async (at) => {
    Deno.removeSync(`${at.folder.path}/gone`);
    Deno.writeFileSync(`${at.folder.path}/shrunk`, new Uint8Array(29));
    const running = at.lane.run();
    const unit = (await at.receiver.next())!;
    assertEquals(await place(at, unit), ["a copy", "z copy"]);
    at.plan.end();
    await running;
    assertEquals(at.told.toSorted(), ["gone: vanished", "sent 50", "shrunk: changed"]);
    assertEquals(at.batch.states[entryOf(at.batch, "gone")], SendState.failed);
  });
});

Deno.test("SendLane sends what a file had that has grown, and says so with it", async () => {
  await withLane({ a: 10, log: 20, z: 40 }, async (at) => {
    Deno.writeFileSync(`${at.folder.path}/log`, new Uint8Array(5), { append: true });
    const running = at.lane.run();
    const unit = (await at.receiver.next())!;
    const entry = entryOf(at.batch, "log");
    assertEquals(unit.message.kind === "bundle" && unit.message.grown, Uint32Array.of(entry));
    assertEquals(await place(at, unit), ["a copy", "log copy", "z copy"]);
    at.plan.end();
    await running;
    assertEquals(at.told.toSorted(), ["log: grown to 25", "sent 70"]);
    assertEquals(at.batch.states[entry], SendState.sent);
  });
});

Deno.test("SendLane sends nothing where every file of a bundle has failed", async () => {
  await withLane({ gone: 20 }, async ({ lane, plan, told, folder, far }) => {
    Deno.removeSync(`${folder.path}/gone`);
    const running = lane.run();
    plan.end();
    await running;
    assertEquals([told, far.bytesRead, lane.onTheWay.count], [["gone: vanished"], 0, 0]);
  });
});

const refused = new RcopyError("io", "says the test");

Deno.test("SendLane gives a large file up once when it cannot be read, whatever extents are left", async () => {
  const faults: Fault[] = [{ method: "readRange", call: 1, error: refused, at: "finish" }];
  await withLane({ large: 3 * extentBytes, small: 1 }, async (at) => {
    const running = at.lane.run();
    assertEquals(await place(at, (await at.receiver.next())!), ["small copy"]);
    at.plan.end();
    await running;
    assertEquals(at.told, ["large: io", "sent 1"]);
  }, faults);
});

Deno.test("SendLane gives a large file up that cannot be opened", async () => {
  await withLane({ large: 2 * extentBytes }, async ({ lane, plan, told }) => {
    const running = lane.run();
    plan.end();
    await running;
    assertEquals(told, ["large: io"]);
  }, [{ method: "openSource", call: 1, error: refused }]);
});

Deno.test("SendLane gives back to the plan what may not have arrived when its connection breaks", async () => {
  await withLane({ a: 10, large: extentBytes + 1 }, async ({ lane, plan, far }) => {
    far.close();
    assertEquals((await assertRejects(() => lane.run(), RcopyError)).code, "peer-lost");
    const jobs: string[] = [];
    for (let job = plan.next(1); job; job = plan.next(1)) {
      jobs.push(job.of === "extent" ? `${job.index}` : "a");
    }
    assertEquals(jobs.toSorted(), ["0", "1", "a"]);
    assertEquals(lane.isBusy, false);
  });
});

Deno.test("SendLane sends nothing of what is settled meanwhile", async () => {
  await withLane({ a: 10 }, async ({ lane, plan, unsettled, batch, far, told, folder }) => {
    const job = plan.next(1)!;
    batch.states[0] = SendState.sent;
    unsettled.settle({
      kind: "batchSettled",
      batch: 0,
      failed: new Uint32Array(),
      held: new Uint32Array(),
      skipped: new Uint32Array(),
    });
    plan.addAgain(job);
    const running = lane.run();
    plan.end();
    await running;
    assertEquals([told, far.bytesRead, folder.calls.readFiles ?? 0], [[], 0, 0]);
  });
});

Deno.test("SendLane is busy while it has a job, and idle while it waits for one", async () => {
  await withLane({ a: 10 }, async ({ lane, plan, receiver, busy }) => {
    const running = lane.run();
    await receiver.next();
    while (plan.waiting === 0) await new Promise((resolve) => setTimeout(resolve));
    assertEquals([busy[0], busy.at(-1), lane.isBusy], [true, false, false]);
    plan.end();
    await running;
    assertEquals(lane.isBusy, false);
  });
});
