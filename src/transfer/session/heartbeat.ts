/** What a session does at intervals: signs of life, the no-progress deadline, progress for people. */
import { RcopyError } from "../../base/errors.ts";

/** Between two looks at the counters. */
const tickMs = 200;

export interface HeartbeatOptions {
  /** Of both ends, the smaller. */
  timeoutMs: number;
  /** All bytes received from the peer so far. */
  bytesReceived: () => number;
  ping: () => void;
  onTick: () => void;
  onTimeout: (error: RcopyError) => void;
}

/** Runs from construction until it is disposed. */
export class Heartbeat implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: HeartbeatOptions) {
    let seenBytes = -1;
    let seenAt = performance.now();
    let pingedAt = seenAt;
    let tickedAt = seenAt;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A process that was stopped, or a machine that slept, looks first at what has arrived meanwhile.
      const asleep = now - tickedAt > Math.max(5 * tickMs, options.timeoutMs / 2);
      tickedAt = now;
      const bytes = options.bytesReceived();
      if (bytes !== seenBytes || asleep) {
        seenBytes = bytes;
        seenAt = now;
      } else if (now - seenAt > options.timeoutMs) {
        const message = `the peer sent nothing for ${Math.round(options.timeoutMs / 100) / 10} s; ` +
          "is the network up? a longer --timeout waits longer";
        options.onTimeout(new RcopyError("timeout", message));
        return;
      }
      if (now - pingedAt >= options.timeoutMs / 3 - tickMs / 2) {
        pingedAt = now;
        options.ping();
      }
      options.onTick();
    }, tickMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
