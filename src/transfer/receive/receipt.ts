/** The receipt for the sender, once everything is settled and in place. The mirror image is `send/receipt.ts`. */
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { SessionRun } from "../session/session_run.ts";
import type { Placement } from "../target/placement.ts";
import type { TargetTree } from "../target/tree.ts";
import type { AwaitedBatches } from "./awaited_batches.ts";
import type { Questions } from "./questions.ts";
import type { UnitsTaken } from "./units_taken.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

/** What is known of the destination itself, which no entry stands for. */
export interface DestinationState {
  /** What it lacks of its mode, as a sum of `Lacks`. */
  lacksOfDestination: () => number;
}

export interface ReceiptWriterOptions extends DestinationState {
  run: SessionRun<"receiver">;
  tree: TargetTree;
  placement: Placement;
  unsettled: ReceiveUnsettled;
  awaited: AwaitedBatches;
  taken: UnitsTaken;
  questions: Questions;
  /** Everything is on stable storage before the receipt leaves. */
  durable: boolean;
}

export class ReceiptWriter {
  readonly #options: ReceiptWriterOptions;
  #isAsking = false;

  constructor(options: ReceiptWriterOptions) {
    this.#options = options;
  }

  /** Sends the receipt if everything is settled, or asks about what was put off. Called whenever something may have been the last. */
  sendIfDone(): void {
    const { run, questions } = this.#options;
    if (!this.#isDone || run.hasEnded || this.#isAsking) return;
    if (questions.areOpen) {
      this.#isAsking = true;
      run.tasks.start(() => this.#ask());
      return;
    }
    run.isFinishing = true;
    run.tasks.start(() => this.#send());
  }

  get #isDone(): boolean {
    const { run, tree, unsettled, awaited } = this.#options;
    const { growing, batches } = run.counts;
    // While a directory is being completed, its parents up to the root may still be to come.
    return !growing && awaited.count === batches && unsettled.isEmpty && tree.root.completed;
  }

  /** All that could be copied is, and a person decides about the rest. @throws {RcopyError} `again`, by which both ends begin another session */
  async #ask(): Promise<void> {
    if (!await this.#options.questions.ask()) return;
    throw new RcopyError("again", "what was put off until a person had answered is looked at once more");
  }

  async #send(): Promise<void> {
    const { run, placement, unsettled, taken, durable } = this.#options;
    const { files: placed, directories: kept, links: made } = run.outcome;
    // Where everything failed because nothing can be made in the destination itself, that is what is said.
    const why = run.outcome.failed > 0 && placed + kept + made === 0 ? placement.whyUseless() : undefined;
    if (why) throw why;
    run.outcome.countLacking(this.#options.lacksOfDestination(), EntryKind.directory);
    placement.close();
    if (durable) await placement.sync();
    if (run.tasks.hasEnded) return;
    unsettled.flush();
    taken.end();
    const { files, directories, links, bytes, skipped, failed, changed, grown, differing } = run.outcome;
    const { hash } = unsettled;
    run.state = "receipted";
    run.control.send({
      kind: "receipt",
      files,
      directories,
      links,
      bytes: BigInt(bytes),
      skipped,
      failed,
      changed,
      grown,
      replaced: run.replacedInAll,
      differing,
      treeCount: hash.count,
      treeSum: hash.sum,
      durable,
    });
  }
}
