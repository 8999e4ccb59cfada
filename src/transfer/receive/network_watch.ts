/** Whether the network holds a session back, so that it pays to read what is there already: decided by the account of the time. */
import type { SessionCounts } from "../session/counts.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** Time over which is looked: what takes less is over before it could be told. */
const periodMs = 1_000;
/** Part of the time of all lanes in which they wait for the network. */
const waitingShare = 0.9;
/** Bytes a millisecond of a network that is never waited for less: beyond it, reading and hashing twice at both ends costs as much. */
const rateMax = 150_000;
/** What is there must be read this much faster than new content comes. */
const readFactor = 2;

export class NetworkWatch {
  readonly #account: Pick<StageAccount, "times">;
  readonly #counts: Pick<SessionCounts, "bytesDone" | "bytesMatched">;
  readonly #now: () => number;
  #before: { at: number; bytes: number; matched: number; waitingMs: number; allMs: number } | undefined;
  /** Content bytes a millisecond that came in the last period; `undefined` where something else than the network held them back. */
  #rate: number | undefined;

  constructor(
    account: Pick<StageAccount, "times">,
    counts: Pick<SessionCounts, "bytesDone" | "bytesMatched">,
    now = () => performance.now(),
  ) {
    this.#account = account;
    this.#counts = counts;
    this.#now = now;
  }

  /** The network holds the session back. */
  get isSlow(): boolean {
    return this.#rate !== undefined;
  }

  /** Looks at the account, some times a second. */
  look(): void {
    const at = this.#now();
    if (this.#before && at - this.#before.at < periodMs) return;
    const { bytesDone, bytesMatched } = this.#counts;
    let allMs = 0;
    for (const [stage, { busyMs, waitingMs }] of Object.entries(this.#account.times)) {
      if (stage !== "peer") allMs += busyMs + waitingMs;
    }
    const before = this.#before;
    const { waitingMs } = this.#account.times.network;
    const now = { at, bytes: bytesDone - bytesMatched, matched: bytesMatched, waitingMs, allMs };
    this.#before = now;
    // Where nothing came, nothing is known of the network; and where something was matched, it has less to do for that.
    if (!before || now.bytes === before.bytes || now.matched > before.matched) return;
    const share = (now.waitingMs - before.waitingMs) / (now.allMs - before.allMs);
    const rate = (now.bytes - before.bytes) / (at - before.at);
    this.#rate = share >= waitingShare && rate <= rateMax ? rate : undefined;
  }

  /** Whether so many bytes of what is there, read and hashed in so many milliseconds, come faster than new content. */
  isWorth(bytes: number, ms: number): boolean {
    return this.#rate !== undefined && bytes / ms >= readFactor * this.#rate;
  }
}
