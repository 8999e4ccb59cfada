/** Units of one data connection that were sent and of which the receiver has not said that it took them. */
import { RcopyError } from "../../base/errors.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { Taken } from "../../wire/settlement.ts";
import type { SendJob } from "./plan.ts";

/** More than a receiver leaves unsaid and a network holds; a lane waits while it has as many. */
export const unitsOnTheWayMax = 4096;

/**
 * Content on the way that keeps a connection to a peer nearby busy: what this end writes, what the receiver reads, and what
 * lies between them. More would only lie in the buffers of the systems, which may take tens of megabytes, and would travel
 * again after a kill.
 */
const windowBytesMin = 3 * extentBytes;
/** The same where other connections work while this one waits. */
const sharedWindowBytesMin = 2 * extentBytes;
/** A peer is nearby up to such a round trip: much of it may be the time in which either end was busy. */
const nearMs = 10;
/** So many times what a round trip brings is on the way to a peer far away: as much again as now, so that the rate can grow. */
const windowRoundTrips = 2;
/** Rates are measured for so long. */
const rateMs = 100;

/** A lane of which the receiver has taken nothing for so long is stalled, unless it was as slow before. */
const stallMsMin = 1_000;
/** However slow the receiver was. */
const stallMsMax = 10_000;

interface Sent {
  job: SendJob;
  /** `performance.now()` when it was queued. */
  since: number;
  /** Its job has been handed back already. */
  isHandedBack: boolean;
}

/** What a lane knows of its session. */
export interface Surroundings {
  /** Milliseconds of a round trip; `undefined` while it is not known. */
  roundTripMs: () => number | undefined;
  /** Whether other data connections work beside this one. */
  hasOthers: () => boolean;
}

const alone: Surroundings = { roundTripMs: () => undefined, hasOthers: () => false };

export class UnitsOnTheWay {
  readonly #session: Surroundings;
  #units: Sent[] = [];
  #queuedUnits = 0;
  #queuedBytes = 0;
  #takenUnits = 0;
  #takenBytes = 0;
  #progressAt = 0;
  #onRoom: (() => void) | undefined;
  #isEnded = false;
  #isLost = false;
  /** Longest time, in milliseconds, that the receiver took for a unit while others waited. */
  #slowestMs = 0;
  /** Where the measuring of the rate has begun, and the rate before, in bytes a millisecond. */
  #measured = { at: performance.now(), bytes: 0, rate: 0 };

  constructor(session = alone) {
    this.#session = session;
  }

  get count(): number {
    return this.#units.length;
  }

  /** Another unit is about to be written, of so many content bytes. */
  push(job: SendJob, bytes: number): void {
    const since = performance.now();
    if (this.#units.length === 0) this.#progressAt = since;
    this.#units.push({ job, since, isHandedBack: false });
    this.#queuedUnits++;
    this.#queuedBytes += bytes;
  }

  /**
   * The receiver has taken so many units and content bytes since the lane was opened.
   * @throws {RcopyError} `protocol` for more than were written, and for fewer than it said before
   */
  onTaken({ units, bytes }: Pick<Taken, "units" | "bytes">): void {
    if (units > this.#queuedUnits || units < this.#takenUnits) {
      const known = `of which ${this.#queuedUnits} were written and ${this.#takenUnits} taken`;
      throw new RcopyError("protocol", `the peer says that it took ${units} units, ${known}`);
    }
    if (bytes > this.#queuedBytes || bytes < this.#takenBytes) {
      const known = `of which ${this.#queuedBytes} were written and ${this.#takenBytes} taken`;
      throw new RcopyError("protocol", `the peer says that it took ${bytes} bytes of content, ${known}`);
    }
    this.#takenBytes = bytes;
    if (units === this.#takenUnits) return;
    const now = performance.now();
    this.#measure(now);
    this.#slowestMs = Math.max(this.#slowestMs, this.#waitedMs(now));
    this.#units.splice(0, units - this.#takenUnits);
    this.#takenUnits = units;
    this.#progressAt = now;
    this.#onRoom?.();
  }

  /** Waits until there is room for another unit. */
  async room(): Promise<void> {
    while (!this.#hasRoom && !this.#isEnded && !this.#isLost) {
      await new Promise<void>((resolve) => this.#onRoom = resolve);
    }
  }

  get #hasRoom(): boolean {
    if (this.#units.length >= unitsOnTheWayMax) return false;
    const { roundTripMs, hasOthers } = this.#session;
    const nearBytes = hasOthers() ? sharedWindowBytesMin : windowBytesMin;
    const farMs = Math.max(0, (roundTripMs() ?? 0) - nearMs);
    const farBytes = windowRoundTrips * this.#measured.rate * farMs;
    return this.#queuedBytes - this.#takenBytes < nearBytes + farBytes;
  }

  #measure(now: number): void {
    const { at, bytes } = this.#measured;
    const ms = now - at;
    if (ms < rateMs) return;
    this.#measured = { at: now, bytes: this.#takenBytes, rate: (this.#takenBytes - bytes) / ms };
  }

  /** Waits until the receiver has taken another unit, or {@linkcode lookAgain}; false once the session has ended. */
  async progress(): Promise<boolean> {
    if (!this.#isEnded && !this.#isLost) await new Promise<void>((resolve) => this.#onRoom = resolve);
    return !this.#isEnded;
  }

  /** Whatever waits here looks again: other lanes may have stalled, or have been lost, meanwhile. */
  lookAgain(): void {
    this.#onRoom?.();
  }

  /** The connection is lost: nothing is waited for any more. */
  lose(): void {
    this.#isLost = true;
    this.#onRoom?.();
  }

  /** Longest time, in milliseconds, that the receiver took for a unit so far. */
  get slowestMs(): number {
    return this.#slowestMs;
  }

  /** How long the oldest unit has waited since the receiver took one before it. */
  #waitedMs(now: number): number {
    const oldest = this.#units[0];
    return oldest ? now - Math.max(oldest.since, this.#progressAt) : 0;
  }

  /** The lane or the session has ended: nothing is waited for or handed back any more. */
  end(): void {
    this.#isEnded = true;
    this.#units = [];
    this.#onRoom?.();
  }

  /** Whether the oldest unit has waited so long, and none was taken meanwhile; false once the session has ended. */
  isStalled(ms: number): boolean {
    return !this.#isEnded && this.#units.length > 0 && this.#waitedMs(performance.now()) > ms;
  }

  /** Jobs of units that are at least so old, for another lane to send as well; each job is handed back once. */
  handBack(olderThanMs: number): SendJob[] {
    const jobs: SendJob[] = [];
    const now = performance.now();
    for (const sent of this.#units) {
      if (sent.isHandedBack || now - sent.since < olderThanMs) continue;
      sent.isHandedBack = true;
      jobs.push(sent.job);
    }
    return jobs;
  }
}

/**
 * Milliseconds without a unit taken after which a lane is stalled. A receiver that needs long for every unit stalls nothing: what
 * is sent to it once more makes it slower still.
 */
export function stallMsOf(lanes: Iterable<UnitsOnTheWay>): number {
  let slowestMs = 0;
  for (const lane of lanes) slowestMs = Math.max(slowestMs, lane.slowestMs);
  return Math.min(Math.max(stallMsMin, 3 * slowestMs), stallMsMax);
}

/** Takes note of units taken of any lane. @throws {RcopyError} `protocol` for a lane that there was not, and as `onTaken` */
export function takenOf(lanes: ReadonlyMap<number, UnitsOnTheWay>, taken: Taken): void {
  const onTheWay = lanes.get(taken.lane);
  if (!onTheWay) {
    throw new RcopyError("protocol", `the peer took content of data connection ${taken.lane}, which is none`);
  }
  onTheWay.onTaken(taken);
}
