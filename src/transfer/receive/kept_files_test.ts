import { assertEquals } from "@std/assert";
import { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { extentBytes, keptHashesMax } from "../../wire/limits.ts";
import { type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { bytesOf, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { LargeTarget } from "../target/large_file.ts";
import type { HeldTarget } from "../target/tree.ts";
import { KeptFiles } from "./kept_files.ts";

interface Place extends ReceiveParts {
  kept: KeptFiles;
  files: HeldTarget[];
  /** Entries whose part was opened, in order. */
  opened: number[];
  /** Lets everything go on that can. */
  turn: () => Promise<void>;
}

/** So many large files of this size of a batch that is settled; of each there may be something, and is not. */
async function withFiles(
  { count, size }: { count: number; size: number },
  body: (place: Place) => Promise<void>,
  fails: (entry: number) => boolean = () => false,
): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async (folder) => {
    const { engine } = folder;
    using parts = receiveParts(folder);
    const { placement, tree, run, unsettled } = parts;
    const files = Array.from({ length: count }, (_, entry): HeldTarget => ({
      batch: 0,
      entry,
      kind: EntryKind.file,
      mode: 0o644,
      size,
      mtime: { seconds: 0, nanos: 0 },
      directory: tree.root,
      name: parseEntryName(bytesOf(`file ${entry}`)),
      stamp: new Uint8Array(16),
    }));
    const opened: number[] = [];
    const targets: LargeTarget[] = [];
    const running: Promise<void>[] = [];
    const kept = new KeptFiles({
      check: false,
      engine,
      control: run.control,
      unsettled,
      eventLoopYield: run.eventLoopYield,
      start: (work) => void running.push(work()),
      onKept: () => {},
      basis: { open: () => false, add: () => {} },
      resume(held) {
        opened.push(held.entry);
        if (fails(held.entry)) return undefined;
        const resumed = LargeTarget.resume({ engine, codec, placement, held });
        targets.push(resumed.target);
        return resumed;
      },
    });
    const turn = async () => {
      for (let before = -1; before !== opened.length;) {
        before = opened.length;
        for (let i = 0; i < 20; i++) await run.eventLoopYield.now();
      }
    };
    await body({ ...parts, kept, files, opened, turn });
    kept.end();
    await Promise.all(running);
    for (const target of targets) target.leave();
  });
}

Deno.test("KeptFiles tells of each file, one after the other, and that there is nothing", async () => {
  await withFiles({ count: 3, size: extentBytes + 1 }, async ({ kept, files, opened, turn, heard }) => {
    kept.add(files);
    assertEquals(files.map(({ batch, entry }) => kept.isAwaited(batch, entry)), [true, true, true]);
    await turn();
    assertEquals(opened, [0, 1, 2]);
    assertEquals(files.map(({ batch, entry }) => kept.isAwaited(batch, entry)), [false, false, false]);
    const told = await heard();
    assertEquals(
      told.map((message) => message.kind === "kept" && [message.entry, message.bitmap.length, message.more]),
      [
        [0, 0, false],
        [1, 0, false],
        [2, 0, false],
      ],
    );
  });
});

Deno.test("KeptFiles opens only so many files at a time, and the next one when one is settled", async () => {
  await withFiles({ count: 70, size: extentBytes + 1 }, async ({ kept, files, opened, turn }) => {
    kept.add(files);
    await turn();
    assertEquals(opened.length, 64);
    kept.settled(files[5]!);
    kept.settled(files[6]!);
    await turn();
    assertEquals(opened.slice(64), [64, 65]);
  });
});

Deno.test("KeptFiles tells of no more extents at a time than the sender must keep hashes of", async () => {
  const size = (keptHashesMax / 2 + 1) * extentBytes;
  await withFiles({ count: 3, size }, async ({ kept, files, opened, turn }) => {
    kept.add(files);
    await turn();
    assertEquals(opened, [0]);
    kept.settled(files[0]!);
    await turn();
    assertEquals(opened, [0, 1]);
  });
});

Deno.test("KeptFiles says nothing of a file that failed, and goes on with the next", async () => {
  await withFiles({ count: 2, size: extentBytes + 1 }, async ({ kept, files, opened, turn, heard }) => {
    kept.add(files);
    await turn();
    assertEquals([opened, kept.isAwaited(0, 0)], [[0, 1], false]);
    assertEquals((await heard()).map((message) => message.kind === "kept" && message.entry), [1]);
  }, (entry) => entry === 0);
});
