/**
 * How far the scan runs ahead. It shares a processor with the lanes of its thread, and what it finds is of no use before
 * they have sent what was found earlier: while they have enough to do, it goes on only when they wait for the network.
 * Without that it would list a whole tree first, while the receiver has next to nothing to place.
 */

/** What of a lane matters here. */
export interface PacingLane {
  /** It has a job, and does not wait for the network. */
  readonly isWorking: boolean;
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
  onLane(): void {
    if (this.#isTurnOfLanes) return;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** The scan waits no more. */
  end(): void {
    this.#hasEnded = true;
    this.onLane();
  }

  get #isTurnOfLanes(): boolean {
    if (this.#hasEnded || this.#plan.backlog < enoughBatches * this.#lanes.size) return false;
    for (const { isWorking } of this.#lanes.values()) if (isWorking) return true;
    return false;
  }
}
