/** Programs that take turns, round by round, and the figures that this gives. */
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

/** What a processor takes for a GB says nothing about works of fewer bytes. */
const bytesForCpuMin = 1_000_000;
/** A copy that takes longer is stopped, and counts as taking this long; its program gets no further round. */
export const secondsMax = 120;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How turns are taken. */
export interface Turns<C> {
  rounds: number;
  title: string;
  log: (line: string) => void;
  /**
   * Whether a program that fails has no figure of that round, and no further turn after the second time, instead of
   * ending everything.
   */
  mayFail?: (contender: C) => boolean;
  /** Takes a line for a program that failed; `log` by default. */
  leaveOut?: (line: string) => void;
}

/** A program that fails so often gets no further turn. */
const failuresMax = 2;

/**
 * Runs each of some programs once a round; what was too slow once gets no further turn.
 * @returns the runs of those that have any
 * @throws what a run throws, unless its program may fail
 */
export async function inTurn<C extends { name: string }>(
  contenders: readonly C[],
  { rounds, title, log, mayFail = () => false, leaveOut = log }: Turns<C>,
  runOnce: (contender: C) => Promise<Run>,
): Promise<Map<C, Run[]>> {
  const runs = new Map<C, Run[]>(contenders.map((contender) => [contender, []]));
  const failures = new Map<C, number>();
  for (let round = 0; round < rounds; round++) {
    for (const [contender, own] of runs) {
      if (own.some(({ seconds }) => seconds >= secondsMax)) continue;
      if ((failures.get(contender) ?? 0) >= failuresMax) continue;
      const turn = `${title} ${round + 1}/${rounds} ${contender.name}`;
      let run: Run;
      try {
        run = await runOnce(contender);
      } catch (error) {
        if (!mayFail(contender)) throw error;
        leaveOut(`${turn}: left out, ${reasonOf(error)}`);
        failures.set(contender, (failures.get(contender) ?? 0) + 1);
        continue;
      }
      log(`${turn}: ${run.seconds.toFixed(3)} s`);
      own.push(run);
    }
  }
  return new Map([...runs].filter(([, own]) => own.length > 0));
}

/** The message of an error as one line that is not long, without what a progress bar draws. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : `${error}`;
  return message.replaceAll(/[^\x20-\x7e]+/g, " ").replaceAll(/ {2,}/g, " ").trim().slice(0, 300);
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
