/** What became of the entries of a session: counts, failures as they happen, and the status that follows. */
import { type ErrorCode, exitStatusOfCode } from "../base/errors.ts";
import { EntryKind } from "../fs/metadata.ts";
import type { EventSink, TransferSummary } from "./events.ts";

/** Counts of one end; both ends must arrive at the same. */
export class Outcome {
  files = 0;
  directories = 0;
  links = 0;
  bytes = 0;
  skipped = 0;
  failed = 0;
  changed = 0;
  readonly #emit: EventSink;

  constructor(emit: EventSink) {
    this.#emit = emit;
  }

  /** Entries that are settled, one way or another. */
  get settled(): number {
    return this.files + this.directories + this.links + this.skipped + this.failed;
  }

  countPlaced(kind: number, size: number): void {
    if (kind === EntryKind.directory) this.directories++;
    else if (kind === EntryKind.link) this.links++;
    else {
      this.files++;
      this.bytes += size;
    }
  }

  /** Reports an entry that is not copied. Counting it is the caller's, who knows whether the manifest has it. */
  report(path: string, code: ErrorCode, message: string): void {
    if (code === "vanished" || code === "changed") this.changed++;
    this.#emit({ type: "failure", failure: { path, code, message } });
  }

  /** 0, or 24 if all that failed vanished or changed, or 23. */
  get exitStatus(): number {
    if (this.failed === 0) return 0;
    return this.failed === this.changed ? exitStatusOfCode.changed : exitStatusOfCode.io;
  }

  summary(
    role: TransferSummary["role"],
    figures: Pick<TransferSummary, "wireBytes" | "elapsedMs" | "treeHash">,
  ): TransferSummary {
    const { files, directories, links, bytes, skipped, failed, changed, exitStatus } = this;
    return { role, files, directories, links, bytes, skipped, failed, changed, exitStatus, ...figures };
  }
}
