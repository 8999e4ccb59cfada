/**
 * Batches that are not planned yet, and of which a lane holds a unit.
 *
 * A batch is written to control before any data that names it. Where such data comes first, a ping tells an announcement that
 * is on its way from one that was never made: when its answer is here, the batch is too.
 */
import { RcopyError } from "../../base/errors.ts";
import { PeerQuestion } from "../session/peer_question.ts";
import type { ReceiveBatch } from "../target/batch.ts";

export interface AwaitedBatchesOptions {
  /** Number of batches announced so far. */
  announced: () => number;
  /** Asks the sender for an answer on control. */
  ask: (onAnswer: () => void) => void;
  /** Milliseconds that the answer may take. */
  timeoutMs: number;
}

interface Waiting {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: RcopyError) => void;
}

export class AwaitedBatches {
  readonly #options: AwaitedBatchesOptions;
  readonly #waiting = new Map<number, Waiting>();
  #planned = 0;
  /** Number of batches, once the manifest has ended. */
  #all = Infinity;
  readonly #question: PeerQuestion;
  #isEnded = false;

  constructor(options: AwaitedBatchesOptions) {
    this.#options = options;
    this.#question = new PeerQuestion({
      ...options,
      why: "the peer sent data without saying what of",
      onSilence: (error) => this.#onSilence(error),
    });
  }

  /** Batches that are planned: numbers below this. */
  get count(): number {
    return this.#planned;
  }

  /** A batch once it is planned; `undefined` where it is settled. @throws {RcopyError} as {@linkcode until} */
  planned(
    number: number,
    unsettled: { find(number: number): ReceiveBatch | undefined },
  ): ReceiveBatch | undefined | Promise<ReceiveBatch | undefined> {
    if (number < this.#planned) return unsettled.find(number);
    return this.until(number).then(() => unsettled.find(number));
  }

  /** The next batch is planned. */
  onPlanned(): void {
    const number = this.#planned++;
    this.#waiting.get(number)?.resolve();
    this.#waiting.delete(number);
  }

  /** No batch will come from this number on. */
  onManifestEnd(batches: number): void {
    this.#all = batches;
    for (const number of [...this.#waiting.keys()]) if (number >= batches) this.#refuse(number);
  }

  /**
   * Waits until a batch is planned, or the session has ended.
   * @throws {RcopyError} `protocol` for one that was not announced; `timeout` where the sender does not say whether it was
   */
  async until(number: number): Promise<void> {
    if (number >= this.#all) throw neverAnnounced(number);
    // A lane that begins to wait after the session has ended would wait for ever.
    if (this.#isEnded) return;
    let waiting = this.#waiting.get(number);
    if (!waiting) {
      waiting = Promise.withResolvers<void>();
      this.#waiting.set(number, waiting);
      this.#askForAnnouncements();
    }
    await waiting.promise;
  }

  /** The session has ended: every wait is over. */
  end(): void {
    this.#isEnded = true;
    this.#question.end();
    for (const { resolve } of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  /** One question at a time; a batch that is awaited meanwhile is in the next one. */
  #askForAnnouncements(): void {
    const { announced } = this.#options;
    const missing = [...this.#waiting.keys()].filter((number) => number >= announced());
    if (this.#question.isOut || this.#isEnded || missing.length === 0) return;
    this.#question.ask(() => {
      for (const number of missing) if (number >= announced()) this.#refuse(number);
      this.#askForAnnouncements();
    });
  }

  #onSilence(error: RcopyError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #refuse(number: number): void {
    this.#waiting.get(number)?.reject(neverAnnounced(number));
    this.#waiting.delete(number);
  }
}

function neverAnnounced(number: number): RcopyError {
  return new RcopyError("protocol", `the peer sent data of batch ${number}, which it never announced`);
}
