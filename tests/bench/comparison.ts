/** One work, copied by ours and by the peers in turn. */
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { type Contender, isOurs, ours, peers } from "./contenders.ts";
import { dropCaches, type Place, warm } from "./machine.ts";
import { cpuSecondsOf, descendantsOf, MemoryPeak, MeteredProcess } from "./metered_process.ts";
import { ourCopy } from "./our_copy.ts";
import type { Servers } from "./servers.ts";
import type { Work } from "./works.ts";

/** What one copy took. */
export interface Run {
  seconds: number;
  /** Of the processor, at both ends. */
  cpuSeconds: number;
  /** Largest resident sets: of ours sender and receiver, of others everything together. */
  peaksMiB: number[];
}

/** Figures of one program for one work; times in seconds. */
export interface Figures {
  /** The name of the work, and what it is. */
  work: string;
  title: string;
  program: string;
  runs: number[];
  median: number;
  /** Its median over that of the first program, both taken in the same rounds. */
  ratio: number;
  /** Processor seconds of a copy, both ends; the median. */
  cpuSeconds: number;
  /** The same for a GB; nothing where the work has less than a MB. */
  cpuPerGb: number | undefined;
  /** Largest of all runs; see {@linkcode Run}. */
  peaksMiB: number[];
}

export interface ComparisonOptions {
  work: Work;
  folder: string;
  /** Where the folder really is. */
  place: Place;
  servers: Servers;
  rounds: number;
  scale: number;
  /** Names of peers to run, with commas between them; all that are installed without it. */
  only: string | undefined;
  /** Names of ours to run, in the same way; all without it. */
  onlyOurs: string | undefined;
  /** Start each run with empty page, name and inode caches, except for the programs themselves. */
  cold: boolean;
  installed: (program: string) => boolean;
  log: (line: string) => void;
}

/** Copies of so many entries stay on a disk until the last run; what is only large is removed at once. */
const manyEntries = 10_000;
/** What a processor takes for a GB says nothing about works of fewer bytes. */
const bytesForCpuMin = 1_000_000;
/** A copy that takes longer is stopped, and counts as taking this long; its program gets no further round. */
export const secondsMax = 120;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Copies a work `rounds` times with each program, in turn, into a fresh directory each time, and verifies
 * every copy.
 */
export async function compare(options: ComparisonOptions): Promise<Figures[]> {
  const { work, folder, scale } = options;
  const source = `${folder}/source`;
  await shell('rm -rf "$1" && mkdir "$1"', source);
  const why = await work.make(source, scale);
  if (why !== undefined) {
    options.log(`${work.name}: skipped, ${why}`);
    return [];
  }
  const bytes = Number(await shell('du -sb --apparent-size "$1" | cut -f1', source));
  const entries = Number(await shell('find "$1" | wc -l', source));
  options.log(`${work.title}: ${entries.toLocaleString("en")} entries, ${Math.round(bytes / 1e6)} MB`);
  const contenders = contendersOf(options);
  const runs = await inTurn(contenders, { ...options, title: work.name }, (contender) => {
    return timed(contender, { ...options, source, bytes, entries });
  });
  await shell('rm -rf "$1" "$2"/*', source, `${folder}/targets`);
  return figuresOf(work, runs, bytes);
}

/** Ours, and the peers that can do this work here. */
function contendersOf(options: ComparisonOptions): Contender[] {
  const isSingle = options.work.name === "big";
  return [...ours, ...peers].filter((contender) => {
    const chosen = isOurs(contender) ? options.onlyOurs : options.only;
    if (!isChosen(contender.name, chosen)) return false;
    if (!isOurs(contender) && contender.singleFile && !isSingle) return false;
    const whyNot = isOurs(contender) && contender.io === "uring" ? whyNoUringEngine() : undefined;
    if (whyNot !== undefined) {
      options.log(`${contender.name}: skipped, ${whyNot}`);
      return false;
    }
    const missing = contender.needs.filter((program) => !options.installed(program));
    if (missing.length > 0) options.log(`${contender.name}: skipped, ${missing.join(" and ")} not installed`);
    return missing.length === 0;
  });
}

/** Whether a list with commas between its names holds one; every name is chosen where there is no list. */
export function isChosen(name: string, list: string | undefined): boolean {
  return list === undefined || list.split(",").includes(name);
}

/** Runs each of some programs once a round; what was too slow once gets no further turn. */
export async function inTurn<C extends { name: string }>(
  contenders: readonly C[],
  { rounds, title, log }: { rounds: number; title: string; log: (line: string) => void },
  runOnce: (contender: C) => Promise<Run>,
): Promise<Map<C, Run[]>> {
  const runs = new Map<C, Run[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [contender, own] of runs) {
      if (own.some(({ seconds }) => seconds >= secondsMax)) continue;
      const run = await runOnce(contender);
      log(`${title} ${round + 1}/${rounds} ${contender.name}: ${run.seconds.toFixed(3)} s`);
      own.push(run);
    }
  }
  return runs;
}

/** Medians, and their ratios to that of the first program. */
export function figuresOf(
  { name: work, title }: Pick<Work, "name" | "title">,
  runs: Map<{ name: string }, Run[]>,
  bytes: number,
): Figures[] {
  const medianOf = (own: Run[]) => median(own.map(({ seconds }) => seconds));
  const cpuOf = (own: Run[]) => median(own.map(({ cpuSeconds }) => cpuSeconds));
  const base = medianOf([...runs.values()][0]!);
  return Array.from(runs, ([{ name }, own]) => ({
    work,
    title,
    program: name,
    runs: own.map(({ seconds }) => seconds),
    median: medianOf(own),
    ratio: medianOf(own) / base,
    cpuSeconds: cpuOf(own),
    cpuPerGb: bytes < bytesForCpuMin ? undefined : cpuOf(own) / (bytes / 1e9),
    peaksMiB: own[0]!.peaksMiB.map((_, end) => Math.max(...own.map(({ peaksMiB }) => peaksMiB[end]!))),
  }));
}

async function timed(
  contender: Contender,
  options: ComparisonOptions & { source: string; bytes: number; entries: number },
): Promise<Run> {
  const { folder, place, source, servers, bytes, entries } = options;
  // Memory that this machine has not touched lately is slow: touch as much as is about to be written.
  await warm(folder, bytes);
  if (options.cold) {
    await dropCaches();
    await warmProgram(contender, folder, servers);
  }
  const target = await Deno.makeTempDir({ dir: `${folder}/targets`, prefix: "run-" });
  const run = await runContender(contender, { source, target, servers });
  if (run.seconds < secondsMax) await shell('diff -r --no-dereference "$1" "$2"', source, target);
  // ext4 is slow to create files for minutes after many were removed: those stay until the last run. A RAM
  // disk is not, and would run out of memory.
  if (place === "ram" || entries < manyEntries) await shell('rm -rf "$1"', target);
  return run;
}

/** Copies next to nothing, so that the program itself and all that it loads are in the cache. */
async function warmProgram(contender: Contender, folder: string, servers: Servers): Promise<void> {
  const source = `${folder}/tiny`;
  await shell('mkdir -p "$1" && echo tiny > "$1/big"', source);
  const target = await Deno.makeTempDir({ dir: `${folder}/targets`, prefix: "tiny-" });
  await runContender(contender, { source, target, servers });
  await shell('rm -rf "$1" "$2"', source, target);
}

async function runContender(
  contender: Contender,
  { source, target, servers }: { source: string; target: string; servers: Servers },
): Promise<Run> {
  if (isOurs(contender)) {
    const { io, channel } = contender;
    const { seconds, sender, receiver } = await ourCopy({ source, target, io, channel, secondsMax });
    const cpuSeconds = sender.cpuSeconds + receiver.cpuSeconds;
    return { seconds, cpuSeconds, peaksMiB: [sender.peakMiB, receiver.peakMiB] };
  }
  const server = contender.server === undefined ? [] : servers.pidsOf(contender.server);
  const cpuOfServer = () => server.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const before = cpuOfServer();
  const serverPeak = new MemoryPeak(server);
  const script = ["bash", "-c", contender.script(servers.places), "-", source, target];
  const began = performance.now();
  const metered = MeteredProcess.start("timeout", [`${secondsMax}`, ...script]);
  const usage = await metered.end();
  const seconds = (usage.endedAtMs - began) / 1000;
  await waitForSessions(server);
  const peakMiB = usage.peakMiB + serverPeak.stop();
  const cpuSeconds = usage.cpuSeconds + cpuOfServer() - before;
  if (usage.code === 124) return { seconds: secondsMax, cpuSeconds, peaksMiB: [peakMiB] };
  if (!usage.success) throw new Error(`${contender.name} failed: ${await metered.complaints}`);
  return { seconds, cpuSeconds, peaksMiB: [peakMiB] };
}

/**
 * Waits until a server has no session any more, because only then does it know what they took; not longer
 * than two seconds.
 */
async function waitForSessions(server: readonly number[]): Promise<void> {
  for (let i = 0; i < 100 && server.some((pid) => descendantsOf(pid).length > 0); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function shell(script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script, "-", ...args] })
    .output();
  if (!success) throw new Error(`failed: ${script}\n${new TextDecoder().decode(stderr).slice(0, 2000)}`);
  return new TextDecoder().decode(stdout);
}
