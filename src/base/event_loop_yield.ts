/** Yielding to the event loop, for a thread that always has something to do. */

/** How long a thread may work before it yields. */
const workMs = 8;
/**
 * The runtime asks the system for sockets that have become ready once in so many turns of its loop (tokio's
 * `event_interval` is 61), unless it has nothing to do. A turn costs 2 µs; a timer would cost 2 ms.
 */
const turns = 64;

/**
 * Keeps a busy loop from starving its thread. Reads of a connection that always has data resolve at once, so that a loop
 * over them never lets the event loop run: control would be read, and timers would fire, up to a second late. A thread
 * needs one of these, shared by all its loops.
 */
export class EventLoopYield {
  #since = performance.now();

  /** Yields as {@linkcode now} does, unless the thread has yielded within the last few milliseconds. */
  async ifDue(): Promise<void> {
    if (performance.now() - this.#since < workMs) return;
    await this.now();
  }

  /** Resolves after the event loop has looked at timers and sockets; takes about 0.1 ms. */
  async now(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await new Promise<void>((resolve) => globalThis.setImmediate(resolve));
    }
    this.#since = performance.now();
  }
}
