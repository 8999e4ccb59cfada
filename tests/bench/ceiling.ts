/**
 * What this machine gives at most for each stage of a copy, by plain C programs (`ceiling.c`):
 * `deno task bench:ceiling [--bytes N] [--files N] [--runs N] [--place ram|disk] [--json FILE]`.
 */
import { parseArguments } from "./arguments.ts";
import { median, shell } from "./comparison.ts";
import { describeMachine, type Place, warm, withBenchFolder } from "./machine.ts";

/** One stage with one size of block, or one number of threads. */
export interface Ceiling {
  stage: string;
  /** `1 MiB`, `2 threads`. */
  variant: string;
  /** Seconds of each run. */
  runs: number[];
  median: number;
  /** GB a second for bytes, microseconds a file for placement; of the median. */
  value: number;
  unit: "GB/s" | "µs/file";
}

export interface CeilingOptions {
  bytes: number;
  files: number;
  runs: number;
  place: Place;
  log: (line: string) => void;
}

const blocks: readonly [string, number][] = [
  ["256 KiB", 256 * 1024],
  ["1 MiB", 1024 * 1024],
  ["4 MiB", 4 * 1024 * 1024],
];
const threadCounts = [1, 2, 4];

/** Compiles the program and runs every stage; everything is removed at the end. */
export async function measureCeilings(
  options: CeilingOptions,
): Promise<{ machine: string; ceilings: Ceiling[] }> {
  return await withBenchFolder(options.place, async (folder, actual) => {
    const program = `${folder}/ceiling`;
    const source = new URL("ceiling.c", import.meta.url).pathname;
    await shell('cc -O2 -Wall -Wextra -Werror -pthread "$1" -o "$2"', source, program);
    const machine = `${await describeMachine()}, ${actual === "ram" ? "RAM disk" : "disk"}`;
    options.log(machine);
    const ceilings = [
      ...await byteStages(program, folder, options),
      ...await placement(program, folder, options),
    ];
    return { machine, ceilings };
  });
}

async function byteStages(program: string, folder: string, options: CeilingOptions): Promise<Ceiling[]> {
  const { bytes } = options;
  const [input, output] = [`${folder}/input`, `${folder}/output`];
  await run(program, ["write", input, `${bytes}`, `${blocks[1]![1]}`]);
  const stages: [stage: string, args: (block: string) => string[]][] = [
    ["file read", (block) => ["read", input, block]],
    ["file write", (block) => ["write", output, `${bytes}`, block]],
    ["socket", (block) => ["socket", `${bytes}`, block]],
    ["read, socket, write", (block) => ["chain", input, output, block]],
  ];
  const ceilings: Ceiling[] = [];
  for (const [stage, args] of stages) {
    for (const [variant, block] of blocks) {
      const given = args(`${block}`);
      const writes = given.includes(output);
      const runs = await repeat(options.runs, async () => {
        if (writes) await warm(folder, bytes);
        const seconds = await run(program, given);
        if (given[0] === "chain") await shell('cmp "$1" "$2"', input, output);
        if (writes) await Deno.remove(output);
        return seconds;
      });
      const middle = median(runs);
      ceilings.push({ stage, variant, runs, median: middle, value: bytes / 1e9 / middle, unit: "GB/s" });
      options.log(renderCeiling(ceilings.at(-1)!));
    }
  }
  await Deno.remove(input);
  return ceilings;
}

async function placement(program: string, folder: string, options: CeilingOptions): Promise<Ceiling[]> {
  const { files } = options;
  const target = `${folder}/placed`;
  const ceilings: Ceiling[] = [];
  for (const threads of threadCounts) {
    const runs = await repeat(options.runs, async () => {
      await Deno.mkdir(target);
      await warm(folder, files * 4096);
      const seconds = await run(program, ["place", target, `${files}`, `${threads}`]);
      const placed = Number(await shell('find "$1" -type f -size 4096c | wc -l', target));
      if (placed !== files) throw new Error(`${placed} of ${files} files were placed`);
      await shell('rm -rf "$1"', target);
      return seconds;
    });
    const middle = median(runs);
    ceilings.push({
      stage: "create, write 4 KiB, set time, close",
      variant: threads === 1 ? "one directory" : `${threads} threads, a directory each`,
      runs,
      median: middle,
      value: middle / files * 1e6,
      unit: "µs/file",
    });
    options.log(renderCeiling(ceilings.at(-1)!));
  }
  return ceilings;
}

async function repeat(count: number, body: () => Promise<number>): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) seconds.push(await body());
  return seconds;
}

async function run(program: string, args: string[]): Promise<number> {
  const seconds = Number(await shell('"$@"', program, ...args));
  if (!(seconds > 0)) throw new Error(`ceiling ${args[0]} gave no time`);
  return seconds;
}

/** One line of the table for people. */
export function renderCeiling({ stage, variant, runs, median, value, unit }: Ceiling): string {
  const spread = `${Math.min(...runs).toFixed(3)} to ${Math.max(...runs).toFixed(3)} s`;
  const cells = [stage.padEnd(37), variant.padEnd(28), value.toFixed(2).padStart(7), unit.padEnd(7)];
  return `${cells.join(" ")}  ${median.toFixed(3)} s (${spread})`;
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["bytes", "files", "runs", "place", "json"],
    switches: [],
  });
  const { machine, ceilings } = await measureCeilings({
    bytes: args.number("bytes", 2e9),
    files: args.number("files", 50_000),
    runs: args.number("runs", 5),
    place: args.value("place") === "disk" ? "disk" : "ram",
    log: (line) => console.log(line),
  });
  const path = args.value("json");
  if (path) await Deno.writeTextFile(path, JSON.stringify({ machine, ceilings }, null, 2));
}
