/** What a loss of power can leave of a copy, by the model of `power_engine.ts`: never wrong content that looks right. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { Codec } from "../../src/codec/codec.ts";
import { KeptHashes } from "../../src/codec/kept_hashes.ts";
import { EntryKind } from "../../src/entry/metadata.ts";
import { parseEntryName } from "../../src/entry/name.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { openUringEngine } from "../../src/io/uring/engine.ts";
import {
  decodeHeader,
  journalHeaderBytes,
  type Slot,
  slotBytes,
  slotOffset,
  Slots,
  SlotState,
} from "../../src/transfer/journal/journal_format.ts";
import { LargeTarget } from "../../src/transfer/target/large_file.ts";
import { Placement } from "../../src/transfer/target/placement.ts";
import { type HeldTarget, TargetTree } from "../../src/transfer/target/tree.ts";
import { extentBytes, hashBytes } from "../../src/wire/limits.ts";
import { powerEngine, type PowerLog } from "../helpers/power_engine.ts";
import { runSessionPair } from "../helpers/session_pair.ts";
import { withTwoDirectories } from "../helpers/small_tree.ts";
import { shell } from "../helpers/test_folder.ts";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";

const engines = [
  { kind: "deno", open: openDenoEngine, why: undefined },
  { kind: "uring", open: openUringEngine, why: whyNoUringEngine() },
] as const;
const seconds = 1_600_000_000;

for (const { kind, open, why } of engines) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({
      name: `${name} (${kind})${why === undefined ? "" : ` (skipped: ${why})`}`,
      ignore: why !== undefined,
      fn,
    });

  test("a loss of power leaves no file with the right size and time and wrong content", async () => {
    await withTwoDirectories(async (source, target) => {
      await makeSource(source);
      const log = await copyLogged(source, target, open);
      let looked = 0;
      log.losses((moment, path, found) => {
        const wanted = readOrNone(`${source}/${path}`);
        if (!wanted || found.seconds !== seconds || found.content.length !== wanted.length) return;
        looked++;
        assert(isEqual(found.content, wanted), `${path} is wrong after a loss of power at step ${moment}`);
      });
      assert(looked > 0, "no file was ever whole");
    });
  });

  test("a loss of power leaves a large file that is replaced as it was, or as it becomes", async () => {
    await withTwoDirectories(async (source, target) => {
      await makeSource(source);
      await shell(
        'cd "$1" && mkdir d && for f in large middle d/large; do head -c 5000000 /dev/urandom >$f; done',
        target,
      );
      const before = new Map(
        ["large", "middle", "d/large"].map((path) => [path, Deno.readFileSync(`${target}/${path}`)]),
      );
      const log = await copyLogged(source, target, open);
      const replaced = new Set<string>();
      log.losses((moment, path, { content }) => {
        // What the log has under the name has taken the place of the old content.
        if (!before.has(path)) return;
        replaced.add(path);
        assert(
          isEqual(content, Deno.readFileSync(`${source}/${path}`)),
          `${path} is neither old nor new after a loss of power at step ${moment}`,
        );
      });
      assertEquals([...replaced].sort(), ["d/large", "large", "middle"]);
    });
  });
}

Deno.test("the disk holds every extent of which a journal says so, after any loss of power", async () => {
  await withLargeTarget(async ({ log, begin, resume, write }) => {
    const first = begin();
    await write(first, [0, 2, 3]);
    await first.syncWritten();
    await write(first, [5]);
    first.leave();
    const second = resume();
    await write(second, [1]);
    await second.syncWritten();
    second.leave();
    const [journal, part] = [...log.named.keys()].sort();
    let believed = 0;
    log.lossesOf([part!, journal!], (moment, [partFound, journalFound]) => {
      for (const { index, state } of slotsOf(journalFound!.content)) {
        if (state !== SlotState.synced) continue;
        believed++;
        assert(
          hasExtent(partFound!.content, index),
          `extent ${index} is lost after a loss of power at step ${moment}`,
        );
      }
    });
    assert(believed > 0, "no slot was ever believed");
  });
});

for (const isResumed of [false, true]) {
  const how = isResumed ? "that is resumed" : "that the disk was waited for in between";
  Deno.test(`a large file ${how} has its name only with all of its content, after any loss of power`, async () => {
    await withLargeTarget(async ({ log, begin, resume, write }) => {
      let target = begin();
      await write(target, [0, 5, 3]);
      if (isResumed) {
        target.leave();
        target = resume();
        target.keep(keptOf([0, 3, 5]));
      } else await target.syncWritten();
      await write(target, [4, 1, 2]);
      if (target.mustBeSynced) await target.sync();
      target.finish();
      let looked = 0;
      log.losses((moment, path, found) => {
        if (path !== "large" || found.seconds !== seconds || found.content.length !== largeBytes) return;
        looked++;
        for (let index = 0; index < 6; index++) {
          assert(
            hasExtent(found.content, index),
            `extent ${index} is lost after a loss of power at step ${moment}`,
          );
        }
      });
      assert(looked > 0, "the file was never whole");
    });
  });
}

Deno.test("the model of a loss of power finds what was not synced", () => {
  const { engine, log } = powerEngine(openDenoEngine());
  engine[Symbol.dispose]();
  const file = log.file();
  const bytes = (value: number) => new Uint8Array(2).fill(value);
  log.steps.push(
    { kind: "name", file, path: "part" },
    { kind: "write", file, offset: 0, bytes: bytes(1) },
    { kind: "sync", file, of: 2 },
    { kind: "write", file, offset: 4, bytes: bytes(3) },
    { kind: "write", file, offset: 2, bytes: bytes(2) },
    { kind: "time", file, seconds: 7 },
    { kind: "rename", from: "part", to: "final" },
  );
  const found = new Set<string>();
  log.losses((_, path, { seconds, content }) => found.add(`${path} ${seconds} ${content.join("")}`));
  // The last write alone, with a hole before it: right size and time, wrong content.
  assert(found.has("final 7 110033"));
  assert(found.has("final 7 112233") && found.has("final 7 11") && found.has("part undefined 11"));
  // What was synced is never lost, once it was.
  assert(!found.has("final 7 "));
});

/** What is written of each extent: the rest of it is a hole, which takes no memory. */
const markBytes = 8;
const largeBytes = 5 * extentBytes + markBytes;
const markOf = (index: number) => new Uint8Array(markBytes).fill(index + 1);

function hasExtent(content: Uint8Array, index: number): boolean {
  const at = index * extentBytes;
  return isEqual(content.subarray(at, at + markBytes), markOf(index));
}

interface LargeLog {
  log: PowerLog;
  begin: () => LargeTarget;
  resume: () => LargeTarget;
  write: (target: LargeTarget, extents: readonly number[]) => Promise<void>;
}

/** A file of six extents in a folder, of which some are written, and what reached the disk. */
async function withLargeTarget(body: (it: LargeLog) => Promise<void>): Promise<void> {
  using codec = Codec.open({ arenaBytes: 0 });
  await withTwoDirectories(async (_, folder) => {
    const { engine, log } = powerEngine(openDenoEngine());
    const root = engine.openRoot(folder);
    const tree = new TargetTree(root, engine.identityOf(root).device);
    const placement = new Placement(engine, tree, { durable: false, dryRun: false });
    const held: HeldTarget = {
      batch: 0,
      entry: 0,
      directory: tree.root,
      name: parseEntryName(new TextEncoder().encode("large")),
      kind: EntryKind.file,
      mode: 0o644,
      size: largeBytes,
      mtime: { seconds, nanos: 0 },
      replaces: undefined,
    };
    const options = { engine, codec, placement, held };
    await body({
      log,
      begin: () => LargeTarget.create(options),
      resume() {
        const { target, found } = LargeTarget.resume(options);
        assert(found !== undefined, "nothing was left");
        return target;
      },
      async write(target, extents) {
        for (const index of extents) {
          await target.write(index, (file, offset) => engine.writeRange(file, offset, markOf(index)))
            .finish();
          target.written(index, hashOfExtent(index));
        }
      },
    });
    placement.close();
    engine[Symbol.dispose]();
  });
}

const hashOfExtent = (index: number) => new Uint8Array(hashBytes).fill(index + 1);

/** Extents that an earlier run has left, all below eight. */
function keptOf(extents: readonly number[]): KeptHashes {
  const kept = new KeptHashes(6);
  const hashes = new Uint8Array(extents.length * hashBytes);
  for (const [i, index] of extents.entries()) hashes.set(hashOfExtent(index), i * hashBytes);
  kept.add({
    first: 0,
    bitmap: Uint8Array.of(extents.reduce((bits, index) => bits | 1 << index, 0)),
    hashes,
  });
  return kept;
}

/** What a journal says, as the next run reads it. */
function slotsOf(journal: Uint8Array): Slot[] {
  using codec = Codec.open({ arenaBytes: 0 });
  const header = journal.slice(0, journalHeaderBytes);
  if (!decodeHeader(codec, header)) return [];
  const slots = new Slots(codec, header);
  return [0, 1, 2, 3, 4, 5].flatMap((index) => {
    const at = slotOffset(index);
    return slots.decode(journal.subarray(at, at + slotBytes), index) ?? [];
  });
}

/** Files of one extent and of some, small ones, in a directory and beside it. */
async function makeSource(source: string): Promise<void> {
  await shell(
    `cd "$1" && mkdir d && for f in small d/small; do head -c 700 /dev/urandom >$f; done && : >none &&
    for f in large d/large; do head -c 9000000 /dev/urandom >$f; done && head -c 4300000 /dev/urandom >middle &&
    find . -exec touch -d @$2 {} +`,
    source,
    String(seconds),
  );
}

/** Copies with a receiver whose engine writes down what it does. */
async function copyLogged(
  source: string,
  target: string,
  open: () => ReturnType<typeof openDenoEngine>,
): Promise<PowerLog> {
  const { engine, log } = powerEngine(open());
  const { sent, received } = await runSessionPair({ source, target, receiverEngine: engine });
  engine[Symbol.dispose]();
  for (const end of [sent, received]) if (end.status === "rejected") throw end.reason;
  return log;
}

const contents = new Map<string, Uint8Array | undefined>();
function readOrNone(path: string): Uint8Array | undefined {
  if (!contents.has(path)) {
    try {
      contents.set(path, Deno.readFileSync(path));
    } catch {
      contents.set(path, undefined);
    }
  }
  return contents.get(path);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
