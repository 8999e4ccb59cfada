/** The loops of one session: the first that ends or fails ends all, and nothing is left running. */
import { settlesWithin } from "../../base/deadline.ts";
import { asRcopyError, type RcopyError } from "../../base/errors.ts";
import { closeAfter, closeOf } from "../../meet/farewell.ts";
import type { LaneConnection } from "../../net/channel.ts";
import type { Close } from "../../wire/closing.ts";
import type { Control } from "./control.ts";

/**
 * A data connection that breaks waits this long before it ends the session: the peer that closed it may have said why on
 * control.
 */
const reasonMs = 500;

/** The end of a session: the first error, if there was one, and the last message for the peer, if there is one. */
export interface SessionEnd {
  error?: RcopyError;
  close?: Close;
}

export class SessionTasks {
  readonly #control: Control;
  readonly #lanes: LaneConnection[] = [];
  #lanesAlive = 0;
  /** A data connection broke, and so many others are left. */
  onLaneLost: (error: RcopyError, others: number) => void = () => {};
  readonly #running = new Set<Promise<void>>();
  readonly #end = Promise.withResolvers<SessionEnd>();
  readonly #stopListening: () => void;
  #hasEnded = false;

  /** An abort of `signal` fails the session with the signal's reason. */
  constructor(control: Control, signal: AbortSignal) {
    this.#control = control;
    const onAbort = () => this.fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Runs a loop of the session; what it throws fails the session. */
  start(loop: () => Promise<void>): void {
    const task = (async () => {
      try {
        await loop();
      } catch (thrown) {
        this.fail(thrown);
      }
    })();
    this.#running.add(task);
    task.finally(() => this.#running.delete(task));
  }

  /**
   * Runs the loop of a data connection. If that connection breaks, the session goes on over the others; if it was the
   * last, control gets a moment to bring the reason, or the peer to open another.
   */
  startLane(lane: LaneConnection, loop: () => Promise<void>): void {
    this.#lanes.push(lane);
    this.#lanesAlive++;
    this.start(async () => {
      try {
        await loop();
        this.#lanesAlive--;
      } catch (thrown) {
        this.#lanesAlive--;
        const error = asRcopyError(thrown);
        if (error.code !== "peer-lost") throw error;
        lane.close();
        if (this.#lanesAlive === 0) {
          await settlesWithin(this.#end.promise, reasonMs);
          // Another one may have been opened meanwhile.
          if (this.#lanesAlive === 0) throw error;
        }
        await this.#noteLost(error, this.#lanesAlive);
      }
    });
  }

  /** A peer that ends a session closes all of its connections: that is no loss to tell of. */
  async #noteLost(error: RcopyError, others: number): Promise<void> {
    if (this.#hasEnded) return;
    const hasEnded = await settlesWithin(this.#end.promise, reasonMs);
    if (hasEnded && (await this.#end.promise).error) return;
    this.onLaneLost(error, others);
  }

  /** Data connections that work. */
  get lanesAlive(): number {
    return this.#lanesAlive;
  }

  /** Data connections of the session so far, those that were lost among them. */
  get lanes(): readonly LaneConnection[] {
    return this.#lanes;
  }

  /** Ends the session; only the first end counts. */
  end(end: SessionEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#end.resolve(end);
  }

  fail(thrown: unknown): void {
    const error = asRcopyError(thrown);
    if (error.code === "peer-lost") this.end({ error });
    else this.end({ error, close: closeOf(error) });
  }

  ended(): Promise<SessionEnd> {
    return this.#end.promise;
  }

  /** Tells the peer, closes every connection and waits for every loop. Bounded in time; throws nothing. */
  async close(end: SessionEnd): Promise<void> {
    this.#stopListening();
    const { channel } = this.#control;
    if (end.error) { for (const lane of this.#lanes) lane.close(); }
    if (end.close) {
      this.#control.send(end.close);
      await closeAfter(channel, this.#control.flushed());
    } else channel.close();
    for (const lane of this.#lanes) lane.close();
    await Promise.all(this.#running);
  }
}
