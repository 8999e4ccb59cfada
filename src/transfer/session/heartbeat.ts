/** The timer of a session: signs of life, the deadline for a silent peer, progress for people. */
import { RcopyError } from "../../base/errors.ts";
import { Liveness } from "./liveness.ts";

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

  constructor({ timeoutMs, bytesReceived, ping, onTick, onTimeout }: HeartbeatOptions) {
    const liveness = new Liveness({ timeoutMs, tickMs, now: performance.now() });
    this.#timer = setInterval(() => {
      const verdict = liveness.look(performance.now(), bytesReceived());
      if (verdict === "silent") return onTimeout(silence(timeoutMs));
      if (verdict === "ping") ping();
      onTick();
    }, tickMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function silence(timeoutMs: number): RcopyError {
  const message = `the peer sent nothing for ${Math.round(timeoutMs / 100) / 10} s; ` +
    "is the network up? a longer --timeout waits longer";
  return new RcopyError("timeout", message);
}
