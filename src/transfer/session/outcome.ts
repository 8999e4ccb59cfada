/** The outcome of a session, entry by entry: counts, failures as they happen, and the exit status that follows. */
import { type ErrorCode, exitStatusOfCode } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EventSink, ProgressSnapshot, TransferSummary } from "./events.ts";
import type { Role } from "../../wire/hello.ts";

/** Replaced entries that are named; of others there is the count. */
const replacedNamedMax = 20;

/** Figures of a progress snapshot that only the sender or the receiver knows. */
export interface ProgressFigures extends Pick<ProgressSnapshot, "entriesTotal" | "growing" | "limitedBy"> {
  bytesDone: number;
  /** Of those below, the bytes that were there from an earlier run. */
  bytesKept: number;
  /** Content bytes that are to be copied, as far as that is known. */
  bytesWanted: number;
}

/** An entry that a dry run would copy. */
export interface PlannedEntry {
  kind: EntryKind;
  size: number;
  /** In the place of another file or link. */
  replaces: boolean;
  /** Its content was compared, and is another. */
  differs?: boolean;
}

/** Counts of one end, from its construction on; both ends must arrive at the same. */
export class Outcome {
  files = 0;
  directories = 0;
  links = 0;
  bytes = 0;
  keptBytes = 0;
  skipped = 0;
  /** Files whose content both ends have read and compared, equal or not; without those that failed then. */
  compared = 0;
  failed = 0;
  changed = 0;
  /** Files that were copied as they were at the scan, and had grown since. */
  grown = 0;
  /** Entries that were placed without their mode or time. */
  lacking = 0;
  /** Entries that took the place of a file or link that was there. */
  replaced = 0;
  /** Of those, the files and links. */
  lackingContent = 0;
  /** In a dry run: files whose content was compared, and is another. */
  differing = 0;
  /** Nothing is placed: what would be counts as such, and as skipped. */
  readonly isDryRun: boolean;
  readonly #role: Role;
  readonly #emit: EventSink;

  constructor(role: Role, emit: EventSink, { isDryRun = false } = {}) {
    this.#role = role;
    this.#emit = emit;
    this.isDryRun = isDryRun;
  }

  /** Entries that are settled, one way or another. */
  get settled(): number {
    return (this.isDryRun ? 0 : this.#placed) + this.skipped + this.failed;
  }

  get #placed(): number {
    return this.files + this.directories + this.links;
  }

  /** In a dry run: an entry that is skipped would be copied. */
  countPlanned({ kind, size, replaces, differs }: PlannedEntry): void {
    this.countPlaced(kind, size);
    if (replaces) this.replaced++;
    if (differs) this.differing++;
  }

  /** `keptBytes`: bytes of a large file that were there from an earlier run. */
  countPlaced(kind: number, size: number, keptBytes = 0): void {
    if (kind === EntryKind.directory) this.directories++;
    else if (kind === EntryKind.link) this.links++;
    else {
      this.files++;
      this.bytes += size;
      this.keptBytes += keptBytes;
    }
  }

  countSkipped(wasCompared: boolean): void {
    this.skipped++;
    if (wasCompared) this.compared++;
  }

  /** An entry has been placed; `lacks` is what its file system refused of mode and time, as a sum of `Lacks`. */
  countLacking(lacks: number, kind: EntryKind): void {
    if (lacks === 0) return;
    this.lacking++;
    if (kind !== EntryKind.directory) this.lackingContent++;
  }

  /** Something that a person should know, and no failure. */
  note(message: string): void {
    this.#emit({ type: "note", level: "info", message });
  }

  /** An entry has been placed where another was; the first of them are named. */
  countReplaced(path: () => string): void {
    if (this.replaced++ < replacedNamedMax) this.#emit({ type: "replaced", path: path() });
  }

  /** Reports an entry that is not copied, or (`grown`) not with all that it has by now. The caller counts it, since only the caller knows whether the manifest has it. */
  report(path: string, code: ErrorCode, message: string): void {
    if (code === "vanished" || code === "changed") this.changed++;
    this.#emit({ type: "failure", failure: { path, code, message } });
  }

  /** 0, or 24 if files have grown, and if all that failed vanished or changed, or 23. */
  get exitStatus(): number {
    if (this.failed === 0) return this.grown === 0 ? 0 : exitStatusOfCode.grown;
    return this.failed === this.changed ? exitStatusOfCode.changed : exitStatusOfCode.io;
  }

  /** A snapshot of this moment. `bytesDone` may be more than was wanted, where something was sent twice. */
  progress(at: ProgressFigures): Omit<ProgressSnapshot, "elapsedMs"> {
    const { bytesDone, bytesKept, bytesWanted, ...figures } = at;
    return {
      role: this.#role,
      bytesDone,
      keptBytes: bytesKept,
      bytesTotal: Math.max(bytesWanted, bytesDone + bytesKept),
      entriesDone: this.settled,
      skipped: this.skipped,
      failed: this.failed,
      ...figures,
    };
  }

  /** The summary of the session, without what the transfer knows. */
  summary(
    { wireBytes, matchedBytes }: Pick<TransferSummary, "wireBytes" | "matchedBytes">,
  ): Omit<TransferSummary, "elapsedMs" | "treeHash"> {
    const { files, directories, links, bytes, keptBytes, compared, isDryRun } = this;
    const { failed, changed, grown, lacking, replaced, differing } = this;
    const skipped = this.skipped - (isDryRun ? this.#placed : 0);
    return {
      ...isDryRun ? { dryRun: true as const, differing } : {},
      role: this.#role,
      files,
      directories,
      links,
      bytes,
      keptBytes,
      matchedBytes,
      wireBytes,
      skipped,
      compared,
      failed,
      changed,
      grown,
      lacking,
      replaced,
      exitStatus: this.exitStatus,
    };
  }
}
