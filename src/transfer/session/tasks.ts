/** The loops of one session: the first that ends or fails ends all, and nothing is left running. */
import { settlesWithin } from "../../base/deadline.ts";
import { pause } from "../../base/pause.ts";
import { asRcopyError, type ErrorCode, type RcopyError } from "../../base/errors.ts";
import { closeAfter, closeOf } from "../../meet/farewell.ts";
import type { LaneConnection } from "../../net/channel.ts";
import type { Close } from "../../wire/closing.ts";
import type { Control } from "./control.ts";

/**
 * A data connection that breaks waits this long before it ends the session: the peer that closed it may have said why on
 * control.
 */
const reasonMs = 500;

/** A session is over with these while its data connections may still bring what the peer had written before. */
const lossCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["peer-lost", "timeout", "peer-ended"]);
/** What has arrived is taken as long as more of it comes within this time, */
const restQuietMs = 50;
/** and so long at most: the peer may be back already. */
const restMs = 1_000;

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

  /** Lets the loops of data connections take what the system has of them: it would have to travel again. */
  async #takeRest(): Promise<void> {
    const began = performance.now();
    let read = -1;
    while (this.#lanesAlive > 0 && performance.now() - began < restMs) {
      const before = read;
      read = this.#lanes.reduce((sum, lane) => sum + lane.bytesRead, 0);
      if (read === before) return;
      await pause(restQuietMs);
    }
  }

  /**
   * Tells the peer, closes every connection and waits for every loop. Bounded in time; throws nothing.
   * `takesRest`: where the peer was lost, its data connections are read to the end first.
   */
  async close(end: SessionEnd, { takesRest = false } = {}): Promise<void> {
    this.#stopListening();
    const { channel } = this.#control;
    if (!end.close) channel.close(); // the peer writes nothing more then
    if (takesRest && end.error && lossCodes.has(end.error.code)) await this.#takeRest();
    if (end.error) { for (const lane of this.#lanes) lane.close(); }
    if (end.close) {
      this.#control.send(end.close);
      await closeAfter(channel, this.#control.flushed());
    }
    for (const lane of this.#lanes) lane.close();
    await Promise.all(this.#running);
  }
}
