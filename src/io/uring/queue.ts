/** The ring of one engine, shared by all of its operations under way. */
import type { Ring } from "../../../ffi/mod.ts";
import { assert } from "../../base/errors.ts";

/** An object that waits for completions. */
export interface Completing {
  /** One operation is complete: `tag` is the one of its claim, `result` below zero a negated errno. May claim; never throws. */
  completed(result: number, tag: number): void;
}

/** Hands each completion to the object that waits for it, whichever object reaped it. */
export class RingQueue implements Disposable {
  readonly ring: Ring;
  /** Waiting objects by token. The array keeps them reachable, and with them the memory that the kernel writes to. */
  readonly #waiting: (Completing | undefined)[] = [];
  readonly #tags: number[] = [];
  readonly #free: number[] = [];
  #waitingForRing: Promise<void> | undefined;

  /** The ring belongs to the queue from now on. */
  constructor(ring: Ring) {
    this.ring = ring;
    ring.pin(this.#waiting);
    for (let token = ring.entries - 1; token >= 0; token -= 1) this.#free.push(token);
  }

  /** Whether another operation can be claimed. */
  get hasRoom(): boolean {
    return this.ring.room > 0 && this.#free.length > 0;
  }

  /** A token for one operation, which is encoded into the ring with it at once. */
  claim(who: Completing, tag = 0): number {
    const token = this.#free.pop();
    assert(token !== undefined, "a token is claimed only where there is room");
    this.#waiting[token] = who;
    this.#tags[token] = tag;
    return token;
  }

  /** Hands over what was claimed, and tells of all that is complete. */
  turn(): void {
    do {
      if (this.ring.prepared > 0) this.ring.submit();
      this.ring.reap(this.#onCompletion);
    } while (this.ring.prepared > 0);
  }

  /**
   * Lets the event loop run until an operation is complete, if any is under way. One thread at a time waits for the ring, and
   * every further call waits for that thread: the runtime has few such threads, and each use of one costs 50 µs.
   */
  async wait(count = 1): Promise<void> {
    this.#waitingForRing ??= this.ring.wait(count).finally(() => this.#waitingForRing = undefined);
    await this.#waitingForRing;
    this.turn();
  }

  readonly #onCompletion = (token: number, result: number): void => {
    const who = this.#waiting[token];
    assert(who !== undefined, "a completion has an object that waits for it");
    this.#waiting[token] = undefined;
    this.#free.push(token);
    who.completed(result, this.#tags[token]!);
  };

  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
  }
}
