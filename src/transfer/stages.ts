/** Where the time of a transfer goes, stage by stage. */
import type { Pending } from "../io/engine.ts";
import type { Bottleneck } from "./events.ts";

/** Stages of either end: what the one thread was doing, or waiting for. */
export type Stage = "scan" | "read" | "hash" | "network" | "place" | "peer";

const bottleneckOfStage = {
  scan: "scan",
  read: "disk read",
  hash: "codec",
  network: "network",
  place: "disk write",
  peer: "peer",
} as const satisfies Record<Stage, Bottleneck>;

/** Milliseconds per stage. */
export type StageTimes = Record<Stage, number>;

/** Adds up the time of each stage; a handful of clock readings per frame, none per file. */
export class StageAccount {
  readonly total: StageTimes = { scan: 0, read: 0, hash: 0, network: 0, place: 0, peer: 0 };
  #busyMs = 0;
  #waitingMs = 0;
  #before: StageTimes = { ...this.total };

  /** Books the time since `since` (from `performance.now()`) and returns the present time. */
  book(stage: Stage, since: number): number {
    const now = performance.now();
    this.total[stage] += now - since;
    if (stage === "network" || stage === "peer") this.#waitingMs += now - since;
    else this.#busyMs += now - since;
    return now;
  }

  /** Finishes what was started, books the wait, and goes on with what follows; at once where it is done already. */
  finish<T, R>(stage: Stage, pending: Pending<T>, next: (value: T) => R): R | Promise<R> {
    const began = performance.now();
    const value = pending.finish();
    if (!(value instanceof Promise)) {
      this.book(stage, began);
      return next(value);
    }
    return value.then((late) => {
      this.book(stage, began);
      return next(late);
    });
  }

  /** All that has been booked since the last take, which is then forgotten. */
  take(): StageTimes {
    const taken = { ...this.total };
    for (const stage of Object.keys(taken) as Stage[]) this.total[stage] = 0;
    return taken;
  }

  /** Adds what another thread has booked. */
  add(times: StageTimes): void {
    for (const stage of Object.keys(times) as Stage[]) this.total[stage] += times[stage];
  }

  /** How long this thread has worked, and its lanes have waited: sums over the lanes. */
  get load(): { busyMs: number; waitingMs: number } {
    return { busyMs: this.#busyMs, waitingMs: this.#waitingMs };
  }

  /** All stages in a line, for logs. */
  describe(): string {
    const parts = (Object.keys(this.total) as Stage[]).map((stage) =>
      `${stage} ${Math.round(this.total[stage])} ms`
    );
    return `time by stage: ${parts.join(", ")}`;
  }

  /** The stage that took most of the time since the last call, if any took a noticeable part. */
  bottleneck(): Bottleneck | undefined {
    let most: Stage | undefined;
    let mostMs = 5;
    for (const stage of Object.keys(this.total) as Stage[]) {
      const spentMs = this.total[stage] - this.#before[stage];
      if (spentMs > mostMs) {
        most = stage;
        mostMs = spentMs;
      }
    }
    this.#before = { ...this.total };
    return most && bottleneckOfStage[most];
  }
}
