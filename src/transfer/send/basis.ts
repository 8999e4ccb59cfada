/**
 * Large files that the receiver has in an older version: what it tells of their blocks goes to the files, so that of each extent
 * only what is new is sent. The mirror image is `receive/basis.ts`.
 */
import { RcopyError } from "../../base/errors.ts";
import type { Blocks } from "../../wire/data.ts";
import { toldExtentsMax } from "../../wire/limits.ts";
import type { LargeSource } from "../source/large_file.ts";
import type { SendPlan } from "./plan.ts";
import type { SendUnsettled } from "./unsettled.ts";

export class SendBasis {
  readonly #unsettled: SendUnsettled;
  readonly #plan: SendPlan;
  /** Files of which something is told that no lane has taken. */
  readonly #told = new Set<LargeSource>();

  constructor(unsettled: SendUnsettled, plan: SendPlan) {
    this.#unsettled = unsettled;
    this.#plan = plan;
  }

  /** The receiver tells what blocks of a file hash to there. @throws {RcopyError} `protocol` for what it cannot be asked to use */
  onBlocks({ batch, entry, first, hashes, more }: Blocks): void {
    const source = this.#unsettled.large(batch, entry);
    if (source?.mayBeTelling) return;
    if (!source || source.isAwaitingKept || source.isCompared) throw unexpected(batch, entry);
    source.addBlocks(first, hashes, more);
    // It failed, and the receiver did not know that yet.
    if (source.failure || source.isSettled) return;
    this.#told.add(source);
    let extents = 0;
    for (const one of this.#told) {
      if (one.toldExtents === 0 || one.failure || one.isSettled) this.#told.delete(one);
      else extents += one.toldExtents;
    }
    if (extents > toldExtentsMax) {
      throw new RcopyError("protocol", `the peer tells of the blocks of ${extents} extents at a time`);
    }
    this.#plan.addLarge(source);
  }
}

function unexpected(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer tells of blocks of entry ${entry} of batch ${batch}, which it was not to tell of`,
  );
}
