/**
 * Either process killed or interrupted at seeded points of a run, with both engines. A point is a number of bytes that
 * went by, of bytes towards the sender (wants, settlements, receipt), or of entries at the destination. Further points, of
 * networks and disks too, are those of `tests/soak/kill_points.ts`.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { inParallel } from "../helpers/in_parallel.ts";
import { type Direction, Proxy } from "../helpers/proxy.ts";
import { whyNoQuietNetwork } from "../helpers/quiet_network.ts";
import { withSeed } from "../helpers/random.ts";
import {
  assertStatuses,
  type CopyOptions,
  copyTree,
  type Outcome,
  type RcopyProcess,
  startReceiver,
  startSender,
} from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { differencesOf, isUnfinished, recordTree, type TreeRecord } from "../helpers/tree_record.ts";

type Io = "deno" | "uring";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };
/** Points of each engine; `RCOPY_KILL_POINTS=100` tries as many. */
const pointsPerEngine = Number(Deno.env.get("RCOPY_KILL_POINTS") ?? 6);
/** Pairs of processes at a time. */
const pairsMax = 4;
/** After so much of it a peer counts as lost: soon, and yet later than a machine with a dozen processes pauses one of them. */
const silence = "3s";

const measures = ["bytes", "bytes to the sender", "entries"] as const;
type Measure = typeof measures[number];

/** Where a run is disturbed, and how. */
interface Point {
  victim: "sender" | "receiver";
  signal: Deno.Signal;
  measure: Measure;
  /** The disturbance comes once this much has been counted. */
  count: number;
}

/** How a disturbed run ended. */
interface Disturbed {
  own: Outcome;
  other: Outcome;
  reached: boolean;
}

Deno.test("a file that is not whole is told from one that is", async () => {
  await withFolder(async (folder) => {
    const trees = await makeTrees(folder, 1);
    await shell(
      'cp -a "$1/source" "$1/target" && printf x | dd of="$1/target/d3/f7" conv=notrunc status=none',
      folder,
    );
    assertEquals(await wrongUnderFinalNames(trees, `${folder}/target`), ["d3/f7"]);
  });
});

testEngines(
  "kill -9 at seeded points: all under final names is whole, and the next run completes",
  (io) =>
    withSeed(async (random, seed) => {
      console.log(`RCOPY_TEST_SEED=${seed}`);
      await withFolder(async (folder) => {
        const trees = await makeTrees(folder, seed);
        const totals = await totalsOf(folder, io);
        const points = Array.from({ length: pointsPerEngine }, (_, index): Point => {
          const measure = measures[index % measures.length]!;
          // In strata, so that every part of the run is met; one point is the last message of all.
          const isLast = index === pointsPerEngine - 2;
          const part = isLast ? 1 : 0.95 * (index + random()) / pointsPerEngine;
          const victim = random() < 0.5 ? "sender" : "receiver";
          return {
            victim,
            signal: "SIGKILL",
            measure,
            count: Math.max(1, Math.floor(part * totals[measure])),
          };
        });
        let reached = 0;
        await inParallel(points, { atATime: pairsMax }, async (point, index) => {
          const target = `${folder}/target-${index}`;
          const it = await disturb(folder, target, io, point);
          if (it.reached) reached++;
          await checkAfterKill(trees, target, it, point);
          await completes(trees, target, io);
        });
        // How the answers of the receiver are cut into messages varies, so that the last points may lie beyond the end.
        assert(reached >= pointsPerEngine - 2, `only ${reached} of ${pointsPerEngine} points were reached`);
      });
    }),
);

testEngines(
  "SIGINT and SIGTERM at seeded points: 130 and 143, 4 at the other end, and nothing partial but large files",
  (io) =>
    withSeed(async (random, seed) => {
      console.log(`RCOPY_TEST_SEED=${seed}`);
      await withFolder(async (folder) => {
        const trees = await makeTrees(folder, seed);
        const totals = await totalsOf(folder, io);
        // Each engine has two of the four: each signal, and each end, once.
        const pairs = io === "deno"
          ? [["SIGINT", "sender"], ["SIGTERM", "receiver"]] as const
          : [["SIGINT", "receiver"], ["SIGTERM", "sender"]] as const;
        const points = pairs.map(([signal, victim]): Point => {
          const count = Math.floor((0.05 + 0.8 * random()) * totals.bytes);
          return { victim, signal, measure: "bytes", count };
        });
        await inParallel(points, { atATime: pairsMax }, async (point, index) => {
          const target = `${folder}/target-${index}`;
          const { own, other, reached } = await disturb(folder, target, io, point);
          const said = `${shown(point)}\n${own.stderr}\n${other.stderr}`;
          assert(reached, said);
          assertEquals([own.status, other.status], [point.signal === "SIGINT" ? 130 : 143, 4], said);
          assertEquals(await wrongUnderFinalNames(trees, target), [], said);
          assertEquals(await leftovers(target), "", said);
          await completes(trees, target, io);
        });
      });
    }),
);

const whyNone = whyNoQuietNetwork();
/** Each disturbance once, kills four times. */
const disturbedPoints = 8;
Deno.test({
  name:
    "kills, stops, networks that fail and disks that fill up: all that was whole is kept and not sent again" +
    (whyNone === undefined ? "" : ` (skipped: ${whyNone})`),
  ignore: whyNone !== undefined,
  async fn() {
    const soak = new URL("../soak/kill_points.ts", import.meta.url).pathname;
    const seed = Deno.env.get("RCOPY_TEST_SEED");
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        soak,
        "--points",
        String(disturbedPoints),
        ...(seed === undefined ? [] : ["--seed", seed]),
      ],
    }).output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    assert(success, said);
    assertMatch(said, new RegExp(`${disturbedPoints} points in .* 0 failed`));
  },
});

/** The source, and the older state of the destination, as they are in their folder. */
interface Trees {
  folder: string;
  records: readonly Map<string, TreeRecord>[];
}

/** A tree of a 9 MB file, 150 small ones, links and an empty directory; and an older state of some of it. */
async function makeTrees(folder: string, seed: number): Promise<Trees> {
  await shell(
    'mkdir -p "$1/source" "$1/old/d0" && head -c 9000000 /dev/urandom > "$1/source/large"',
    folder,
  );
  makeSmallTree(`${folder}/source`, {
    directories: 10,
    filesPerDirectory: 15,
    sizeOf: (random) => Math.floor(random ** 4 * 60_000),
    seed,
  });
  await shell('cd "$1/old" && for i in 1 2 3 4 5 6; do echo old $i > d0/f$i; done && echo old > top', folder);
  return { folder, records: [await recordTree(`${folder}/source`), await recordTree(`${folder}/old`)] };
}

/** Copies onto the older state and disturbs the run at the point. */
async function disturb(folder: string, target: string, io: Io, point: Point): Promise<Disturbed> {
  await shell('cp -a "$1/old" "$2"', folder, target);
  const quick = ["--io", io, "--timeout", silence, "--patience", "0s"];
  const options = {
    source: `${folder}/source`,
    target,
    send: quick,
    receive: quick,
  };
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  const ends: { sender: RcopyProcess; receiver?: RcopyProcess } = { sender };
  const counter = new Counter(target, point.measure);
  let reached: Promise<unknown> | undefined;
  let isHeard = false;
  await using proxy = new Proxy(address, {
    onChunk: async (direction, chunk) => {
      // A sender that has heard no hello knows of no receiver, and waits for one in silence.
      isHeard ||= direction === "to-receiver";
      if (reached || counter.add(direction, chunk.length) < point.count || !isHeard) return;
      const victim = ends[point.victim]!;
      victim.kill(point.signal);
      // What was under way arrives after the end of the one, and before the other hears of it.
      reached = victim.end();
      await reached;
    },
  });
  await using receiver = startReceiver(options, proxy.address);
  ends.receiver = receiver;
  const listensOn = sender.stderrMatch(/still listening/).then(() => true, () => false);
  const received = await receiver.end();
  if (point.victim === "receiver" && await listensOn) await receiveAfterAll(options, address);
  const sent = await sender.end();
  const [own, other] = point.victim === "sender" ? [sent, received] : [received, sent];
  return { own, other, reached: reached !== undefined };
}

/** Copies from a sender that listens on, as its receiver was killed before it had said where the copy lands. */
async function receiveAfterAll(options: CopyOptions, address: string): Promise<void> {
  await using receiver = startReceiver(options, address);
  const { status, stderr } = await receiver.end();
  assertEquals(status, 0, stderr);
}

/** Counts what a point is made of. */
class Counter {
  readonly #target: string;
  readonly #measure: Measure;
  #bytes = 0;

  constructor(target: string, measure: Measure) {
    this.#target = target;
    this.#measure = measure;
  }

  /** Counts a chunk that goes by, and returns how far the run is. */
  add(direction: Direction, bytes: number): number {
    if (this.#measure === "entries") return entriesBelow(this.#target);
    if (this.#measure === "bytes" || direction === "to-sender") this.#bytes += bytes;
    return this.#bytes;
  }
}

function entriesBelow(directory: string): number {
  let count = 0;
  try {
    for (const { name, isDirectory } of Deno.readDirSync(directory)) {
      count++;
      if (isDirectory) count += entriesBelow(`${directory}/${name}`);
    }
  } catch {
    // It was renamed or removed meanwhile.
  }
  return count;
}

/** What an undisturbed run comes to. */
async function totalsOf(folder: string, io: Io): Promise<Record<Measure, number>> {
  const target = `${folder}/undisturbed`;
  await shell('cp -a "$1/old" "$2"', folder, target);
  const options = { source: `${folder}/source`, target, send: ["--io", io], receive: ["--io", io] };
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  const [both, back] = [new Counter(target, "bytes"), new Counter(target, "bytes to the sender")];
  const totals = { "bytes": 0, "bytes to the sender": 0, "entries": 0 };
  await using proxy = new Proxy(address, {
    onChunk: (direction, chunk) => {
      totals.bytes = both.add(direction, chunk.length);
      totals["bytes to the sender"] = back.add(direction, chunk.length);
    },
  });
  await using receiver = startReceiver(options, proxy.address);
  assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
  totals.entries = entriesBelow(target);
  return totals;
}

async function checkAfterKill(trees: Trees, target: string, it: Disturbed, point: Point): Promise<void> {
  const { own, other, reached } = it;
  const said = `${shown(point)}\n${own.stderr}\n${other.stderr}`;
  assertEquals(own.status, reached ? 128 + 9 : 0, said);
  assertEquals(await wrongUnderFinalNames(trees, target), [], said);
  if (other.status === 0) {
    // The receipt, or the answer to it, was under way already, or another receiver came: then everything is there.
    await assertIsSource(trees, target);
  } else assertEquals(other.status, 4, said);
  if (point.victim === "sender") assertEquals(await leftovers(target), "", said);
}

/** An undisturbed run into the same DEST: everything is there, and nothing else. */
async function completes(trees: Trees, target: string, io: Io): Promise<void> {
  const engine = ["--io", io];
  const options = { source: `${trees.folder}/source`, target, send: engine, receive: engine };
  assertStatuses(await copyTree(options), 0);
  await assertIsSource(trees, target);
  await shell('rm -rf "$1"', target);
}

async function assertIsSource({ records: [source] }: Trees, target: string): Promise<void> {
  assertEquals(differencesOf(source!, await recordTree(target), comparison), []);
}

/** Files and links that are not marked as unfinished, nor under temporary names, and are neither as in the source nor as they were before. */
async function wrongUnderFinalNames({ records }: Trees, target: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [path, { kind, hash, link }] of await recordTree(target)) {
    if (kind === "d" || /(^|\/)\.rcopy-/.test(path) || isUnfinished(`${target}/${path}`)) continue;
    const isRight = records.some((tree) => {
      const there = tree.get(path);
      return there?.kind === kind && there.hash === hash && there.link === link;
    });
    if (!isRight) wrong.push(path);
  }
  return wrong;
}

/** What is under names of rcopy's own, and files marked as unfinished, without the parts of large files and their journals. */
function leftovers(target: string): Promise<string> {
  const others = "! -name '.rcopy-*.part' ! -name '.rcopy-*.journal' -name '.rcopy-*'";
  return shell(`find "$1" ${others} -o -type f -perm 1600 ! -name '.rcopy-*.part'`, target);
}

function shown({ victim, signal, measure, count }: Point): string {
  return `${signal} to the ${victim} at ${count} ${measure}`;
}
