import { assertEquals, assertNotEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import { settlementEntriesMax } from "../../wire/limits.ts";
import { entryIn, type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";

interface Place extends ReceiveParts {
  batch: ReceiveBatch;
  file: number;
  other: number;
  link: number;
}

/** Batch 2 with `file` of three bytes, `other` of four and `link`, planned: all of it is wanted. */
async function planned(body: (place: Place) => Promise<void> | void): Promise<void> {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const batch = parts.arrive(2, [[0, [
      { name: "file", size: 3 },
      { name: "other", size: 4 },
      { name: "link", text: "to" },
    ]]]);
    batch.isPlanned = true;
    const [file, other, link] = ["file", "other", "link"].map((name) => entryIn(batch, name)) as [
      number,
      number,
      number,
    ];
    await body({ ...parts, batch, file, other, link });
  });
}

const hash = (byte: number) => new Uint8Array(16).fill(byte);
const refused = new RcopyError("not-permitted", "says the test");

Deno.test("ReceiveUnsettled settles a batch with its last entry, and gives its credit back", async () => {
  await planned(async ({ unsettled, batch, file, other, link, heard, credit, allSettled, run }) => {
    unsettled.place(batch, file, hash(1), 0);
    unsettled.skip(batch, other);
    unsettled.fail(batch, link);
    assertEquals(await heard(), [
      {
        kind: "batchSettled",
        batch: 2,
        failed: Uint32Array.of(link),
        held: new Uint32Array(0),
        skipped: new Uint32Array(0),
      },
      { kind: "credit", bytes: batch.creditBytes },
    ]);
    const { files, bytes, skipped, failed } = run.outcome;
    assertEquals({ files, bytes, skipped, failed }, { files: 1, bytes: 3, skipped: 1, failed: 1 });
    assertEquals([credit(), allSettled(), unsettled.isEmpty], [batch.creditBytes, 1, true]);
    assertEquals([unsettled.find(2), unsettled.hash.count], [undefined, 1]);
  });
});

Deno.test("ReceiveUnsettled settles no batch before its plan is made", async () => {
  await planned(async ({ unsettled, batch, file, other, link, heard }) => {
    batch.isPlanned = false;
    for (const entry of [file, other, link]) unsettled.skip(batch, entry);
    assertEquals(await heard(), []);
    batch.isPlanned = true;
    unsettled.settleIfDone(batch);
    unsettled.settleIfDone(batch);
    assertEquals((await heard()).map(({ kind }) => kind), ["batchSettled", "credit"]);
  });
});

Deno.test("ReceiveUnsettled tells of a held entry later, when it outlives its batch", async () => {
  await planned(async ({ unsettled, batch, file, other, link, heard, allSettled }) => {
    const held = [unsettled.hold(batch, link), unsettled.hold(batch, other)] as const;
    unsettled.place(batch, file, hash(1), 0);
    const [settled] = await heard();
    assertEquals(settled, {
      kind: "batchSettled",
      batch: 2,
      failed: new Uint32Array(0),
      held: Uint32Array.of(other, link),
      skipped: new Uint32Array(0),
    });
    assertEquals([unsettled.isEmpty, allSettled()], [false, 0]);
    unsettled.placeHeld(held[0], { content: hash(2), lacks: 0 });
    unsettled.failHeldAtSource(held[1], refused);
    assertEquals(await heard(), [], "they leave together");
    unsettled.flush();
    assertEquals(await heard(), [{
      kind: "heldSettled",
      batches: Uint32Array.of(2, 2),
      entries: Uint32Array.of(link, other),
      outcomes: Uint8Array.of(0, 1),
    }]);
    assertEquals([unsettled.isEmpty, allSettled(), unsettled.hash.count], [true, 1, 2]);
  });
});

Deno.test("ReceiveUnsettled tells of a held entry with its batch, when that is not settled before", async () => {
  await planned(async ({ unsettled, batch, file, other, link, heard }) => {
    const held = unsettled.hold(batch, link);
    unsettled.failHeldAtSource(held, refused);
    unsettled.place(batch, file, hash(1), 0);
    unsettled.place(batch, other, hash(2), 0);
    const [settled, ...others] = await heard();
    assertEquals(settled, {
      kind: "batchSettled",
      batch: 2,
      failed: Uint32Array.of(link),
      held: new Uint32Array(0),
      skipped: new Uint32Array(0),
    });
    assertEquals(others.map(({ kind }) => kind), ["credit"]);
  });
});

Deno.test("ReceiveUnsettled sends settlements of held entries at the latest when a message is full", async () => {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const { unsettled, heard } = parts;
    const names = Array.from({ length: settlementEntriesMax }, (_, i) => ({ name: `${i}`, text: "to" }));
    const batch = parts.arrive(0, [[0, names]]);
    batch.isPlanned = true;
    const held = names.map((_, entry) => unsettled.hold(batch, entry));
    unsettled.settleIfDone(batch);
    await heard();
    for (const one of held) unsettled.placeHeld(one, { content: hash(1), lacks: 0 });
    const messages = await heard();
    assertEquals(messages.map((message) => message.kind === "heldSettled" && message.entries.length), [
      settlementEntriesMax,
    ]);
  });
});

Deno.test("ReceiveUnsettled tells both ends why an entry fails here, and the sender nothing that it said itself", async () => {
  await planned(async ({ unsettled, batch, file, other, heard, events, run }) => {
    unsettled.fail(batch, file, refused);
    const text = refused.message;
    const place = { of: "entry", batch: 2, entry: file } as const;
    assertEquals(await heard(), [{ kind: "failure", place, code: wireCodeOf["not-permitted"], text }]);
    unsettled.failAtSource(batch, other, new RcopyError("vanished", "it is gone"));
    assertEquals(await heard(), []);
    assertEquals(events.map((event) => event.type === "failure" && event.failure.path), ["file", "other"]);
    assertEquals([run.outcome.failed, run.outcome.changed], [2, 1]);
    assertEquals([batch.states[file], batch.states[other]], [EntryState.failed, EntryState.failed]);
  });
});

Deno.test("ReceiveUnsettled completes the directory of a file that is settled, held or not", async () => {
  await planned(({ unsettled, batch, file, other, link, tree }) => {
    tree.root.closed = true;
    const held = unsettled.hold(batch, other);
    unsettled.place(batch, file, hash(1), 0);
    unsettled.fail(batch, link);
    assertEquals([tree.root.pending, tree.root.completed], [1, false]);
    unsettled.placeHeld(held, { content: hash(2), lacks: 0 });
    assertEquals(tree.root.completed, true);
  });
});

Deno.test("ReceiveUnsettled hashes name, path, kind, mode and content of what is placed", async () => {
  const sums: string[] = [];
  const first = { name: "a", size: 3, mode: 0o644 };
  const variants = [first, { ...first, name: "b" }, { ...first, mode: 0o600 }, { ...first, size: 4 }];
  for (const [i, entry] of [...variants, first].entries()) {
    await inFolder((folder) => {
      using parts = receiveParts(folder);
      const batch = parts.arrive(0, [[0, [{ name: "d", kind: EntryKind.directory }]], [i === 4 ? 1 : 0, [
        entry,
      ]]]);
      parts.placement.makeFresh(batch.announced.get(0)!);
      parts.unsettled.place(batch, 1, hash(1), 0);
      sums.push(parts.unsettled.hash.sum.toHex());
    });
  }
  assertEquals(new Set(sums).size, 5);
  assertNotEquals(sums[0], sums[4], "the same entry in another directory");
});

Deno.test("ReceiveUnsettled counts what the plan leaves as it is once, settles the batch, and completes its directory", async () => {
  await inFolder(async (folder) => {
    using parts = receiveParts(folder);
    const { arrive, plan, heard, run, tree, unsettled, allSettled } = parts;
    const files = Array.from({ length: 20 }, (_, i) => ({ name: `${i}`, size: 3 }));
    for (const { name } of files) {
      folder.write(`d/${name}`, "abc");
      Deno.chmodSync(`${folder.path}/d/${name}`, 0o644);
      Deno.utimeSync(`${folder.path}/d/${name}`, 1_700_000_000, 1_700_000_000);
    }
    plan.make(arrive(0, [[0, [{ name: "d", kind: EntryKind.directory, mode: 0o755 }]], [1, files]]));
    const d = tree.find(1)!;
    assertEquals([run.outcome.skipped, d.pending, d.completed, unsettled.isEmpty], [20, 0, false, false]);
    plan.make(arrive(1, [], [1, 0]));
    assertEquals([d.completed, unsettled.isEmpty, allSettled()], [true, true, 1]);
    const settled = (await heard()).filter(({ kind }) => kind === "batchSettled");
    assertEquals(settled.length, 2);
  });
});
