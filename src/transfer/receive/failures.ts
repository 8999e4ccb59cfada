/** Failures that the sender reports: entries that it cannot send. The mirror image is `send/failures.ts`. */
import { RcopyError } from "../../base/errors.ts";
import { showPeerText } from "../../base/show.ts";
import { errorCodeOf } from "../../wire/codes.ts";
import type { Failure } from "../../wire/settlement.ts";
import type { Outcome } from "../session/outcome.ts";
import type { PathPrefixes } from "../../entry/path_prefixes.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import type { ReceiveComparison } from "./comparison.ts";
import type { LargeFiles } from "./large_files.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";
import type { TargetTree } from "../target/tree.ts";

/** States in which a failure of the entry at the sender changes nothing: its content is here already, or it has failed. */
const mayFailTwice: ReadonlySet<number> = new Set([
  EntryState.placing,
  EntryState.placed,
  EntryState.failed,
  EntryState.held,
]);

export interface ReceiveFailuresOptions {
  outcome: Outcome;
  tree: TargetTree;
  unsettled: ReceiveUnsettled;
  prefixes: PathPrefixes;
  large: LargeFiles;
  comparison: ReceiveComparison;
}

export class ReceiveFailures {
  readonly #options: ReceiveFailuresOptions;

  constructor(options: ReceiveFailuresOptions) {
    this.#options = options;
  }

  /** The sender cannot send something. */
  onFailure({ place, code: number, text }: Failure, batches: number): void {
    const { outcome, tree, unsettled, prefixes, large, comparison } = this.#options;
    const error = new RcopyError(errorCodeOf(number), showPeerText(text));
    if (place.of === "name") {
      const directory = tree.open(place.directory);
      if (error.code !== "not-sent") outcome.failed++;
      outcome.report(prefixes.show(directory, place.name), error.code, error.message);
      return;
    }
    const { batch: batchNumber, entry } = place;
    const target = large.get(batchNumber, entry);
    if (target) {
      large.failAtSource(target, error);
    } else if (!comparison.failAtSource(batchNumber, entry, error)) {
      const batch = unsettled.find(batchNumber);
      const state = batch?.states[entry];
      if (batch && entry < batch.count && !batch.isPlanned) {
        batch.failedEarly.set(entry, error);
      } else if (batch && (state === EntryState.wanted || state === EntryState.told)) {
        unsettled.failAtSource(batch, entry, error);
      } else if (batch ? state === undefined || !mayFailTwice.has(state) : batchNumber >= batches) {
        throw new RcopyError(
          "protocol",
          `the peer gave up entry ${entry} of batch ${batchNumber}, which was not due`,
        );
      }
    }
  }

  /** A batch has been planned: what the sender gave up before that, and what is wanted, fails now. */
  onPlanned(batch: ReceiveBatch): void {
    for (const [entry, error] of batch.failedEarly) {
      if (batch.states[entry] === EntryState.wanted) {
        this.#options.unsettled.failAtSource(batch, entry, error);
      }
    }
  }
}
