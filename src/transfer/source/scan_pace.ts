/**
 * How far the scan runs ahead. It shares a processor with the lanes of its thread, and what it finds is of no use before
 * they have sent what was found earlier: while they have enough to do, it goes on only when they wait for the network.
 * Without that it would list a whole tree first, while the receiver has next to nothing to place.
 */

/** A lane, as far as the pace of the scan depends on it. */
export interface PacingLane {
  /** The lane works in the main thread, and waits neither for the network nor for a job. */
  readonly isBusy: boolean;
}

/** Batches whose small files are not all taken, for each lane: enough until the scan has had its turn. */
const enoughBatches = 2;

export class ScanPace {
  readonly #plan: { readonly backlog: number };
  readonly #lanes: ReadonlyMap<number, PacingLane>;
  #wake: (() => void) | undefined;
  #hasEnded = false;

  constructor(plan: { readonly backlog: number }, lanes: ReadonlyMap<number, PacingLane>) {
    this.#plan = plan;
    this.#lanes = lanes;
  }

  /** Waits until it is the scan's turn. */
  async turn(): Promise<void> {
    while (this.#isTurnOfLanes) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** A lane has taken a job, has begun to wait, or is gone. */
  onLaneChanged(): void {
    if (this.#isTurnOfLanes) return;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** The scan waits no more. */
  end(): void {
    this.#hasEnded = true;
    this.onLaneChanged();
  }

  get #isTurnOfLanes(): boolean {
    if (this.#hasEnded || this.#plan.backlog < enoughBatches * this.#lanes.size) return false;
    for (const { isBusy } of this.#lanes.values()) if (isBusy) return true;
    return false;
  }
}
