/** Where the time of a transfer goes, stage by stage. */
import type { Pending } from "../../io/contract/engine.ts";
import type { Bottleneck, StageName, StageTimes } from "./events.ts";

const bottleneckOfStage = {
  scan: "scan",
  read: "disk read",
  hash: "codec",
  encode: "codec",
  network: "network",
  decode: "codec",
  verify: "codec",
  place: "disk write",
  peer: "peer",
} as const satisfies Record<StageName, Bottleneck>;

const names = Object.keys(bottleneckOfStage) as StageName[];

function zero(): StageTimes {
  const times: Partial<StageTimes> = {};
  for (const name of names) times[name] = { busyMs: 0, waitingMs: 0 };
  return times as StageTimes;
}

/** Adds up the time of each stage over all lanes; a handful of clock readings per frame, none per file. */
export class StageAccount {
  #total = zero();
  /** Of this thread alone. */
  #busyMs = 0;
  #waitingMs = 0;
  #before = new Map<StageName, number>();

  /** Books the time since `since` (from `performance.now()`) as work, and returns the present time. */
  book(stage: StageName, since: number): number {
    const now = performance.now();
    this.add(stage, now - since);
    return now;
  }

  /** Books the time since `since` as time in which a lane waited, and returns the present time. */
  wait(stage: StageName, since: number): number {
    const now = performance.now();
    this.#addWait(stage, now - since);
    return now;
  }

  /** Books `busyMs` of the time since `since` as work, and the rest as a wait. */
  split(stage: StageName, since: number, busyMs: number): void {
    this.add(stage, busyMs);
    this.#addWait(stage, performance.now() - since - busyMs);
  }

  /** Books so many milliseconds as work. */
  add(stage: StageName, busyMs: number): void {
    this.#total[stage].busyMs += busyMs;
    this.#busyMs += busyMs;
  }

  #addWait(stage: StageName, waitingMs: number): void {
    this.#total[stage].waitingMs += waitingMs;
    if (stage === "network" || stage === "peer") this.#waitingMs += waitingMs;
  }

  /** Finishes what was started, books the wait, and goes on with what follows; at once where it is done already. */
  finish<T, R>(stage: StageName, pending: Pending<T>, next: (value: T) => R): R | Promise<R> {
    const began = performance.now();
    const value = pending.finish();
    if (!(value instanceof Promise)) {
      this.book(stage, began);
      return next(value);
    }
    return value.then((late) => {
      this.wait(stage, began);
      return next(late);
    });
  }

  /** All that has been booked since the last take, which is then forgotten. */
  take(): StageTimes {
    const taken = this.#total;
    this.#total = zero();
    return taken;
  }

  /** Adds what another thread has booked. */
  merge(times: StageTimes): void {
    for (const name of names) {
      this.#total[name].busyMs += times[name].busyMs;
      this.#total[name].waitingMs += times[name].waitingMs;
    }
  }

  /** Time that this thread has worked, and that its lanes have waited for the network or the peer: sums over the lanes. */
  get load(): { busyMs: number; waitingMs: number } {
    return { busyMs: this.#busyMs, waitingMs: this.#waitingMs };
  }

  /** The account so far, in whole milliseconds. */
  get times(): StageTimes {
    const times = zero();
    for (const name of names) {
      times[name].busyMs = Math.round(this.#total[name].busyMs);
      times[name].waitingMs = Math.round(this.#total[name].waitingMs);
    }
    return times;
  }

  /** The stage that took most of the time since the last call, if any took a noticeable part. */
  bottleneck(): Bottleneck | undefined {
    let most: StageName | undefined;
    let mostMs = 5;
    for (const name of names) {
      const { busyMs, waitingMs } = this.#total[name];
      const spentMs = busyMs + waitingMs - (this.#before.get(name) ?? 0);
      this.#before.set(name, busyMs + waitingMs);
      if (spentMs > mostMs) {
        most = name;
        mostMs = spentMs;
      }
    }
    return most && bottleneckOfStage[most];
  }
}
