/** One work, copied by ours and by the peers in turn. */
import { type Contender, ours, peers, senderOf } from "./contenders.ts";
import type { Servers } from "./servers.ts";
import type { Work } from "./works.ts";

/** Figures of one program for one work; times in seconds. */
export interface Figures {
  work: string;
  program: string;
  runs: number[];
  median: number;
  /** Its median over that of ours with io_uring, both taken in the same rounds. */
  ratio: number;
  /** Of ours: processor seconds for a GB, and the largest resident set in MiB, of the receiving end. */
  cpuPerGb?: number;
  peakMiB?: number;
}

export interface ComparisonOptions {
  work: Work;
  folder: string;
  servers: Servers;
  rounds: number;
  scale: number;
  /** Names of peers to run; all that are installed without it. */
  only: string | undefined;
  installed: (program: string) => boolean;
  log: (line: string) => void;
}

/** A copy that takes longer is stopped, and counts as taking this long; its program gets no further round. */
const secondsMax = 120;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Copies a work `rounds` times with each program, in turn, into a fresh directory each time, and verifies every copy. */
export async function compare(options: ComparisonOptions): Promise<Figures[]> {
  const { work, folder, rounds, scale, log } = options;
  const source = `${folder}/source`;
  await shell('rm -rf "$1" && mkdir "$1"', source);
  await work.make(source, scale);
  const bytes = Number(await shell('du -sb --apparent-size "$1" | cut -f1', source));
  const isSingle = work.name === "big";
  const contenders = [...ours, ...peers].filter((contender) => {
    if (contender.singleFile && !isSingle) return false;
    if (options.only !== undefined && !ours.includes(contender) && contender.name !== options.only) {
      return false;
    }
    const missing = contender.needs.filter((program) => !options.installed(program));
    if (missing.length > 0) log(`${contender.name}: skipped, ${missing.join(" and ")} not installed`);
    return missing.length === 0;
  });
  const runs = new Map<Contender, { seconds: number; cpu: number; peakMiB: number }[]>();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      if (runs.get(contender)?.some(({ seconds }) => seconds >= secondsMax)) continue;
      const run = await timed(contender, { ...options, source, bytes });
      log(`${work.name} ${round + 1}/${rounds} ${contender.name}: ${run.seconds.toFixed(2)} s`);
      runs.set(contender, [...runs.get(contender) ?? [], run]);
    }
  }
  await shell('rm -rf "$1"', source);
  const base = median(runs.get(ours[0]!)!.map(({ seconds }) => seconds));
  return contenders.map((contender) => {
    const own = runs.get(contender)!;
    const middle = median(own.map(({ seconds }) => seconds));
    const figures: Figures = {
      work: work.title,
      program: contender.name,
      runs: own.map(({ seconds }) => seconds),
      median: middle,
      ratio: middle / base,
    };
    if (!ours.includes(contender)) return figures;
    return {
      ...figures,
      cpuPerGb: median(own.map(({ cpu }) => cpu)) / (bytes / 1e9),
      peakMiB: Math.max(...own.map(({ peakMiB }) => peakMiB)),
    };
  });
}

async function timed(
  contender: Contender,
  options: ComparisonOptions & { source: string; bytes: number },
): Promise<{ seconds: number; cpu: number; peakMiB: number }> {
  const { folder, source, servers, bytes } = options;
  // Memory that this machine has not touched lately is slow: touch as much as is about to be written.
  await shell('head -c "$2" /dev/zero > "$1/warm"; rm "$1/warm"', folder, String(bytes));
  const target = await Deno.makeTempDir({ dir: `${folder}/targets`, prefix: "run-" });
  const isOurs = ours.includes(contender);
  const sender = isOurs ? await listening(contender, source) : undefined;
  const script = contender.script(servers.places);
  const report = `${folder}/time`;
  const began = performance.now();
  const child = new Deno.Command("/usr/bin/time", {
    args: [
      "-q",
      "-f",
      "%U %S %M",
      "-o",
      report,
      "timeout",
      `${secondsMax}`,
      "bash",
      "-c",
      script,
      "-",
      source,
      target,
    ],
    stdout: "null",
    stderr: "piped",
  });
  const { success, code, stderr } = await child.output();
  const senderStatus = await sender?.status;
  const seconds = (performance.now() - began) / 1000;
  await sender?.stdout.cancel();
  if (code === 124) {
    await shell('rm -rf "$1"', target);
    return { seconds: secondsMax, cpu: 0, peakMiB: 0 };
  }
  if (!success || senderStatus?.success === false) {
    throw new Error(`${contender.name} failed: ${new TextDecoder().decode(stderr)}`);
  }
  await shell('diff -r --no-dereference "$1" "$2"', source, target);
  await shell('rm -rf "$1"', target);
  const [user = 0, system = 0, peakKiB = 0] = (await Deno.readTextFile(report)).trim().split(/\s+/).map(
    Number,
  );
  return { seconds, cpu: user + system, peakMiB: peakKiB / 1024 };
}

/** Starts the sender of ours and waits until it says that it listens. */
async function listening(contender: Contender, source: string): Promise<Deno.ChildProcess> {
  const child = senderOf(contender, source).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  return child;
}

export async function shell(script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script, "-", ...args] })
    .output();
  if (!success) throw new Error(`failed: ${script}\n${new TextDecoder().decode(stderr).slice(0, 2000)}`);
  return new TextDecoder().decode(stdout);
}
