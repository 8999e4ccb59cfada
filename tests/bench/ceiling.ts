/**
 * What this machine gives at most for each stage of a copy, by plain C programs (`ceiling.c`):
 * `deno task bench:ceiling [--bytes N] [--files N] [--runs N] [--place ram|disk] [--cold]
 * [--json FILE]`.
 */
import { parseArguments } from "./arguments.ts";
import { describeMachine, dropCaches, type Place, warm, withBenchFolder } from "./machine.ts";
import { median } from "./turns.ts";
import { shell } from "../helpers/test_folder.ts";

/** One stage with one size of block, or one number of threads. */
export interface Ceiling {
  stage: string;
  /** `1 MiB`, `2 threads`. */
  variant: string;
  /** Seconds of each run. */
  runs: number[];
  median: number;
  /** GB a second for bytes, microseconds a file for files; of the median. */
  value: number;
  unit: "GB/s" | "µs/file";
}

export interface CeilingOptions {
  bytes: number;
  files: number;
  runs: number;
  place: Place;
  /** Also read a tree of small files from a disk, with empty caches each time; needs root. */
  cold?: boolean;
  log: (line: string) => void;
}

const blocks: readonly [string, number][] = [
  ["256 KiB", 256 * 1024],
  ["1 MiB", 1024 * 1024],
  ["4 MiB", 4 * 1024 * 1024],
];
/** Where memory begins, in bytes behind a page: some processors copy several times slower to some of these places. */
const offsets = [0, 1, 8, 16, 24, 32, 64, 4095];
const offsetBlocks: readonly [string, number][] = [
  ["4 KiB", 4096],
  ["512 KiB", 512 * 1024],
  ["4 MiB", 4 * 1024 * 1024],
];
/** Part of the bytes that each place takes: there are many, and a ratio needs few. */
const offsetPart = 8;
const threadCounts = [1, 2, 4];
/** A thread that waits for a disk takes no core: many of them keep its queue full. */
const coldThreadCounts = [1, 8, 32, 64];
const coldDirectories = 50;

/** Compiles the program and runs every stage; everything is removed at the end. */
export async function measureCeilings(
  options: CeilingOptions,
): Promise<{ machine: string; ceilings: Ceiling[] }> {
  return await withBenchFolder(options.place, async (folder, actual) => {
    const program = await compileStages(folder);
    const machine = `${await describeMachine()}, ${actual === "ram" ? "RAM disk" : "disk"}`;
    options.log(machine);
    const ceilings = [
      ...await byteStages(program, folder, options),
      ...await offsetStages(program, folder, options),
      ...await placement(program, folder, { ...options, place: actual }),
    ];
    if (options.cold) {
      const why = actual !== "disk" ? "there is none on a RAM disk; add --place disk" : whyNoColdRead();
      if (why !== undefined) options.log(`cold reading: left out, ${why}`);
      else ceilings.push(...await gathering(program, folder, { ...options, beforeRun: dropCaches }));
    }
    return { machine, ceilings };
  });
}

/** Why caches cannot be emptied here. */
function whyNoColdRead(): string | undefined {
  return Deno.uid() === 0 ? undefined : "only root may empty the kernel's caches";
}

/** Compiles `ceiling.c` into a folder. @returns the program's path */
export async function compileStages(folder: string): Promise<string> {
  const program = `${folder}/ceiling`;
  const source = new URL("ceiling.c", import.meta.url).pathname;
  await shell('cc -O2 -Wall -Wextra -Werror -pthread "$1" -o "$2"', source, program);
  return program;
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

/** Reads, receives and sends with memory that begins at each of the offsets, in turn. */
async function offsetStages(program: string, folder: string, options: CeilingOptions): Promise<Ceiling[]> {
  const bytes = Math.ceil(options.bytes / offsetPart);
  const input = `${folder}/input`;
  await run(program, ["write", input, `${bytes}`, `${blocks[1]![1]}`]);
  const stages: [stage: string, args: (block: string, offset: string) => string[]][] = [
    ["pread, into memory at an offset", (block, offset) => ["pread", input, block, offset]],
    ["recv, into memory at an offset", (block, offset) => ["recv", `${bytes}`, block, offset]],
    ["send, from memory at an offset", (block, offset) => ["send", `${bytes}`, block, offset]],
  ];
  const ceilings: Ceiling[] = [];
  for (const [stage, args] of stages) {
    for (const [name, block] of offsetBlocks) {
      const runs = offsets.map((): number[] => []);
      for (let round = 0; round < options.runs; round++) {
        for (const [i, offset] of offsets.entries()) {
          runs[i]!.push(await run(program, args(`${block}`, `${offset}`)));
        }
      }
      for (const [i, offset] of offsets.entries()) {
        const middle = median(runs[i]!);
        const variant = `${name} at ${offset}`;
        ceilings.push({
          stage,
          variant,
          runs: runs[i]!,
          median: middle,
          value: bytes / 1e9 / middle,
          unit: "GB/s",
        });
        options.log(renderCeiling(ceilings.at(-1)!));
      }
    }
  }
  await Deno.remove(input);
  return ceilings;
}

async function placement(program: string, folder: string, options: CeilingOptions): Promise<Ceiling[]> {
  const { files, place } = options;
  const ceilings: Ceiling[] = [];
  for (const threads of threadCounts) {
    const runs = await repeat(options.runs, async () => {
      const target = await Deno.makeTempDir({ dir: folder, prefix: "placed-" });
      await warm(folder, files * 4096);
      const seconds = await run(program, ["place", target, `${files}`, `${threads}`]);
      await requireFiles(target, files);
      // ext4 is slow to create files for minutes after many were removed: those stay until the end.
      if (place === "ram") await shell('rm -rf "$1"', target);
      return seconds;
    });
    const variant = threads === 1 ? "one directory" : `${threads} threads, a directory each`;
    ceilings.push(ofFiles("create, write 4 KiB, set time, close", variant, runs, files));
    options.log(renderCeiling(ceilings.at(-1)!));
  }
  return ceilings;
}

/** Reads a tree of small files, made once, by several numbers of threads. */
export async function gathering(
  program: string,
  folder: string,
  options: Pick<CeilingOptions, "files" | "runs" | "log"> & { beforeRun: () => Promise<void> },
): Promise<Ceiling[]> {
  const { files } = options;
  const tree = `${folder}/gathered`;
  await Deno.mkdir(tree);
  await run(program, ["place", tree, `${files}`, `${coldDirectories}`]);
  await requireFiles(tree, files);
  const ceilings: Ceiling[] = [];
  for (const threads of coldThreadCounts) {
    const runs = await repeat(options.runs, async () => {
      await options.beforeRun();
      return await run(program, ["gather", tree, `${threads}`]);
    });
    const variant = threads === 1 ? "one thread" : `${threads} threads`;
    ceilings.push(ofFiles("list, look at, open, read 4 KiB, close, cold", variant, runs, files));
    options.log(renderCeiling(ceilings.at(-1)!));
  }
  return ceilings;
}

function ofFiles(stage: string, variant: string, runs: number[], files: number): Ceiling {
  const middle = median(runs);
  return { stage, variant, runs, median: middle, value: middle / files * 1e6, unit: "µs/file" };
}

async function requireFiles(tree: string, files: number): Promise<void> {
  const placed = Number(await shell('find "$1" -type f -size 4096c | wc -l', tree));
  if (placed !== files) throw new Error(`${placed} of ${files} files were placed`);
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
  const cells = [stage.padEnd(45), variant.padEnd(28), value.toFixed(2).padStart(7), unit.padEnd(7)];
  return `${cells.join(" ")}  ${median.toFixed(3)} s (${spread})`;
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["bytes", "files", "runs", "place", "json"],
    switches: ["cold"],
  });
  const { machine, ceilings } = await measureCeilings({
    bytes: args.number("bytes", 2e9),
    files: args.number("files", 50_000),
    runs: args.number("runs", 5),
    place: args.value("place") === "disk" ? "disk" : "ram",
    cold: args.has("cold"),
    log: (line) => console.log(line),
  });
  const path = args.value("json");
  if (path) await Deno.writeTextFile(path, JSON.stringify({ machine, ceilings }, null, 2));
}
