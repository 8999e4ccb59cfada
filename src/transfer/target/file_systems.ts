/** What the run knows of each file system in the destination: its room, and how entries come out there. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, type Metadata, type Timestamp } from "../../entry/metadata.ts";
import {
  type Directory,
  type Engine,
  type EntryLookup,
  type FileSystemTraits,
  type FreeSpace,
  Lacks,
} from "../../io/contract/engine.ts";
import { isUnfinished, mayBeUnfinished } from "../../io/contract/unfinished.ts";
import { SpaceBudget } from "./space_budget.ts";
import type { TargetDirectory } from "./tree.ts";

/** Steps of times that file systems have: 100 ns, 1 µs, 1 ms, 10 ms, one second, two. */
const stepsNs = [100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000];

export class FileSystems {
  readonly #engine: Engine;
  readonly #changesNothing: boolean;
  readonly #budgets = new Map<number, SpaceBudget>();
  /** By device; `undefined` where no file could be made to learn it. */
  readonly #traits = new Map<number, FileSystemTraits | undefined>();

  /** With `dryRun` no file is made to learn anything. */
  constructor(engine: Engine, { dryRun }: { dryRun: boolean }) {
    this.#engine = engine;
    this.#changesNothing = dryRun;
  }

  /** The room on a directory's file system, as it was when the run first asked. */
  budgetOf(directory: TargetDirectory): SpaceBudget {
    let budget = this.#budgets.get(directory.device);
    if (!budget) {
      const unknown: FreeSpace = { bytes: undefined, inodes: undefined };
      budget = new SpaceBudget(directory.handle ? this.#engine.freeSpace(directory.handle) : unknown);
      this.#budgets.set(directory.device, budget);
    }
    return budget;
  }

  /** Whether what was found is a file that a killed run left unfinished: it counts as absent, and is replaced. */
  isUnfinished(directory: TargetDirectory, found: EntryLookup): boolean {
    if (!mayBeUnfinished(found)) return false;
    const ours = { owner: this.#engine.user, keepsModes: true };
    return isUnfinished(found, ours) || isUnfinished(found, this.#traitsOf(directory) ?? ours);
  }

  /**
   * Whether a file of the wanted size has the wanted time, as far as its file system can keep that. Where it keeps none, a file
   * that is not older than the wanted one is taken for it.
   */
  hasTime(directory: TargetDirectory, wanted: Metadata, found: Metadata): boolean {
    if (wanted.kind !== EntryKind.file || found.kind !== EntryKind.file || wanted.size !== found.size) {
      return false;
    }
    const traits = this.#traitsOf(directory);
    // Nothing can be written there: what is cut to any step that file systems have is all that can be there.
    if (!traits) return isAsCut(wanted.mtime, found.mtime);
    if (traits.timeStepNs === 0) return isNotOlder(found.mtime, wanted.mtime);
    return sameTime(wanted.mtime, found.mtime, traits.timeStepNs);
  }

  #traitsOf(directory: TargetDirectory): FileSystemTraits | undefined {
    const { device, handle } = directory;
    if (this.#traits.has(device) || !handle || this.#changesNothing) return this.#traits.get(device);
    let traits: FileSystemTraits | undefined;
    try {
      traits = this.#engine.traitsOf(handle);
    } catch (thrown) {
      const { code } = asRcopyError(thrown);
      if (code === "internal") throw thrown;
      if (code === "not-permitted") return undefined; // another directory may let us
    }
    this.#traits.set(device, traits);
    return traits;
  }
}

/** Entries of a kind that are looked at on a file system where none of their times could show a step. */
const looksMax = 8;

/** An entry that has been placed, and got a time. */
export interface TimedEntry {
  directory: TargetDirectory;
  name: EntryName;
  kind: EntryKind;
  mtime: Timestamp;
}

/**
 * Whether the times that entries get have stayed, which some file systems do not say. The first of each kind on each file system is
 * looked at; every one, where a time was dropped.
 */
export class KeptTimes {
  readonly #engine: Engine;
  readonly #onNote: (message: string) => void;
  /** By device and kind: how many may still be looked at. */
  readonly #looks = new Map<string, number>();
  readonly #noted = new Set<number>();

  constructor(engine: Engine, onNote: (message: string) => void) {
    this.#engine = engine;
    this.#onNote = onNote;
  }

  /** What an entry lacks: `lacks`, and its time where another one is there. */
  lacksOf({ directory, name, kind, mtime }: TimedEntry, lacks: number): number {
    const { handle, device } = directory;
    const key = `${device} ${kind}`;
    const looks = this.#looks.get(key) ?? looksMax;
    const finest = Math.floor(mtime.nanos / this.#engine.mtimeResolutionNs);
    const isWhole = finest === 0 && mtime.seconds % 2 === 0;
    if (looks <= 0 || isWhole || !handle || (lacks & Lacks.time) !== 0) return lacks;
    const found = this.#lookAt(handle, name);
    const isThere = found?.kind === kind;
    if (!isThere || sameTime(mtime, found.mtime, this.#engine.mtimeResolutionNs)) {
      this.#looks.set(key, isThere && finest % 10 !== 0 ? 0 : looks - 1);
      return lacks;
    }
    if (!isAsCut(mtime, found.mtime)) {
      this.#looks.set(key, Infinity);
      return lacks | Lacks.time;
    }
    this.#looks.set(key, 0);
    this.#note(directory);
    return lacks;
  }

  #lookAt(handle: Directory, name: EntryName): EntryLookup | undefined {
    try {
      const [found] = this.#engine.lookup(handle, [name]);
      return found instanceof RcopyError ? undefined : found;
    } catch (thrown) {
      if (asRcopyError(thrown).code === "internal") throw thrown;
      return undefined; // the directory is gone: what is done in it next says so
    }
  }

  /** Says once for each file system to which step it cuts times. */
  #note({ device, handle }: TargetDirectory): void {
    if (this.#noted.has(device)) return;
    this.#noted.add(device);
    let stepNs: number;
    try {
      stepNs = this.#engine.traitsOf(handle!).timeStepNs;
    } catch {
      return; // nothing can be made there any more
    }
    if (stepNs <= this.#engine.mtimeResolutionNs) return;
    this.#onNote(
      `the file system of ${handle!.shown} keeps times in steps of ${
        showStep(stepNs)
      }: the times of what is copied there are cut to that, and a later run takes them as equal`,
    );
  }
}

function showStep(stepNs: number): string {
  if (stepNs >= 1e9) return `${stepNs / 1e9} s`;
  if (stepNs >= 1e6) return `${stepNs / 1e6} ms`;
  return stepNs >= 1e3 ? `${stepNs / 1e3} µs` : `${stepNs} ns`;
}

/** Whether two times are the same at a step of `resolutionNs` (1, or a divisor or multiple of a second). */
export function sameTime(a: Timestamp, b: Timestamp, resolutionNs: number): boolean {
  if (resolutionNs >= 1e9) {
    const step = resolutionNs / 1e9;
    return Math.floor(a.seconds / step) === Math.floor(b.seconds / step);
  }
  return a.seconds === b.seconds && Math.floor(a.nanos / resolutionNs) === Math.floor(b.nanos / resolutionNs);
}

/** Whether a time is later than another by a step of `resolutionNs` at least. */
export function isLater(a: Timestamp, b: Timestamp, resolutionNs: number): boolean {
  if (sameTime(a, b, resolutionNs)) return false;
  return a.seconds > b.seconds || a.seconds === b.seconds && a.nanos > b.nanos;
}

/** Whether a time that was found is the wanted one, at any step that a file system or an engine may have cut it to. */
export function isAsCut(wanted: Timestamp, found: Timestamp): boolean {
  return sameTime(wanted, found, 1) || stepsNs.some((step) => isCut(wanted, found, step));
}

/** Whether `found` is `wanted` without what a step does not keep. */
function isCut(wanted: Timestamp, found: Timestamp, stepNs: number): boolean {
  const isWhole = stepNs >= 1e9
    ? found.nanos === 0 && found.seconds % (stepNs / 1e9) === 0
    : found.nanos % stepNs === 0;
  return isWhole && sameTime(wanted, found, stepNs);
}

function isNotOlder(a: Timestamp, b: Timestamp): boolean {
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos >= b.nanos);
}
