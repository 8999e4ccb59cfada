/** Lanes that hold a frame of a batch that is not planned yet. */
import { RcopyError } from "../../base/errors.ts";

/** A data frame may be ahead of its batch on control by no more than this many batches. */
const batchesAheadMax = 65_536;

export class AwaitedBatches {
  readonly #awaited = new Map<number, { promise: Promise<void>; resolve: () => void }>();
  #planned = 0;
  /** Number of batches, once the manifest has ended. */
  #all = Infinity;
  #isEnded = false;

  /** Batches that are planned: numbers below this. */
  get planned(): number {
    return this.#planned;
  }

  /** The next batch is planned. */
  onPlanned(): void {
    const number = this.#planned++;
    this.#awaited.get(number)?.resolve();
    this.#awaited.delete(number);
  }

  /** No batch will come from this number on. */
  onManifestEnd(batches: number): void {
    this.#all = batches;
  }

  /** Waits until a batch is planned, or the session has ended. @throws {RcopyError} `protocol` for one that cannot exist */
  async until(number: number): Promise<void> {
    if (number > this.#planned + batchesAheadMax || number >= this.#all) {
      throw new RcopyError("protocol", `the peer sent data of batch ${number}, which it never announced`);
    }
    // A lane that begins to wait after the session has ended would wait for ever.
    if (this.#isEnded) return;
    let awaited = this.#awaited.get(number);
    if (!awaited) this.#awaited.set(number, awaited = Promise.withResolvers<void>());
    await awaited.promise;
  }

  /** The session has ended: every wait is over. */
  end(): void {
    this.#isEnded = true;
    for (const { resolve } of this.#awaited.values()) resolve();
  }
}
