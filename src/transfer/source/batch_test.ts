import { assert, assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { encodeFrame } from "../../wire/frame.ts";
import { bytesOf, entryOf, inFolder, scannedBatch, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { type BatchRoom, oneEntryBytesMax, SendBatch, SendState } from "./batch.ts";
import { SourceDirectory } from "./directory.ts";

/** Columns with one entry. */
function listed(name: string, kind: EntryKind = EntryKind.file): EntryColumns {
  const columns = new EntryColumns(1);
  const times = { mtimeSeconds: -1, mtimeNanos: 999_999_999, ctimeNs: 0n };
  columns.append(bytesOf(name), { kind, mode: 0o755, special: 0, size: 7, device: 1, inode: 2n, ...times });
  return columns;
}

interface Filling {
  room: BatchRoom;
  name: (index: number) => string;
  text?: string;
  /** A new directory for every so many entries. */
  groupOf: number;
}

/** Adds entries and closed directories until the batch takes no more. */
async function filled({ room, name, text, groupOf }: Filling): Promise<SendBatch> {
  const batch = new SendBatch(0, room);
  await inFolder(({ engine, path }) => {
    let directory: SourceDirectory | undefined;
    const linkText = text === undefined ? undefined : bytesOf(text);
    for (let i = 0; batch.fits(bytesOf(name(i)).length, linkText?.length ?? 0); i++) {
      if (i % groupOf === 0) {
        directory?.release();
        directory = new SourceDirectory(engine, engine.openRoot(path), { number: i });
      }
      const kind = linkText ? EntryKind.link : EntryKind.file;
      batch.add(directory!, { listed: listed(name(i), kind), index: 0, linkText });
    }
    directory?.release();
    while (batch.close(1));
    batch.release();
  });
  return batch;
}

const fillings: Record<string, Omit<Filling, "room">> = {
  "short names in one directory": { name: () => "n", groupOf: 1e9 },
  "a directory for each entry": { name: (i) => `name ${i}`, groupOf: 1 },
  "the longest names and link texts": { name: () => "n".repeat(255), text: "t".repeat(4095), groupOf: 3 },
};
for (const [what, filling] of Object.entries(fillings)) {
  Deno.test(`SendBatch keeps its message within the room: ${what}`, async () => {
    const batch = await filled({ room: { bytes: 60_000, entries: 4096 }, ...filling });
    const bytes = encodeFrame(batch.toMessage()).length;
    assert(bytes <= 60_000 && bytes > 50_000, `${bytes}`);
  });
}

Deno.test("SendBatch takes any one entry in the room that is asked for before a batch is begun", async () => {
  const room = { bytes: oneEntryBytesMax, entries: 4096 };
  const batch = await filled({ room, ...fillings["the longest names and link texts"]! });
  assertEquals(batch.count, 1);
});

Deno.test("SendBatch takes no more entries than its room allows", async () => {
  const batch = await filled({ room: { bytes: 60_000, entries: 3 }, name: () => "n", groupOf: 1e9 });
  assertEquals(batch.count, 3);
});

Deno.test("SendBatch finds the directory of each entry, and what it is called there", async () => {
  await inFolder(({ engine, path, write }) => {
    for (const name of ["a/1", "a/2", "b/3", "c/d/4", "5"]) write(name);
    const batch = scannedBatch(engine, path);
    const pathOf = (name: string) => {
      const parts = [name];
      let at: SourceDirectory | undefined = batch.directoryOf(entryOf(batch, name));
      for (; at?.parent; at = at.parent) parts.unshift(textOf(at.name));
      return parts.join("/");
    };
    assertEquals(["1", "2", "3", "4", "5"].map(pathOf), ["a/1", "a/2", "b/3", "c/d/4", "5"]);
    batch.release();
  });
});

Deno.test("SendBatch keeps its directories open until it is released, once", async () => {
  await inFolder(({ engine, calls, path, write }) => {
    write("a/file");
    const batch = scannedBatch(engine, path);
    const before = calls.closeDirectory ?? 0;
    assertEquals(batch.isSettled, false);
    batch.release();
    batch.release();
    assertEquals(batch.isSettled, true);
    assertEquals(calls.closeDirectory! - before, 2);
  });
});

Deno.test("SendBatch marks what the receiver wants by a bit an entry, directories in any case, and once", async () => {
  await inFolder(({ engine, path, write }) => {
    for (let i = 0; i < 10; i++) write(`${i}`, "abc");
    Deno.mkdirSync(`${path}/d`);
    const batch = scannedBatch(engine, path);
    batch.isPlanned = false; // nothing has been said of it yet
    const wanted = ["2", "9"].map((name) => entryOf(batch, name));
    const bitmap = new Uint8Array(2);
    for (const entry of wanted) bitmap[entry >> 3]! |= 1 << (entry & 7);
    batch.markWanted({
      kind: "wants",
      batch: 0,
      all: false,
      bitmap,
      kept: new Uint32Array(),
      compared: new Uint32Array(),
    });
    const marked = Array.from(
      batch.states.subarray(0, batch.count),
      (state, i) => state === SendState.wanted ? [i] : [],
    );
    assertEquals(marked.flat(), [...wanted, entryOf(batch, "d")].toSorted((a, b) => a - b));
    assertEquals([batch.bytesWanted, batch.bytesListed], [6, 30]);
    const again = () =>
      batch.markWanted({
        kind: "wants",
        batch: 0,
        all: true,
        bitmap: new Uint8Array(),
        kept: new Uint32Array(),
        compared: new Uint32Array(),
      });
    assertEquals((assertThrows(again, RcopyError) as RcopyError).code, "protocol");
    batch.release();
  });
});

Deno.test("SendBatch marks everything, or nothing, of what a receiver wants all or nothing of", async () => {
  await inFolder(({ engine, path, write }) => {
    write("file", "abc");
    const batch = scannedBatch(engine, path);
    batch.isPlanned = false; // nothing has been said of it yet
    const all = {
      kind: "wants",
      batch: 0,
      all: true,
      bitmap: new Uint8Array(),
      kept: new Uint32Array(),
      compared: new Uint32Array(),
    } as const;
    batch.markWanted(all);
    assertEquals(batch.bytesWanted, 3);
    batch.markAll(false);
    assertEquals(batch.bytesWanted, 0);
    batch.markAll(true);
    assertEquals(batch.bytesWanted, 3);
    assertThrows(() => batch.markWanted(all), RcopyError, "twice");
    batch.release();
  });
});

Deno.test("SendBatch says of each entry what a receiver needs, and of files alone how large they are", async () => {
  const batch = await filled({
    room: { bytes: 60_000, entries: 2 },
    name: (i) => `${i}`,
    text: "to",
    groupOf: 1,
  });
  const message = batch.toMessage();
  assertEquals([...message.sizes], [0n, 0n], "links have no size");
  assertEquals(textOf(message.linkTargets), "to\0to\0");
  assertEquals([textOf(message.names), [...message.modes]], ["0\x001\x00", [0o755, 0o755]]);
  assertEquals([[...message.groupDirectories], [...message.groupCounts]], [[0, 1], [1, 1]]);
  assertEquals([[...message.mtimeSeconds], [...message.mtimeNanos]], [[-1n, -1n], [
    999_999_999,
    999_999_999,
  ]]);
  const files = await filled({ room: { bytes: 60_000, entries: 1 }, name: () => "n", groupOf: 1 });
  assertEquals([...files.toMessage().sizes], [7n]);
});
