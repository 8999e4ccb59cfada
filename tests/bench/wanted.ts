/** What the short and the large copies are wanted to take, beside what they took in the same run. Pure. */
import type { Figures } from "./turns.ts";

/** One line: a figure of this run, and its bound. */
export interface Wanted {
  what: string;
  reached: number;
  bound: number;
  /** Whether the figure may be at most the bound, or must be at least that. */
  is: "at most" | "at least";
  unit: "s" | "x";
}

/** A figure by the name of its work and of its program; nothing if that did not run. */
type MedianOf = (work: string, program: string) => number | undefined;

const plain = "rcopy --io uring";
const encrypted = "rcopy encrypted";
const startSecondsMax = 0.14;
const furtherSecondsMax = 0.1;
const tarRatioMin = 1.1;
const chainRatioMin = 0.75;

/** What is wanted of the figures of one run; lines whose figures are not among them are left out. */
export function wantedOf(figures: readonly Figures[]): Wanted[] {
  const median: MedianOf = (work, program) =>
    figures.find((one) => one.work === work && one.program === program)?.median;
  return [...shortCopies(median), ...manyFiles(median), ...largeFile(figures, median)];
}

function* shortCopies(median: MedianOf): Generator<Wanted> {
  const nothing = median("nothing", plain);
  if (nothing !== undefined) yield atMost("nothing", nothing, startSecondsMax);
  const few = median("few", plain);
  const rsync = median("few", "rsync daemon");
  if (few !== undefined && rsync !== undefined) yield atMost("few, against the rsync daemon", few, rsync);
  const fewEncrypted = median("few", encrypted);
  if (few !== undefined && fewEncrypted !== undefined) {
    yield atMost("few, encrypted, against plain and 0.1 s", fewEncrypted, few + furtherSecondsMax);
  }
}

function* manyFiles(median: MedianOf): Generator<Wanted> {
  const nothing = median("nothing", plain);
  const thousand = median("thousand", plain);
  if (nothing !== undefined && thousand !== undefined) {
    yield atMost("thousand, against nothing and 0.1 s", thousand, nothing + furtherSecondsMax);
  }
  const tar = (work: string) => median(work, "tar | nc | tar");
  const [twenty, twentyByTar] = [median("twenty", plain), tar("twenty")];
  if (twenty !== undefined && twentyByTar !== undefined) {
    yield atMost("twenty, against tar | nc | tar", twenty, twentyByTar);
  }
  const [small, smallByTar] = [median("small", plain), tar("small")];
  if (small !== undefined && smallByTar !== undefined) {
    yield atLeast("small, tar | nc | tar over rcopy", smallByTar / small, tarRatioMin);
  }
}

function* largeFile(figures: readonly Figures[], median: MedianOf): Generator<Wanted> {
  const chains = figures.filter(({ work, program }) => work === "big" && program.startsWith("C chain"));
  const big = median("big", plain);
  if (big === undefined || chains.length === 0) return;
  const best = Math.min(...chains.map((one) => one.median));
  yield atLeast("big, C chain (best block) over rcopy", best / big, chainRatioMin);
}

function atMost(what: string, reached: number, bound: number): Wanted {
  return { what, reached, bound, is: "at most", unit: "s" };
}

function atLeast(what: string, reached: number, bound: number): Wanted {
  return { what, reached, bound, is: "at least", unit: "x" };
}

export function isKept({ reached, bound, is }: Wanted): boolean {
  return is === "at most" ? reached <= bound : reached >= bound;
}

/** The table for people; nothing where nothing is wanted of what ran. */
export function renderWanted(lines: readonly Wanted[]): string {
  if (lines.length === 0) return "";
  const rows = lines.map((line) => {
    const { what, reached, bound, is, unit } = line;
    const figures = `${reached.toFixed(3)} ${unit}  ${is.padEnd(8)} ${bound.toFixed(3)} ${unit}`;
    return `  ${what.padEnd(42)} ${figures}  ${isKept(line) ? "kept" : "MISSED"}`;
  });
  return ["", "wanted of rcopy --io uring", ...rows].join("\n");
}
