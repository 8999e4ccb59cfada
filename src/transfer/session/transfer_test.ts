import { assert, assertEquals } from "@std/assert";
import { TreeHash } from "../../codec/tree_hash.ts";
import { nothingPlaced, type PlacedBefore } from "../../wire/hello.ts";
import { type SessionResult, Transfer } from "./transfer.ts";

type Snapshot = Parameters<Transfer["progress"]>[0];

function at(changes: Partial<Snapshot>): Snapshot {
  return {
    role: "receiver",
    bytesDone: 0,
    keptBytes: 0,
    bytesTotal: 0,
    entriesDone: 0,
    entriesTotal: 0,
    growing: false,
    skipped: 0,
    failed: 0,
    limitedBy: undefined,
    ...changes,
  };
}

const summary = {
  role: "receiver" as const,
  files: 6,
  directories: 2,
  links: 0,
  bytes: 60,
  keptBytes: 0,
  matchedBytes: 0,
  wireBytes: 100,
  skipped: 5,
  failed: 1,
  changed: 0,
  grown: 0,
  compared: 0,
  replaced: 0,
  lacking: 0,
  exitStatus: 23,
};

/** The sum of so many hashes of one byte each. */
function hashOf(...bytes: number[]): TreeHash {
  const hash = new TreeHash();
  for (const byte of bytes) hash.add(new Uint8Array(16).fill(byte));
  return hash;
}

/** A session of the transfer is lost; it received what it placed, unless told otherwise. */
function lose(
  transfer: Transfer,
  placed: Partial<PlacedBefore>,
  more: Partial<SessionResult> = {},
): void {
  const received = placed.bytes ?? 0;
  transfer.onLost({
    placed: { ...nothingPlaced, ...placed },
    received,
    matched: 0,
    lacking: 0,
    replaced: 0,
    wireBytes: 0,
    ...more,
  });
}

/** A transfer of which two sessions were lost, with 3 files and a link. */
function interrupted(): Transfer {
  const transfer = new Transfer();
  lose(transfer, { files: 1, links: 1, bytes: 10, sum: hashOf(255, 1).sum }, { lacking: 2, wireBytes: 30 });
  lose(transfer, {}, { wireBytes: 7 });
  lose(transfer, { files: 2, links: 0, bytes: 20, sum: hashOf(255, 2).sum }, { wireBytes: 3 });
  return transfer;
}

Deno.test("a transfer of one session has its summary as it is", () => {
  const { elapsedMs, ...rest } = new Transfer().summary(summary, hashOf(1, 2, 3));
  assert(elapsedMs >= 0);
  assertEquals(rest, { ...summary, treeHash: hashOf(1, 2, 3).toString() });
});

Deno.test("what sessions before have placed counts as copied, and not as skipped", () => {
  const { files, links, directories, bytes, skipped, failed, lacking, wireBytes, treeHash } = interrupted()
    .summary(
      summary,
      hashOf(9, 9),
    );
  assertEquals([files, links, directories, bytes, skipped, failed], [9, 1, 2, 90, 1, 1]);
  assertEquals([wireBytes, lacking], [140, 2]);
  assertEquals(treeHash, hashOf(9, 9, 255, 1, 255, 2).toString());
});

Deno.test("the sender counts as the receiver says", () => {
  const sender = new Transfer();
  lose(sender, {}, { wireBytes: 40, lacking: 2 });
  sender.resumeWith(interrupted().placed);
  const { elapsedMs: _, ...here } = sender.summary(summary, hashOf(4));
  const { elapsedMs: __, ...there } = interrupted().summary(summary, hashOf(4));
  assertEquals(here, there);
});

Deno.test("a transfer that the peer does not know counts from the beginning", () => {
  const transfer = interrupted();
  transfer.resumeWith(nothingPlaced);
  const { files, skipped, wireBytes } = transfer.summary(summary, hashOf());
  assertEquals([files, skipped, wireBytes], [6, 5, 140]);
});

Deno.test("progress goes on where the session before ended, and never backwards", () => {
  const transfer = new Transfer();
  const whole = { bytesTotal: 100, entriesTotal: 10 };
  transfer.progress(at({ ...whole, bytesDone: 50, entriesDone: 5 }));
  // Of 50 bytes that were on their way, 40 are placed.
  lose(transfer, { files: 4, links: 0, bytes: 40, sum: hashOf(1, 1, 1, 1).sum });
  const seen = [
    at({ growing: true }),
    at({ growing: true, entriesTotal: 4, entriesDone: 4, skipped: 4 }),
    at({ growing: true, entriesTotal: 8, entriesDone: 4, skipped: 4, bytesTotal: 30 }),
    at({ entriesTotal: 10, entriesDone: 6, skipped: 4, bytesTotal: 60, bytesDone: 20 }),
    at({ entriesTotal: 10, entriesDone: 10, skipped: 4, bytesTotal: 60, bytesDone: 60 }),
  ].map((one) => transfer.progress(one));
  assertEquals(seen.map(({ bytesDone }) => bytesDone), [50, 50, 50, 60, 100]);
  assertEquals(seen.map(({ entriesDone }) => entriesDone), [5, 5, 5, 6, 10]);
  assertEquals(
    seen.map(({ bytesTotal, entriesTotal }) => [bytesTotal, entriesTotal]),
    Array(5).fill([100, 10]),
  );
  // The totals are known, also while the tree is scanned again.
  assertEquals(seen.map(({ growing }) => growing), Array(5).fill(false));
  assertEquals(seen.map(({ skipped }) => skipped), Array(5).fill(0));
});

Deno.test("totals grow on while no session has seen them whole", () => {
  const transfer = new Transfer();
  transfer.progress(at({ growing: true, bytesTotal: 100, entriesTotal: 10 }));
  const { growing, bytesTotal, entriesTotal } = transfer.progress(
    at({ growing: true, bytesTotal: 30, entriesTotal: 3 }),
  );
  assertEquals([growing, bytesTotal, entriesTotal], [true, 100, 10]);
  assertEquals(transfer.progress(at({ bytesTotal: 120, entriesTotal: 12 })).bytesTotal, 120);
});

Deno.test("hasAdvanced() knows a session that only repeats", () => {
  const transfer = new Transfer();
  assert(transfer.hasAdvanced(), "the first session has met the peer");
  assert(!transfer.hasAdvanced());
  transfer.progress(at({ entriesDone: 5, entriesTotal: 10 }));
  assert(transfer.hasAdvanced());
  transfer.progress(at({ entriesDone: 4, entriesTotal: 10 }));
  assert(!transfer.hasAdvanced());
  transfer.progress(at({ entriesDone: 5, bytesDone: 1, bytesTotal: 1, entriesTotal: 10 }));
  assert(transfer.hasAdvanced());
});

Deno.test("content that an earlier session of the transfer received is copied, and none that was kept from an earlier run", () => {
  // A large file of 100 bytes, of which an earlier run left 30, and which two sessions bring 20 and 25 of.
  const transfer = new Transfer();
  const sender = new Transfer();
  const large = { bytesTotal: 100, entriesTotal: 1 };
  const seen: [done: number, kept: number, total: number][] = [];
  const show = (at: Partial<Snapshot>) => {
    const { bytesDone, keptBytes, bytesTotal } = transfer.progress({ ...atNow(), ...large, ...at });
    seen.push([bytesDone, keptBytes, bytesTotal]);
  };
  const atNow = () => at({});
  show({ keptBytes: 30, bytesDone: 20 });
  lose(transfer, {}, { received: 20 });
  assertEquals([transfer.placed.partial, transfer.placed.kept], [20, 0]);
  show({});
  show({ keptBytes: 50, bytesDone: 25 });
  lose(transfer, {}, { received: 25 });
  assertEquals(transfer.placed.partial, 45);
  show({ keptBytes: 75, bytesDone: 25 });
  assertEquals(seen, [[20, 30, 100], [20, 30, 100], [45, 30, 100], [70, 30, 100]]);
  sender.resumeWith(transfer.placed);
  const last = { ...summary, files: 1, bytes: 100, keptBytes: 75, skipped: 0 };
  for (const one of [transfer, sender]) {
    const { bytes, keptBytes } = one.summary(last, hashOf(1));
    assertEquals([bytes, keptBytes], [100, 30]);
  }
});

Deno.test("content that was lost with its session counts once, when it has come again", () => {
  const transfer = new Transfer();
  const large = { bytesTotal: 100, entriesTotal: 1 };
  transfer.progress(at({ ...large, bytesDone: 40 }));
  lose(transfer, {}, { received: 40 });
  const seen = [0, 30, 60, 100].map((bytesDone) => transfer.progress(at({ ...large, bytesDone })));
  assertEquals(seen.map(({ bytesDone, bytesTotal }) => [bytesDone, bytesTotal]), [
    [40, 100],
    [40, 100],
    [60, 100],
    [100, 100],
  ]);
});
