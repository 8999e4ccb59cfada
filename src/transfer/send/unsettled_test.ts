import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { BatchSettled, HeldSettled } from "../../wire/settlement.ts";
import {
  entryOf,
  inFolder,
  scannedBatch,
  type SendParts,
  sendParts,
} from "../../../tests/helpers/transfer_parts.ts";
import { type SendBatch, SendState } from "../source/batch.ts";

interface Place extends SendParts {
  batch: SendBatch;
  /** The message that settles the batch. */
  settled: (by: { failed?: string[]; held?: string[]; skipped?: string[] }) => BatchSettled;
  heldSettled: (names: string[], failed?: string[]) => HeldSettled;
  /** Bytes, counts and hash so far. */
  counts: () => Record<string, number>;
}

/** A batch with `file` and `other` of three bytes, `large` of an extent and one byte, the directory `dir` and `link`. */
async function announced(body: (place: Place) => void): Promise<void> {
  await inFolder(({ engine, path, write }) => {
    for (const name of ["file", "other"]) write(name, "abc");
    write("large");
    Deno.truncateSync(`${path}/large`, extentBytes + 1);
    Deno.mkdirSync(`${path}/dir`);
    Deno.symlinkSync("to", `${path}/link`);
    using parts = sendParts(engine);
    const batch = scannedBatch(engine, path);
    const entriesOf = (names: string[] = []) =>
      Uint32Array.from(names, (name) => entryOf(batch, name)).toSorted();
    parts.unsettled.add(batch);
    parts.plan.add(batch);
    body({
      ...parts,
      batch,
      settled: ({ failed, held, skipped }) => ({
        kind: "batchSettled",
        batch: 0,
        failed: entriesOf(failed),
        held: entriesOf(held),
        skipped: entriesOf(skipped),
      }),
      heldSettled: (names, failed = []) => ({
        kind: "heldSettled",
        batches: new Uint32Array(names.length),
        entries: Uint32Array.from(names, (name) => entryOf(batch, name)),
        outcomes: Uint8Array.from(names, (name) => failed.includes(name) ? 1 : 0),
      }),
      counts() {
        const { files, directories, links, bytes, skipped, failed } = parts.run.outcome;
        return { files, directories, links, bytes, skipped, failed, hashes: parts.unsettled.hash.count };
      },
    });
  });
}

/** As a lane does when it has read an extent. */
function sendLarge({ large, batch }: Place, extents: number[]): void {
  const source = large.get(entryOf(batch, "large"))!;
  for (const extent of extents) source.addHash(extent, new Uint8Array(16));
  if (source.verified()) batch.states[source.entry] = SendState.sent;
}

function sendSmall({ batch }: Place, ...names: string[]): void {
  for (const name of names) batch.states[entryOf(batch, name)] = SendState.sent;
}

function violation(action: () => unknown): void {
  assertEquals((assertThrows(action, RcopyError) as RcopyError).code, "protocol");
}

Deno.test("SendUnsettled counts what the receiver placed, skipped and failed", async () => {
  await announced((place) => {
    const { unsettled, batch, counts, settled } = place;
    sendSmall(place, "file");
    batch.states[entryOf(batch, "link")] = SendState.unwanted;
    sendLarge(place, [0, 1]);
    unsettled.settle(settled({ failed: ["other"], held: [] }));
    const content = { files: 2, bytes: extentBytes + 4, directories: 1, links: 0 };
    assertEquals(counts(), { ...content, skipped: 1, failed: 1, hashes: 3 });
    assertEquals([unsettled.remaining, batch.isSettled], [{ batches: 0, entries: 0 }, true]);
  });
});

Deno.test("SendUnsettled remembers held entries until each of them is settled", async () => {
  await announced((place) => {
    const { unsettled, counts, settled, heldSettled, large } = place;
    sendSmall(place, "file", "other");
    sendLarge(place, [0]);
    unsettled.settle(settled({ held: ["large", "dir", "link"] }));
    assertEquals([unsettled.remaining, counts().hashes], [{ batches: 0, entries: 3 }, 2]);
    assertEquals(unsettled.pathOf(0, entryOf(place.batch, "dir")), "dir");
    sendLarge(place, [1]);
    unsettled.settleHeld(heldSettled(["large", "dir", "link"], ["link"]));
    assertEquals([unsettled.remaining, large.size], [{ batches: 0, entries: 0 }, 0]);
    const content = { files: 3, bytes: extentBytes + 7, directories: 1, links: 0 };
    assertEquals(counts(), { ...content, skipped: 0, failed: 1, hashes: 4 });
  });
});

Deno.test("SendUnsettled takes no settlement of what was never sent", async () => {
  await announced((place) => {
    const { unsettled, settled, heldSettled } = place;
    violation(() => unsettled.settle(settled({})));
    sendSmall(place, "file", "other");
    violation(() => unsettled.settle(settled({ held: ["dir", "link"] })));
    violation(() => unsettled.settle(settled({ held: ["large", "dir", "link"] })));
    sendLarge(place, [0]);
    unsettled.settle(settled({ held: ["large", "dir", "link"] }));
    violation(() => unsettled.settleHeld(heldSettled(["large"])));
  });
});

Deno.test("SendUnsettled takes no settlement twice, of nothing, or of what is not there", async () => {
  await announced((place) => {
    const { unsettled, settled, heldSettled, batch } = place;
    sendSmall(place, "file", "other");
    sendLarge(place, [0, 1]);
    violation(() => unsettled.settleHeld(heldSettled(["dir"])));
    violation(() => unsettled.settle({ ...settled({}), batch: 1 }));
    violation(() => unsettled.settle({ ...settled({}), failed: Uint32Array.of(batch.count) }));
    violation(() => unsettled.settle({ ...settled({}), held: Uint32Array.of(batch.count) }));
    violation(() => unsettled.settle(settled({ failed: ["dir"], held: ["dir"] })));
    violation(() => unsettled.settle(settled({ held: ["file"] })));
  });
  await announced((place) => {
    sendSmall(place, "file", "other");
    sendLarge(place, [0, 1]);
    place.unsettled.settle(place.settled({}));
    violation(() => place.unsettled.settle(place.settled({})));
  });
});

Deno.test("SendUnsettled tells the plan that an entry failed at the receiver", async () => {
  await announced((place) => {
    const { unsettled, settled, batch, plan, large } = place;
    sendSmall(place, "file");
    const source = large.get(entryOf(batch, "large"))!;
    unsettled.settle(settled({ failed: ["other", "large"], held: ["dir", "link"] }));
    assertEquals([source.failure?.code, large.size, plan.next(1)], ["io", 0, undefined]);
  });
});

Deno.test("SendUnsettled shows the path of an entry, and refuses one that is not there", async () => {
  await announced(({ unsettled, batch }) => {
    assertEquals(unsettled.pathOf(0, entryOf(batch, "file")), "file");
    violation(() => unsettled.pathOf(0, batch.count));
    violation(() => unsettled.pathOf(7, 0));
  });
});
