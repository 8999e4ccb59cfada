/** The number of data connections that a session should have. Pure: it is told what was seen, and says how many more to ask for. */

/** One look at a session. */
export interface LaneSample {
  /** `performance.now()`. */
  now: number;
  /** Work done so far and known to be left, in bytes; a file counts as some bytes more than it has. */
  workDone: number;
  workLeft: number;
  /** The scan is not over: there is more than is known. */
  growing: boolean;
  /** Connections that work or are being opened. */
  lanes: number;
  /** Of those, the ones being opened. */
  opening: number;
  /** Milliseconds so far in which lanes waited for the network or the peer, summed over them. */
  waitingMs: number;
  /** Processors that nothing of this copy keeps busy, each for one thread more. */
  spareThreads: number;
  /** Milliseconds of a round trip. */
  roundTripMs: number;
}

/** `--streams`. */
export interface Streams {
  /** Most connections, 1 to 32. */
  limit: number;
  /** All of them at once, instead of as long as they pay. */
  isFixed: boolean;
}

/** Rates are measured for so long, and for some round trips, since that is how long a connection takes to get going. */
const windowMs = 100;
const windowRoundTrips = 3;
/** Another connection is worth it when so much time is left. */
const worthwhileMs = 250;
/** More connections must have raised the rate so much before still more are asked for. */
const paysFrom = 1.15;
/** Above this the lanes do little but wait, and many more may help; below, they work, and more help only in threads of their own. */
const mostlyWaiting = 0.7;
/** Round trips below this do not hold a connection back: a lane that waits there waits for the other end's disk or thread. */
const farFromMs = 20;
/** Between two tries to replace connections that were lost. */
const replaceMs = 1_000;

export class LaneGrowth {
  readonly #options: Streams;
  /** Since when the present number of connections has been measured. */
  #since: LaneSample | undefined;
  #rateBefore = 0;
  #wanted = 1;
  #isDone = false;
  #askedAt = -Infinity;

  constructor(options: Streams) {
    this.#options = options;
    if (options.isFixed) this.#wanted = options.limit;
  }

  /** The number of further connections to ask for. */
  more(sample: LaneSample): number {
    if (sample.lanes < this.#wanted) return this.#replace(sample);
    if (this.#options.isFixed || this.#isDone || sample.opening > 0) return 0;
    if (!this.#since || this.#since.lanes !== sample.lanes) {
      this.#since = sample;
      return 0;
    }
    const ms = sample.now - this.#since.now;
    if (ms < Math.max(windowMs, windowRoundTrips * sample.roundTripMs)) return 0;
    const rate = (sample.workDone - this.#since.workDone) / ms;
    const waiting = (sample.waitingMs - this.#since.waitingMs) / ms / sample.lanes;
    this.#since = undefined;
    if (rate < this.#rateBefore * paysFrom) {
      this.#isDone = true;
      return 0;
    }
    // Nothing has arrived yet, or little is left: look again later.
    if (rate === 0 || (!sample.growing && sample.workLeft < rate * worthwhileMs)) return 0;
    this.#rateBefore = rate;
    const isHeldBack = waiting > mostlyWaiting && sample.roundTripMs >= farFromMs;
    const more = isHeldBack ? sample.lanes * 7 : Math.min(sample.lanes, sample.spareThreads);
    return this.#ask(Math.min(more, this.#options.limit - sample.lanes), sample);
  }

  /** Connections that were lost, or did not come, are asked for again, with a pause between two requests. */
  #replace(sample: LaneSample): number {
    if (sample.now - this.#askedAt < replaceMs) return 0;
    return this.#ask(this.#wanted - sample.lanes, sample);
  }

  #ask(count: number, sample: LaneSample): number {
    if (count <= 0) return 0;
    this.#askedAt = sample.now;
    this.#wanted = sample.lanes + count;
    return count;
  }
}
