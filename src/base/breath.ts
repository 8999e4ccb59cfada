/** Letting the event loop see what has arrived, in a thread that has always something to do. */
import { setImmediate } from "node:timers";

/** How long a thread may work before it looks. */
const workMs = 8;
/**
 * The runtime asks the system for sockets that have become ready once in so many turns of its loop (tokio's
 * `event_interval` is 61), unless it has nothing to do. A turn costs 2 µs; a timer would cost 2 ms.
 */
const turns = 64;

/**
 * A loop over a connection that always has data never lets the event loop run: what is ready resolves at once. Without a
 * breath now and then, control would be read, and timers would fire, up to a second late. One a thread is enough.
 */
export class Breath {
  #since = performance.now();

  /** Lets everything else that is ready have its turn, if it is time. */
  async ifDue(): Promise<void> {
    if (performance.now() - this.#since < workMs) return;
    await this.take();
  }

  /** The same in any case. */
  async take(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
