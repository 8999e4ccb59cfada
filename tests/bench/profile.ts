/**
 * One copy with both ends under a profiler: `deno task bench:profile --by perf|cpu-prof|strace [--work NAME]
 * [--io uring|deno|auto] [--channel plain|ticket] [--place ram|disk] [--out FOLDER] [--quick]`. What the profiler
 * wrote stays in the folder, a summary of each end is printed. The time of the copy is that of the profiler.
 */
import { namesIn, parseArguments } from "./arguments.ts";
import { renderSelfTimes, selfTimes } from "./cpu_profile.ts";
import { describeMachine, type Place, warm, withBenchFolder } from "./machine.ts";
import { type OurChannel, ourCopy } from "./our_copy.ts";
import { shell } from "../helpers/test_folder.ts";
import { works } from "./works.ts";

const profilers = ["perf", "cpu-prof", "strace"] as const;
export type Profiler = typeof profilers[number];
type End = "sender" | "receiver";

export interface ProfileOptions {
  by: Profiler;
  work: string;
  io: "uring" | "deno" | "auto";
  channel: OurChannel;
  place: Place;
  /** Where the profiles stay. */
  out: string;
  /** Whether V8 writes the names of compiled JavaScript for perf, to `/tmp/perf-PID.map`, where they stay. */
  namesCode: boolean;
  /** Part of the full size of the work. */
  scale: number;
  log: (line: string) => void;
}

/** Rows of a summary. */
const rowsMax = 30;

/** How an end is started under a profiler. */
interface Start {
  /** What starts Deno. */
  within: string[];
  /** Options of Deno's. */
  deno: string[];
}

/** @returns the start of an end whose profile is to be below the path */
function startUnder({ by, namesCode }: Pick<ProfileOptions, "by" | "namesCode">, path: string): Start {
  switch (by) {
    case "perf": {
      const record = ["perf", "record", "-q", "-F", "1999", "-g", "-o", `${path}.perf`, "--"];
      return { within: record, deno: namesCode ? ["--v8-flags=--perf-basic-prof"] : [] };
    }
    case "cpu-prof":
      return { within: [], deno: ["--cpu-prof", `--cpu-prof-dir=${path}.cpuprofiles`] };
    case "strace":
      return { within: ["strace", "-f", "-c", "-S", "time", "-o", `${path}.strace`], deno: [] };
    default:
      return by satisfies never;
  }
}

/** Why a profiler cannot be had here. */
export function whyNoProfiler(by: Profiler): string | undefined {
  const trial = { "perf": ["perf", "record", "-q"], "strace": ["strace", "-c"], "cpu-prof": undefined }[by];
  if (trial === undefined) return undefined;
  const [program, ...args] = [...trial, "-o", "/dev/null", "--", "true"];
  try {
    const { success, stderr } = new Deno.Command(program!, { args, stdout: "null" }).outputSync();
    return success ? undefined : `${by} cannot run: ${new TextDecoder().decode(stderr).trim().slice(0, 200)}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${by} is not installed`;
    throw error;
  }
}

/** Copies a work once, and prints a summary of each end. @returns what was printed of each */
export async function profileCopy(options: ProfileOptions): Promise<Record<End, string>> {
  const { by, io, channel, out, scale, log } = options;
  const work = works.find(({ name }) => name === options.work);
  if (work === undefined) throw new Error(`there is no work "${options.work}"`);
  const whyNot = whyNoProfiler(by);
  if (whyNot !== undefined) throw new Error(whyNot);
  await Deno.mkdir(out, { recursive: true });
  return await withBenchFolder(options.place, async (folder, actual) => {
    log(`${await describeMachine()}, ${actual === "ram" ? "RAM disk" : "disk"}`);
    const [source, target] = [`${folder}/source`, `${folder}/target`];
    await Deno.mkdir(source);
    const why = await work.make(source, scale);
    if (why !== undefined) throw new Error(`${work.name} cannot be made here: ${why}`);
    await warm(folder, Number(await shell('du -sb --apparent-size "$1" | cut -f1', source)));
    const [sender, receiver] = [startUnder(options, `${out}/sender`), startUnder(options, `${out}/receiver`)];
    const copy = await ourCopy({
      source,
      target,
      io,
      channel,
      senderWithin: sender.within,
      senderDeno: sender.deno,
      receiverWithin: receiver.within,
      receiverDeno: receiver.deno,
    });
    log(`${work.title}, under ${by}: ${copy.seconds.toFixed(2)} s`);
    await shell('diff -r --no-dereference "$1" "$2"', source, target);
    const summaries = {
      sender: await summaryOf(by, out, "sender"),
      receiver: await summaryOf(by, out, "receiver"),
    };
    for (const [end, summary] of Object.entries(summaries)) log(`\n${end}\n${summary}`);
    return summaries;
  });
}

async function summaryOf(by: Profiler, out: string, end: End): Promise<string> {
  const path = `${out}/${end}`;
  switch (by) {
    case "perf":
      return await perfSummary(`${path}.perf`);
    case "cpu-prof":
      return await cpuProfileSummary(`${path}.cpuprofiles`);
    case "strace":
      return await shell('head -n "$2" "$1"', `${path}.strace`, `${rowsMax}`);
    default:
      return by satisfies never;
  }
}

/** By the files that the code is in, and by function. */
async function perfSummary(path: string): Promise<string> {
  const report = (sort: string) =>
    shell(
      'perf report -i "$1" --stdio --no-children -g none --percent-limit 0.3 --sort "$2" 2>/dev/null | ' +
        "grep -v '^#' | grep -v '^$' | sed 's/[ -]*$//' | head -n \"$3\"",
      path,
      sort,
      `${rowsMax}`,
    );
  return `${await report("dso")}\n${await report("dso,symbol")}`;
}

/** A table for each thread that V8 has profiled. */
async function cpuProfileSummary(folder: string): Promise<string> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const tables = names.map(async (name) => {
    const profile = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    return `  ${name}\n${renderSelfTimes(selfTimes(profile), rowsMax)}`;
  });
  return (await Promise.all(tables)).join("\n");
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["by", "work", "io", "channel", "place", "out"],
    switches: ["quick"],
  });
  const one = <T extends string>(name: string, known: readonly T[], byDefault: T): T => {
    const given = args.value(name);
    if (given !== undefined) namesIn(given, { known, what: name });
    return known.find((each) => each === given) ?? byDefault;
  };
  await profileCopy({
    by: one("by", profilers, "perf"),
    work: one("work", works.map(({ name }) => name), "big"),
    io: one("io", ["uring", "deno", "auto"], "auto"),
    channel: one("channel", ["plain", "ticket"], "plain"),
    place: one("place", ["ram", "disk"], "ram"),
    out: args.value("out") ?? await Deno.makeTempDir({ prefix: "rcopy-profile-" }),
    namesCode: true,
    scale: args.has("quick") ? 0.02 : 1,
    log: (line) => console.log(line),
  });
}
