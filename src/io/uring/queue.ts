/** The ring, shared by everything that is under way at a time. */
import type { Ring } from "../../../ffi/mod.ts";
import { assert } from "../../base/errors.ts";

/** Whoever waits for completions. */
export interface Completing {
  /** `tag` is what it was claimed with; `result` below zero is a negated errno. May claim; never throws. */
  completed(result: number, tag: number): void;
}

/** Gives each completion to who waits for it, whoever reaps it. */
export class RingQueue implements Disposable {
  readonly ring: Ring;
  /** By token. It keeps those who wait reachable, and with them the memory that the kernel writes to. */
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
   * Lets the event loop run until something is complete, if anything is under way. Only one thread ever waits for the ring,
   * whoever asks meanwhile waits with it: the runtime has few threads for that, and each turn of theirs costs 50 µs.
   */
  async wait(count = 1): Promise<void> {
    this.#waitingForRing ??= this.ring.wait(count).finally(() => this.#waitingForRing = undefined);
    await this.#waitingForRing;
    this.turn();
  }

  readonly #onCompletion = (token: number, result: number): void => {
    const who = this.#waiting[token];
    assert(who !== undefined, "a completion has somebody who waits for it");
    this.#waiting[token] = undefined;
    this.#free.push(token);
    who.completed(result, this.#tags[token]!);
  };

  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
  }
}
