/**
 * What a copy costs as it grows: one file of 1, 2, 4, 8 GB, and 1,000 to 1,000,000 files of 1 KiB:
 * `deno task bench:growth [--sizes GB,…] [--counts N,…] [--runs N] [--io uring|deno] [--place ram|disk]
 * [--json FILE] [--svg FILE]`. A list of `none` leaves that part out.
 */
import { parseArguments } from "./arguments.ts";
import { describeMachine, memoryToUse, type Place, warm, withBenchFolder } from "./machine.ts";
import { type OurCopy, ourCopy } from "./our_copy.ts";
import { makeFiles, writeLarge } from "./works.ts";
import { randomFrom } from "../helpers/random.ts";
import { median } from "./turns.ts";
import { shell } from "../helpers/test_folder.ts";

/** One size or count, and what it took. */
export interface GrowthPoint {
  of: "bytes" | "files";
  amount: number;
  /** Seconds of each run. */
  runs: number[];
  median: number;
  /** Nanoseconds a byte, or microseconds a file; of the median. */
  perUnit: number;
  /**
   * The same for what the next smaller point did not have; the smallest one is compared with an empty directory.
   * The median of the rounds.
   */
  perFurtherUnit: number;
  cpuSeconds: number;
  /** Largest of all runs. */
  senderPeakMiB: number;
  receiverPeakMiB: number;
}

export interface GrowthOptions {
  sizesBytes: readonly number[];
  counts: readonly number[];
  /** Rounds, in each of which every point has its turn. */
  runs: number;
  io: "uring" | "deno";
  place: Place;
  log: (line: string) => void;
}

/** What all of it took. */
export interface Growth {
  machine: string;
  /** Median seconds to copy an empty directory: what it takes to start, to meet and to end. */
  startSeconds: number;
  points: GrowthPoint[];
  leftOut: string[];
}

/** What is copied. */
type Amount = Pick<GrowthPoint, "of" | "amount">;

const smallFileBytes = 1024;
const filesPerDirectory = 1000;
/** What a small file takes of a RAM disk: a page, an inode, a name. */
const smallFileMemoryBytes = 5500;

/** Runs every point that fits; everything is removed at the end. */
export async function measureGrowth(options: GrowthOptions): Promise<Growth> {
  const { sizesBytes, counts, io, log } = options;
  return await withBenchFolder(options.place, async (folder, actual) => {
    const machine = `${await describeMachine()}, ${actual === "ram" ? "RAM disk" : "disk"}, --io ${io}`;
    log(machine);
    const available = actual === "ram" ? memoryToUse() : await diskBytesFree(folder);
    const leftOut: string[] = [];
    const fits = (one: Amount) => {
      const needed = 2 * spaceOf(one);
      if (needed <= available) return true;
      const shown = `it needs ${showBytes(needed)} and there are ${showBytes(available)}`;
      leftOut.push(`${showAmount(one)}: left out, ${shown}`);
      log(leftOut.at(-1)!);
      return false;
    };
    const sizes = sizesBytes.map((amount): Amount => ({ of: "bytes", amount })).filter(fits);
    const numbers = counts.map((amount): Amount => ({ of: "files", amount })).filter(fits);
    const nothing: Amount = { of: "files", amount: 0 };
    const amounts = [nothing, ...sizes, ...numbers];
    const copies = new Map(amounts.map((one): [Amount, OurCopy[]] => [one, []]));
    // In turn, so that a machine that gets slower shows in every point and not as a bend of the curve.
    for (let round = 0; round < options.runs; round++) {
      for (const one of amounts) copies.get(one)!.push(await copyOnce(folder, one, io, round === 0));
      const last = amounts.map((one) => copies.get(one)!.at(-1)!.seconds.toFixed(2));
      log(`round ${round + 1} of ${options.runs}: ${last.join(", ")} s`);
    }
    const curveOf = (own: Amount[]) =>
      own.map((one, i) => {
        const before = own[i - 1] ?? nothing;
        return pointOf(one, copies.get(one)!, before, copies.get(before)!);
      });
    const startSeconds = median(copies.get(nothing)!.map(({ seconds }) => seconds));
    log(`an empty directory ${startSeconds.toFixed(2)} s`);
    const points = [...curveOf(sizes), ...curveOf(numbers)];
    for (const point of points) log(renderPoint(point));
    return { machine, startSeconds, points, leftOut };
  });
}

/** Makes what is to be copied, copies it and removes both: all points together need more memory than there is. */
async function copyOnce(
  folder: string,
  one: Amount,
  io: "uring" | "deno",
  compare: boolean,
): Promise<OurCopy> {
  const [source, target] = [`${folder}/source`, `${folder}/target`];
  await Deno.mkdir(source);
  if (one.of === "bytes") writeLarge(`${source}/big`, one.amount, randomFrom(1));
  else {
    const directories = Math.ceil(one.amount / filesPerDirectory);
    makeFiles(source, { directories, files: one.amount, bytes: smallFileBytes });
  }
  await warm(folder, spaceOf(one));
  const copy = await ourCopy({ source, target, io, secondsMax: 1800 });
  if (compare) await shell('diff -r --no-dereference "$1" "$2"', source, target);
  await shell('rm -rf "$1" "$2"', source, target);
  return copy;
}

function pointOf(
  { of, amount }: Amount,
  copies: readonly OurCopy[],
  before: Amount,
  copiesBefore: readonly OurCopy[],
): GrowthPoint {
  const runs = copies.map(({ seconds }) => seconds);
  const further = runs.map((seconds, round) => seconds - copiesBefore[round]!.seconds);
  const scale = of === "bytes" ? 1e9 : 1e6;
  return {
    of,
    amount,
    runs,
    median: median(runs),
    perUnit: median(runs) / amount * scale,
    perFurtherUnit: median(further) / (amount - before.amount) * scale,
    cpuSeconds: median(copies.map(({ sender, receiver }) => sender.cpuSeconds + receiver.cpuSeconds)),
    senderPeakMiB: Math.max(...copies.map(({ sender }) => sender.peakMiB)),
    receiverPeakMiB: Math.max(...copies.map(({ receiver }) => receiver.peakMiB)),
  };
}

/** Bytes that it takes of a RAM disk. */
function spaceOf({ of, amount }: Amount): number {
  return amount * (of === "bytes" ? 1 : smallFileMemoryBytes);
}

async function diskBytesFree(folder: string): Promise<number> {
  return Number(await shell('df --output=avail -B1 "$1" | tail -1', folder)) * 0.9;
}

function showBytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}

function showAmount({ of, amount }: Amount): string {
  return of === "bytes" ? showBytes(amount) : `${amount.toLocaleString("en")} files`;
}

/** One line of the table for people. */
export function renderPoint(point: GrowthPoint): string {
  const unit = point.of === "bytes" ? "ns/B" : "µs/file";
  const cells = [
    showAmount(point).padEnd(16),
    `${point.median.toFixed(2).padStart(7)} s`,
    `${point.perUnit.toFixed(3).padStart(9)} ${unit}`,
    `(each further ${point.perFurtherUnit.toFixed(3)})`.padEnd(24),
    `CPU ${point.cpuSeconds.toFixed(2).padStart(6)} s`,
    `peak ${Math.round(point.senderPeakMiB)} + ${Math.round(point.receiverPeakMiB)} MiB`,
  ];
  return cells.join("  ");
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["sizes", "counts", "runs", "io", "place", "json", "svg"],
    switches: [],
  });
  const list = (name: string, byDefault: number[]) =>
    args.value(name) === "none" ? [] : args.numbers(name, byDefault).sort((a, b) => a - b);
  const result = await measureGrowth({
    sizesBytes: list("sizes", [1, 2, 4, 8]).map((size) => Math.round(size * 1e9)),
    counts: list("counts", [1_000, 10_000, 100_000, 1_000_000]),
    runs: args.number("runs", 5),
    io: args.value("io") === "deno" ? "deno" : "uring",
    place: args.value("place") === "disk" ? "disk" : "ram",
    log: (line) => console.log(line),
  });
  const jsonPath = args.value("json");
  if (jsonPath) await Deno.writeTextFile(jsonPath, JSON.stringify(result, null, 2));
  const svgPath = args.value("svg");
  if (svgPath) {
    const { drawGrowth } = await import("./chart.ts");
    await Deno.writeTextFile(svgPath, await drawGrowth(result.points, result.machine));
  }
}
