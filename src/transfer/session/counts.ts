/** Counts of one end of a session, and the progress and the remaining work that follow from them. */
import type { ProgressSnapshot } from "./events.ts";
import type { Outcome } from "./outcome.ts";
import type { StageAccount } from "./stage_account.ts";

/** The cost of a file beside its bytes, as bytes that would take as long. */
export const fileWork = 16 * 1024;

/** Work of a session, done and left. */
export interface SessionWork {
  /** In bytes; each file counts as {@linkcode fileWork} more. */
  workDone: number;
  workLeft: number;
  /** The manifest is not complete: there is more than is known. */
  growing: boolean;
}

export class SessionCounts {
  /** Batches and entries of the manifest, and the content bytes of its files. */
  batches = 0;
  entries = 0;
  bytesListed = 0;
  /** Content bytes that are to be copied, as far as known. */
  bytesWanted = 0;
  /** Content bytes given to a connection (sender), or verified and written (receiver); those that were matched are among them. */
  bytesDone = 0;
  /** Of these, the ones that did not travel, since an older version at the receiver has them. */
  bytesMatched = 0;
  /** Content bytes of those wanted that were there from an earlier run. */
  bytesKept = 0;
  /** The manifest is not complete: the counts above still grow. */
  growing = true;
  readonly #outcome: Outcome;

  constructor(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** So many bytes more, or fewer, are there in an older version. */
  addMatched(bytes: number): void {
    this.bytesMatched += bytes;
    this.bytesDone += bytes;
  }

  get work(): SessionWork {
    const { settled } = this.#outcome;
    return {
      workDone: this.bytesDone + settled * fileWork,
      workLeft: this.bytesWanted - this.bytesKept - this.bytesDone +
        Math.max(0, this.entries - settled) * fileWork,
      growing: this.growing,
    };
  }

  /** Where the session is at this moment; `account` names what holds it back. */
  progress(account: StageAccount): Omit<ProgressSnapshot, "elapsedMs"> {
    return this.#outcome.progress({
      bytesDone: this.bytesDone,
      bytesKept: this.bytesKept,
      bytesWanted: this.bytesWanted,
      entriesTotal: this.entries,
      growing: this.growing,
      limitedBy: account.bottleneck(),
    });
  }
}
