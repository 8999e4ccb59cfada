/** Whether the peer is alive: decided from the bytes that have arrived and a clock that is handed in. Pure. */

export interface LivenessOptions {
  /** Milliseconds without a byte of the peer after which it is lost. */
  timeoutMs: number;
  /** Milliseconds between two looks; a look that is much later than that follows a sleep of this process. */
  tickMs: number;
  /** Time of the beginning, as `performance.now()` gives it. */
  now: number;
}

/** `silent`: nothing came for the whole of the timeout. `ping`: a sign of life of this end is due. */
export type LivenessVerdict = "alive" | "ping" | "silent";

export class Liveness {
  readonly #options: LivenessOptions;
  #seenBytes = -1;
  #seenAt: number;
  #pingedAt: number;
  #lookedAt: number;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#seenAt = this.#pingedAt = this.#lookedAt = options.now;
  }

  /** One look, at a time that is not before that of the last: `bytes` is all that the peer has sent so far. */
  look(now: number, bytes: number): LivenessVerdict {
    const { timeoutMs, tickMs } = this.#options;
    // A process that was stopped, or a machine that slept, looks first at what has arrived meanwhile.
    const wasAsleep = now - this.#lookedAt > Math.max(5 * tickMs, timeoutMs / 2);
    this.#lookedAt = now;
    if (bytes !== this.#seenBytes || wasAsleep) {
      this.#seenBytes = bytes;
      this.#seenAt = now;
    } else if (now - this.#seenAt > timeoutMs) {
      return "silent";
    }
    if (now - this.#pingedAt < timeoutMs / 3 - tickMs / 2) return "alive";
    this.#pingedAt = now;
    return "ping";
  }
}
