/**
 * What a copy costs as it grows: one file of 1, 2, 4, 8 GB, and 1,000 to 1,000,000 files of 1 KiB:
 * `deno task bench:growth [--sizes GB,…] [--counts N,…] [--runs N] [--io uring|deno] [--place ram|disk]
 * [--json FILE] [--svg FILE]`. A list of `none` leaves that part out.
 */
import { parseArguments } from "./arguments.ts";
import { median, shell } from "./comparison.ts";
import { describeMachine, memoryToUse, type Place, warm, withBenchFolder } from "./machine.ts";
import { type OurCopy, ourCopy } from "./our_copy.ts";
import { makeFiles, writeLarge } from "./works.ts";
import { randomFrom } from "../helpers/random.ts";

/** One size or count, and what it took. */
export interface GrowthPoint {
  of: "bytes" | "files";
  amount: number;
  /** Seconds of each run. */
  runs: number[];
  median: number;
  /** Nanoseconds a byte, or microseconds a file; of the median. */
  perUnit: number;
  /** The same for what the next smaller point did not have: without the time that each run takes to start. */
  perFurtherUnit: number;
  cpuSeconds: number;
  /** Largest of all runs. */
  senderPeakMiB: number;
  receiverPeakMiB: number;
}

export interface GrowthOptions {
  sizesBytes: readonly number[];
  counts: readonly number[];
  runs: number;
  io: "uring" | "deno";
  place: Place;
  log: (line: string) => void;
}

const smallFileBytes = 1024;
const filesPerDirectory = 1000;
/** What a small file takes of a RAM disk: a page, an inode, a name. */
const smallFileMemoryBytes = 5500;

/** Runs every point that fits; everything is removed at the end. */
export async function measureGrowth(
  options: GrowthOptions,
): Promise<{ machine: string; points: GrowthPoint[]; leftOut: string[] }> {
  return await withBenchFolder(options.place, async (folder, actual) => {
    const machine = `${await describeMachine()}, ${
      actual === "ram" ? "RAM disk" : "disk"
    }, --io ${options.io}`;
    options.log(machine);
    const points: GrowthPoint[] = [];
    const leftOut: string[] = [];
    for (const kind of ["bytes", "files"] as const) {
      let before: GrowthPoint | undefined;
      for (const amount of kind === "bytes" ? options.sizesBytes : options.counts) {
        const needed = 2 * amount * (kind === "bytes" ? 1 : smallFileMemoryBytes);
        const available = actual === "ram" ? memoryToUse() : await diskBytesFree(folder);
        if (needed > available) {
          leftOut.push(
            `${showAmount(kind, amount)}: left out, it needs ${showBytes(needed)} and there are ${
              showBytes(available)
            }`,
          );
          options.log(leftOut.at(-1)!);
          continue;
        }
        const point = await measurePoint(folder, { of: kind, amount, before }, options);
        options.log(renderPoint(point));
        points.push(point);
        before = point;
      }
    }
    return { machine, points, leftOut };
  });
}

async function measurePoint(
  folder: string,
  { of, amount, before }: { of: "bytes" | "files"; amount: number; before: GrowthPoint | undefined },
  options: GrowthOptions,
): Promise<GrowthPoint> {
  const [source, target] = [`${folder}/source`, `${folder}/target`];
  await Deno.mkdir(source);
  const bytes = of === "bytes" ? amount : amount * smallFileMemoryBytes;
  if (of === "bytes") writeLarge(`${source}/big`, amount, randomFrom(1));
  else {
    makeFiles(source, {
      directories: Math.ceil(amount / filesPerDirectory),
      files: amount,
      bytes: smallFileBytes,
    });
  }
  const copies: OurCopy[] = [];
  for (let run = 0; run < options.runs; run++) {
    await warm(folder, bytes);
    copies.push(await ourCopy({ source, target, io: options.io, secondsMax: 1800 }));
    if (run === 0) await shell('diff -r --no-dereference "$1" "$2"', source, target);
    await shell('rm -rf "$1"', target);
  }
  await shell('rm -rf "$1"', source);
  const runs = copies.map(({ seconds }) => seconds);
  const middle = median(runs);
  const perUnit = (seconds: number, units: number) => seconds / units * (of === "bytes" ? 1e9 : 1e6);
  return {
    of,
    amount,
    runs,
    median: middle,
    perUnit: perUnit(middle, amount),
    perFurtherUnit: before
      ? perUnit(middle - before.median, amount - before.amount)
      : perUnit(middle, amount),
    cpuSeconds: median(copies.map(({ sender, receiver }) => sender.cpuSeconds + receiver.cpuSeconds)),
    senderPeakMiB: Math.max(...copies.map(({ sender }) => sender.peakMiB)),
    receiverPeakMiB: Math.max(...copies.map(({ receiver }) => receiver.peakMiB)),
  };
}

async function diskBytesFree(folder: string): Promise<number> {
  return Number(await shell('df --output=avail -B1 "$1" | tail -1', folder)) * 0.9;
}

function showBytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}

function showAmount(of: "bytes" | "files", amount: number): string {
  return of === "bytes" ? showBytes(amount) : `${amount.toLocaleString("en")} files`;
}

/** One line of the table for people. */
export function renderPoint(point: GrowthPoint): string {
  const unit = point.of === "bytes" ? "ns/B" : "µs/file";
  const cells = [
    showAmount(point.of, point.amount).padEnd(16),
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
    runs: args.number("runs", 3),
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
