import { assertEquals } from "@std/assert";
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { baseName, journalName, temporaryName } from "../../entry/temporary_name.ts";
import { extentBytes } from "../../wire/limits.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { journalHeaderBytes, slotBytes, slotOffset } from "../journal/journal_format.ts";
import { KeptExtents } from "./kept_extents.ts";
import { LargeTarget } from "../target/large_file.ts";
import type { FoundPart } from "../target/part.ts";
import { Placement } from "../target/placement.ts";
import { type HeldTarget, TargetTree } from "../target/tree.ts";

const extents = 4;
const size = (extents - 1) * extentBytes + 5;
const mtime = { seconds: 1_600_000_000, nanos: 0 };
const name = parseEntryName(bytesOf("large"));
const part = textOf(temporaryName(name));
const journal = textOf(journalName(temporaryName(name)));
const base = textOf(baseName(temporaryName(name)));

interface Place extends EngineFolder {
  codec: Codec;
  held: HeldTarget;
  /** Begins the file, or goes on with it. */
  resume: (of?: Partial<HeldTarget>) => { target: LargeTarget; found: FoundPart | undefined };
  /** Numbers of the extents that an earlier run is found to have left. */
  kept: (of?: Partial<HeldTarget>) => Promise<number[]>;
  /** Names beside the file. */
  beside: () => string[];
}

const contentOf = (index: number) =>
  new Uint8Array(Math.min(extentBytes, size - index * extentBytes)).fill(index + 1);

/** A folder in which an earlier run has left these extents; those in `synced` were brought to the disk. */
async function withLeft(
  left: { written: readonly number[]; synced?: readonly number[] },
  body: (place: Place) => Promise<void> | void,
): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await inFolder(async (folder) => {
    const { engine, root } = folder;
    const tree = new TargetTree(root, engine.identityOf(root).device);
    const placement = new Placement(engine, tree, { durable: false, dryRun: false });
    const held: HeldTarget = {
      batch: 0,
      entry: 0,
      kind: EntryKind.file,
      mode: 0o640,
      size,
      mtime,
      directory: tree.root,
      name,
      stamp: new Uint8Array(16).fill(9),
    };
    const options = { engine, codec, placement };
    const resume = (of: Partial<HeldTarget> = {}) =>
      LargeTarget.resume({ ...options, held: { ...held, ...of } });
    const kept = async (of: Partial<HeldTarget> = {}) => {
      const { target, found } = resume(of);
      const indexes: number[] = [];
      using finder = new KeptExtents(engine, new EventLoopYield());
      if (found) await finder.find(found, { ...held, ...of }, (index) => indexes.push(index) > 0);
      target.leave();
      return indexes;
    };
    const { target } = resume();
    const write = async (index: number) => {
      const content = contentOf(index);
      await target.write(index, (file, offset) => engine.writeRange(file, offset, content)).finish();
      target.written(index, codec.hashOf(content));
    };
    for (const index of left.synced ?? []) await write(index);
    await target.syncWritten();
    for (const index of left.written) await write(index);
    target.leave();
    const beside = () => folder.names().filter((found) => found.startsWith(".rcopy-")).toSorted();
    await body({ ...folder, codec, held, resume, kept, beside });
    placement.close();
  });
}

/** Changes bytes of a file. */
function patch(path: string, offset: number, change: (byte: number) => number): void {
  using file = Deno.openSync(path, { read: true, write: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  const byte = new Uint8Array(1);
  file.readSync(byte);
  byte[0] = change(byte[0]!);
  file.seekSync(offset, Deno.SeekMode.Start);
  file.writeSync(byte);
}

Deno.test("what a run has written is found by the next, in the order of the file", async () => {
  await withLeft({ written: [3, 1], synced: [2] }, async ({ kept, beside }) => {
    assertEquals(await kept(), [1, 2, 3]);
    assertEquals(beside(), [journal, part]);
    assertEquals(await kept(), [1, 2, 3], "and by the one after it");
  });
});

Deno.test("an extent in which a byte was changed is not taken, unless it was on the disk", async () => {
  await withLeft({ written: [0, 1, 3], synced: [2] }, async ({ kept, path }) => {
    patch(`${path}/${part}`, extentBytes + 17, (byte) => byte ^ 1);
    assertEquals(await kept(), [0, 2, 3]);
  });
});

Deno.test("a part that was written long after its journal is read whole", async () => {
  await withLeft({ written: [], synced: [0, 1, 2] }, async ({ kept, path }) => {
    patch(`${path}/${part}`, 5, (byte) => byte ^ 1);
    const { mtime: journalTime } = Deno.statSync(`${path}/${journal}`);
    const later = new Date(journalTime!.getTime() + 60_000);
    Deno.utimeSync(`${path}/${part}`, later, later);
    assertEquals(await kept(), [1, 2]);
  });
});

Deno.test("a part that was cut has what is before the cut; one that was made longer is cut again", async () => {
  await withLeft({ written: [2], synced: [0, 1, 3] }, async ({ kept, path }) => {
    Deno.truncateSync(`${path}/${part}`, size + 100);
    assertEquals(await kept(), [0, 1, 2, 3]);
    assertEquals(Deno.statSync(`${path}/${part}`).size, size);
    Deno.truncateSync(`${path}/${part}`, 2 * extentBytes + 1);
    assertEquals(await kept(), [0, 1]);
  });
});

Deno.test("without its part a journal is worth nothing", async () => {
  await withLeft({ written: [0, 1] }, async ({ kept, path, beside }) => {
    Deno.removeSync(`${path}/${part}`);
    assertEquals(await kept(), []);
    assertEquals(beside(), []);
  });
});

Deno.test("without its journal a part is worth nothing, and is replaced", async () => {
  await withLeft({ written: [0, 1] }, async ({ kept, path, beside }) => {
    Deno.removeSync(`${path}/${journal}`);
    assertEquals(await kept(), []);
    assertEquals(beside(), []);
  });
});

Deno.test("another size, time or stamp is another version: what is there is set aside, and never content", async () => {
  const others: Partial<HeldTarget>[] = [
    { size: size + 1 },
    { mtime: { seconds: mtime.seconds, nanos: 1 } },
    { stamp: new Uint8Array(16) },
  ];
  for (const of of others) {
    await withLeft({ written: [0, 1] }, async ({ kept, path, beside, resume, held, codec, engine }) => {
      const { target, found } = resume(of);
      assertEquals([found, beside()], [undefined, [base, journal, part].toSorted()]);
      assertEquals(Deno.readFileSync(`${path}/${base}`).subarray(0, 3), Uint8Array.of(1, 1, 1));
      const content = contentOf(0);
      await target.write(0, (file, offset) => engine.writeRange(file, offset, content)).finish();
      target.written(0, codec.hashOf(content));
      target.leave();
      assertEquals(await kept(of), [0], "the new version goes on");
      assertEquals(await kept(held), [], "and the old one does not");
    });
  }
});

Deno.test("a journal that is cut at any byte of its header, or any of its slots, gives what is sound or nothing", async () => {
  await withLeft({ written: [0, 1, 2] }, async ({ kept, path }) => {
    const whole = Deno.readFileSync(`${path}/${journal}`);
    const content = Deno.readFileSync(`${path}/${part}`);
    for (const length of [0, 1, 19, 20, 21, 63, 127, 128, 129, 159, 160, 191, 192, 223, 224]) {
      Deno.writeFileSync(`${path}/${journal}`, whole.subarray(0, length), { mode: 0o600 });
      Deno.writeFileSync(`${path}/${part}`, content, { mode: 0o600 });
      const slots = Math.max(0, Math.floor((length - journalHeaderBytes) / slotBytes));
      assertEquals(await kept(), [0, 1, 2].slice(0, slots), `${length} bytes`);
    }
  });
});

Deno.test("a journal with garbage behind it, or a slot of a random hash, gives no extent that is not there", async () => {
  await withLeft({ written: [0, 2] }, async ({ kept, path }) => {
    using file = Deno.openSync(`${path}/${journal}`, { write: true });
    file.seekSync(slotOffset(3), Deno.SeekMode.Start);
    file.writeSync(crypto.getRandomValues(new Uint8Array(4096)));
    assertEquals(await kept(), [0, 2]);
    patch(`${path}/${journal}`, slotOffset(0) + 3, (byte) => byte ^ 4);
    assertEquals(await kept(), [2]);
  });
});

Deno.test("the journal of another file is believed of none", async () => {
  await withLeft({ written: [0, 1] }, async ({ kept, path }) => {
    const other = parseEntryName(bytesOf("other"));
    const otherPart = temporaryName(other);
    Deno.renameSync(`${path}/${part}`, `${path}/${textOf(otherPart)}`);
    Deno.renameSync(`${path}/${journal}`, `${path}/${textOf(journalName(otherPart))}`);
    assertEquals(await kept({ name: other }), []);
  });
});

const planted: [what: string, plant: (path: string) => void][] = [
  ["a link", (path) => Deno.symlinkSync("/etc/hostname", path)],
  ["a FIFO", (path) => void new Deno.Command("mkfifo", { args: [path] }).outputSync()],
  ["a directory", (path) => Deno.mkdirSync(path)],
  ["a file of somebody", (path) => Deno.writeTextFileSync(path, "this is a text of mine", { mode: 0o600 })],
];
for (const [what, plant] of planted) {
  for (const at of [journal, part]) {
    Deno.test(`${what} in place of the ${at.slice(-4) === "part" ? "part" : "journal"} is left alone, and the file is begun`, async () => {
      await withLeft({ written: [0, 1] }, async ({ kept, path, names }) => {
        const isText = what === "a file of somebody";
        if (isText && at === part) return; // a part of ours of any content is ours
        Deno.removeSync(`${path}/${at}`);
        plant(`${path}/${at}`);
        assertEquals(await kept(), []);
        assertEquals(names().includes(at), true);
        if (isText) assertEquals(Deno.readTextFileSync(`${path}/${at}`), "this is a text of mine");
      });
    });
  }
}

const isRoot = Deno.uid() === 0;
Deno.test({
  name: `a journal or a part of another user is not believed${isRoot ? "" : " (ignored: needs root)"}`,
  ignore: !isRoot,
  fn: async () => {
    for (const at of [journal, part]) {
      await withLeft({ written: [0, 1] }, async ({ kept, path, names }) => {
        Deno.chownSync(`${path}/${at}`, 4711, 4711);
        assertEquals(await kept(), []);
        assertEquals(names().includes(at), true);
      });
    }
  },
});

Deno.test("what a run that is alive writes is not shared, nor touched", async () => {
  await withLeft({ written: [0, 1] }, ({ resume, beside }) => {
    const first = resume();
    const second = resume();
    assertEquals([first.found !== undefined, second.found], [true, undefined]);
    assertEquals(beside().length, 3, "its part and journal, and a part of a random name");
    second.target.leave();
    assertEquals(beside(), [journal, part]);
    first.target.leave();
  });
});
