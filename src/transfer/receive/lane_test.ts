/** A receiver's lane over a channel in memory; the other end writes units as a sender does, or as a hostile one. */
import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Channel } from "../../net/channel.ts";
import type { Bundle, Extent } from "../../wire/data.ts";
import { encodeDataHead, encodeFrame } from "../../wire/frame.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { entryIn, type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { bytesOf, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { LocalConnection } from "../lane/local_connection.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { ReceiveLane } from "./lane.ts";

interface Place extends ReceiveParts {
  batch: ReceiveBatch;
  folder: EngineFolder;
  /** The other end. */
  far: Channel;
  /** Runs the lane until the stream has ended. */
  runLane: () => Promise<void>;
  /** Sends small files of the batch in one unit. */
  send: (...names: string[]) => Promise<void>;
  /** Sends an extent of `large`; the second is five bytes long. */
  sendExtent: (index: number, change?: Partial<Sent>) => Promise<void>;
  sendUnit: (sent: Sent) => Promise<void>;
  /** The lane has asked for a batch. */
  planAsked: Promise<void>;
  /** `<entry>/<extent>` of what was asked for again. */
  askedAgain: string[];
  /** Content bytes of units taken, and of what was placed. */
  counted: { taken: number; placed: number; matched: number };
}

interface Sent {
  message: Extent | Bundle;
  content: Uint8Array;
  /** Of the content, unless it was damaged on the way. */
  hashes: Uint8Array;
}

const hasher = Codec.open({ arenaBytes: 0 });
const contents: Record<string, Uint8Array> = {
  a: bytesOf("first"),
  b: bytesOf("second file"),
  empty: bytesOf(""),
};
const extents = [new Uint8Array(extentBytes).fill(7), bytesOf("end")];

/** Batch 0 with the files above, `large`, the directory `d` and `link`; planned unless a test does so later. */
async function withLane(
  body: (place: Place) => Promise<void>,
  { faults = [], isPlanned = true }: { faults?: Fault[]; isPlanned?: boolean } = {},
): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const batch = parts.arrive(0, [[0, [
      ...Object.entries(contents).map(([name, { length: size }]) => ({ name, size })),
      { name: "large", size: extentBytes + 3 },
      { name: "d", kind: EntryKind.directory },
      { name: "link", text: "to" },
    ]]]);
    parts.run.counts.batches = 1;
    if (isPlanned) {
      parts.plan.make(batch);
      parts.awaited.onPlanned();
    }
    const { account } = parts.run;
    const [near, far] = memoryChannels({ windowBytes: 2 * extentBytes });
    const asked = Promise.withResolvers<void>();
    const askedAgain: string[] = [];
    const counted = { taken: 0, placed: 0, matched: 0 };
    const lane = new ReceiveLane({
      ...parts,
      io: new LocalConnection(near).toReceiveIo({ engine: folder.engine, account }),
      account,
      eventLoopYield: new EventLoopYield(),
      resends: new Map(),
      plannedBatch(number) {
        asked.resolve();
        return parts.awaited.planned(number, parts.unsettled);
      },
      askAgain: (_, entry, extent) => askedAgain.push(`${entry}/${extent}`),
      onUnit: (bytes) => counted.taken += bytes,
      onPlaced: (bytes) => counted.placed += bytes,
      onMatched: (bytes) => counted.matched += bytes,
      onTold: () => {},
    });
    const sendUnit = async ({ message, content, hashes }: Sent): Promise<void> => {
      const head = encodeDataHead(message, content.length);
      await far.write(concat(head, content, encodeFrame({ kind: "hashes", hashes })));
    };
    await body({
      ...parts,
      batch,
      folder,
      far,
      planAsked: asked.promise,
      askedAgain,
      counted,
      sendUnit,
      async runLane() {
        far.close();
        await lane.run();
      },
      async send(...names) {
        const entries = Uint32Array.from(names, (name) => entryIn(batch, name)).toSorted();
        const parts = Array.from(entries, (entry) => contents[Object.keys(contents)[entry]!]!);
        const hashes = concat(...parts.map((part) => hasher.hashOf(part)));
        await sendUnit({ message: { kind: "bundle", batch: 0, entries }, content: concat(...parts), hashes });
      },
      async sendExtent(index, change = {}) {
        const message = { kind: "extent", batch: 0, entry: entryIn(batch, "large"), index } as const;
        const content = extents[index]!;
        await sendUnit({ message, content, hashes: hasher.hashOf(content), ...change });
      },
    });
  }, faults);
}

function contentOf({ path }: EngineFolder, name: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(`${path}/${name}`);
  } catch {
    return undefined;
  }
}

Deno.test("ReceiveLane places small files whole, and counts what it has taken and placed", async () => {
  await withLane(async ({ send, runLane, folder, run, counted, unsettled }) => {
    await send("a", "b", "empty");
    await runLane();
    for (const [name, content] of Object.entries(contents)) assertEquals(contentOf(folder, name), content);
    assertEquals([run.outcome.files, run.outcome.bytes, unsettled.hash.count], [3, 16, 3]);
    assertEquals(counted, { taken: 16, placed: 16, matched: 0 });
  });
});

Deno.test("ReceiveLane asks again for a small file that arrived damaged, and places the others of its unit", async () => {
  await withLane(async ({ sendUnit, send, runLane, folder, batch, askedAgain, run }) => {
    const entries = Uint32Array.of(entryIn(batch, "a"), entryIn(batch, "b"));
    const hashes = concat(hasher.hashOf(contents.a!), hasher.hashOf(contents.b!));
    const content = concat(bytesOf("fIrst"), contents.b!);
    await sendUnit({ message: { kind: "bundle", batch: 0, entries }, content, hashes });
    await send("a");
    await runLane();
    assertEquals([askedAgain, contentOf(folder, "a"), contentOf(folder, "b")], [
      [`${entries[0]}/0`],
      contents.a,
      contents.b,
    ]);
    assertEquals([run.outcome.files, run.outcome.failed], [2, 0]);
  });
});

Deno.test("ReceiveLane gives a small file up that arrives damaged too often", async () => {
  await withLane(async ({ sendUnit, runLane, folder, batch, askedAgain, events }) => {
    const message = { kind: "bundle", batch: 0, entries: Uint32Array.of(entryIn(batch, "a")) } as const;
    for (let i = 0; i <= resendsMax; i++) {
      await sendUnit({ message, content: contents.a!, hashes: new Uint8Array(16) });
    }
    await runLane();
    assertEquals([askedAgain.length, contentOf(folder, "a"), batch.states[0]], [
      resendsMax,
      undefined,
      EntryState.failed,
    ]);
    assertEquals(events.map((event) => event.type === "failure" && event.failure.code), ["corrupt"]);
  });
});

Deno.test("ReceiveLane puts the extents of a large file together, in whatever order they come", async () => {
  await withLane(async ({ sendExtent, runLane, folder, large, batch, counted }) => {
    const hash = hasher.hashOf(concat(...extents.map((extent) => hasher.hashOf(extent))));
    large.onVerified({ kind: "fileVerified", batch: 0, entry: entryIn(batch, "large"), hash });
    await sendExtent(1);
    await sendExtent(0);
    await runLane();
    assertEquals(hasher.hashOf(contentOf(folder, "large")!), hasher.hashOf(concat(...extents)));
    assertEquals(counted, { taken: extentBytes + 3, placed: extentBytes + 3, matched: 0 });
  });
});

Deno.test("ReceiveLane asks again for an extent that arrived damaged, and takes one that comes twice once", async () => {
  await withLane(async ({ sendExtent, runLane, batch, askedAgain, counted, folder }) => {
    await sendExtent(1, { content: bytesOf("eNd") });
    await sendExtent(1);
    await sendExtent(1);
    await runLane();
    assertEquals(askedAgain, [`${entryIn(batch, "large")}/1`]);
    assertEquals([counted, folder.calls.writeRange], [{ taken: 9, placed: 3, matched: 0 }, 1]);
  });
});

Deno.test("ReceiveLane passes over what comes a second time, or of a batch that is settled", async () => {
  await withLane(async ({ send, runLane, batch, run, folder, unsettled }) => {
    batch.states[entryIn(batch, "empty")] = EntryState.failed;
    await send("a", "empty");
    await send("a", "b");
    await runLane();
    assertEquals([run.outcome.files, contentOf(folder, "empty")], [2, undefined]);
    assertEquals(unsettled.hash.count, 2);
  });
});

Deno.test("ReceiveLane takes the size of a file from its unit where that says so, and counts what has grown", async () => {
  await withLane(async ({ batch, sendUnit, runLane, folder, run }) => {
    for (
      const [name, content, grown] of [["a", "another size", true], ["empty", "not empty", false]] as const
    ) {
      const entry = entryIn(batch, name);
      const bytes = bytesOf(content);
      const message: Bundle = {
        ...bundle(entry),
        unsized: true,
        ...(grown ? { grown: Uint32Array.of(entry) } : {}),
      };
      await sendUnit({ message, content: bytes, hashes: hasher.hashOf(bytes) });
    }
    await runLane();
    assertEquals([contentOf(folder, "a"), contentOf(folder, "empty")], [
      bytesOf("another size"),
      bytesOf("not empty"),
    ]);
    assertEquals([run.outcome.files, run.outcome.bytes, run.outcome.grown, run.outcome.exitStatus], [
      2,
      21,
      1,
      24,
    ]);
  });
});

const violations: [what: string, unit: (place: Place) => Partial<Sent>][] = [
  ["an entry that the batch does not have", () => ({ message: bundle(99) })],
  ["an entry that is a directory", ({ batch }) => ({ message: bundle(entryIn(batch, "d")) })],
  ["a large file in a bundle", ({ batch }) => ({ message: bundle(entryIn(batch, "large")) })],
  ["more bytes than its files have", ({ batch }) => ({
    message: bundle(entryIn(batch, "a")),
    content: bytesOf("longer than it is"),
  })],
  ["a file that is there already", ({ batch }) => {
    batch.states[entryIn(batch, "a")] = EntryState.skipped;
    return { message: bundle(entryIn(batch, "a")), content: contents.a! };
  }],
  ["a large file that is to have the size of its unit", ({ batch }) => ({
    message: { ...bundle(entryIn(batch, "large")), unsized: true },
  })],
  ["a small file as an extent", ({ batch }) => ({ message: extent(entryIn(batch, "a"), 0) })],
  ["an extent beyond the end of its file", ({ batch }) => ({ message: extent(entryIn(batch, "large"), 2) })],
  ["an extent of another size", ({ batch }) => ({ message: extent(entryIn(batch, "large"), 1) })],
];
for (const [what, unitOf] of violations) {
  Deno.test(`ReceiveLane ends the session as a violation of the protocol: ${what}`, async () => {
    await withLane(async (place) => {
      await place.sendUnit({
        message: bundle(0),
        content: bytesOf("1"),
        hashes: new Uint8Array(16),
        ...unitOf(place),
      });
      assertEquals((await assertRejects(place.runLane, RcopyError)).code, "protocol");
    });
  });
}

function bundle(entry: number): Bundle {
  return { kind: "bundle", batch: 0, entries: Uint32Array.of(entry) };
}

function extent(entry: number, index: number): Extent {
  return { kind: "extent", batch: 0, entry, index };
}

Deno.test("ReceiveLane holds a unit until its batch is planned", async () => {
  await withLane(async ({ send, runLane, folder, plan, batch, awaited, planAsked }) => {
    await send("a");
    const running = runLane();
    await planAsked;
    assertEquals([contentOf(folder, "a"), folder.calls.createFiles ?? 0], [undefined, 0]);
    plan.make(batch);
    awaited.onPlanned();
    await running;
    assertEquals(contentOf(folder, "a"), contents.a);
  }, { isPlanned: false });
});

const faults: [ErrorCode, what: string][] = [
  ["not-permitted", "fails a file alone that cannot be created"],
  ["no-space", "ends the run when the destination is full"],
];
for (const [code, what] of faults) {
  Deno.test(`ReceiveLane ${what}`, async () => {
    const error = new RcopyError(code, "says the test");
    await withLane(async ({ send, runLane, folder, run, batch }) => {
      await send("a", "b");
      if (code === "no-space") {
        assertEquals(await assertRejects(runLane, RcopyError), error);
        return;
      }
      await runLane();
      assertEquals([batch.states[entryIn(batch, "a")], contentOf(folder, "b")], [
        EntryState.failed,
        contents.b,
      ]);
      assertEquals([run.outcome.failed, run.outcome.files], [1, 1]);
    }, { faults: [{ method: "createFiles", call: 1, error }] });
  });
}

Deno.test("ReceiveLane fails a large file alone whose extent cannot be written, and leaves nothing of it", async () => {
  const error = new RcopyError("io", "says the test");
  await withLane(async ({ sendExtent, send, runLane, folder, batch, large }) => {
    await sendExtent(1);
    await sendExtent(0);
    await send("a");
    await runLane();
    assertEquals([batch.states[entryIn(batch, "large")], large.get(0, entryIn(batch, "large"))], [
      EntryState.failed,
      undefined,
    ]);
    assertEquals([contentOf(folder, "large"), contentOf(folder, "a")], [undefined, contents.a]);
  }, { faults: [{ method: "writeRange", call: 1, error, at: "finish" }] });
});
