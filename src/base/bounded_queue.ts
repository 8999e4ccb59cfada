/** A first-in first-out queue between one producer and one consumer, with a bound that is an invariant. */
import { assert } from "./errors.ts";

/**
 * The producer must know that there is room (credit, a window): a `push` beyond
 * `capacity` is a broken invariant, not back-pressure.
 */
export class BoundedQueue<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #head = 0;
  #waiting: ((item: T | undefined) => void) | undefined;
  #ended = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    assert(!this.#ended, "push to a queue that has ended");
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting(item);
      return;
    }
    assert(this.size < this.#capacity, "queue within its capacity");
    this.#items.push(item);
  }

  /** No more items will come; a waiting or later `next` on an empty queue gives `undefined`. */
  end(): void {
    this.#ended = true;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }

  /** The oldest item; waits for one; `undefined` once the queue has ended and is empty. */
  next(): T | undefined | Promise<T | undefined> {
    if (this.size > 0) {
      const item = this.#items[this.#head]!;
      this.#items[this.#head++] = undefined as T;
      if (this.#head > 64 && this.#head * 2 > this.#items.length) {
        this.#items = this.#items.slice(this.#head);
        this.#head = 0;
      }
      return item;
    }
    if (this.#ended) return undefined;
    assert(!this.#waiting, "one consumer at a time");
    return new Promise((resolve) => this.#waiting = resolve);
  }
}
