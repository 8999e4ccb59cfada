/** Pings of both ends of a session, the pongs that answer them, and how long an answer takes. */
import { RcopyError } from "../../base/errors.ts";
import type { Ping, Pong } from "../../wire/closing.ts";
import { pingsMax } from "../../wire/limits.ts";
import type { Control } from "./control.ts";

/** Users of pings that must be answered: batches and files that are awaited, and a peer that may be gone. */
const askersMax = 3;

/** A ping that has no answer yet. */
interface Asked {
  id: number;
  /** `performance.now()`. */
  at: number;
  onPong: () => void;
}

export class Pings {
  readonly #control: Control;
  /** Of this end, oldest first. */
  readonly #asked: Asked[] = [];
  /** Pongs to the peer that may not have left, as places in the stream of control; oldest first. */
  readonly #owed: number[] = [];
  #count = 0;
  #roundTripMs: number | undefined;

  constructor(control: Control) {
    this.#control = control;
  }

  /**
   * Milliseconds of the shortest round trip so far; `undefined` before the first. The shortest is that of the network: any
   * other may have waited for a busy thread.
   */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** A sign of life. None is sent while many have no answer: places are kept for pings that must be answered. */
  beat(): void {
    if (this.#asked.length < pingsMax - askersMax) this.#send(() => {});
  }

  /** Asks for an answer; each of {@linkcode askersMax} users has at most one question out. All that the peer wrote to control before it is there by then. */
  ask(onPong: () => void): void {
    this.#send(onPong);
  }

  #send(onPong: () => void): void {
    const id = this.#count++ >>> 0;
    this.#asked.push({ id, at: performance.now(), onPong });
    this.#control.send({ kind: "ping", id });
  }

  /** Answers the peer. @throws {RcopyError} `protocol` for more pings than may be without an answer */
  onPing({ id }: Ping): void {
    while (this.#owed.length > 0 && this.#owed[0]! <= this.#control.written) this.#owed.shift();
    if (this.#owed.length === pingsMax) {
      throw new RcopyError("protocol", `the peer sent a ping while ${pingsMax} had no answer`);
    }
    this.#control.send({ kind: "pong", id });
    this.#owed.push(this.#control.queued);
  }

  /** An answer of the peer. @throws {RcopyError} `protocol` for one that was not due */
  onPong({ id }: Pong): void {
    const asked = this.#asked.shift();
    if (asked?.id !== id) throw new RcopyError("protocol", "the peer sent a pong that answers no ping");
    this.#roundTripMs = Math.min(performance.now() - asked.at, this.#roundTripMs ?? Infinity);
    asked.onPong();
  }
}
