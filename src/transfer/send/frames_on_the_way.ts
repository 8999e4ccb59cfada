/** Frames of one data connection that were sent and of which the receiver has not said that it took them. */
import { RcopyError } from "../../base/errors.ts";
import type { FramesTaken } from "../../wire/settlement.ts";
import type { SendJob } from "./plan.ts";

/** More than a receiver leaves unsaid and a network holds; a lane waits while it has as many. */
export const framesOnTheWayMax = 4096;

interface Sent {
  job: SendJob;
  /** `performance.now()` when it was queued. */
  since: number;
  /** Its job has been handed back already. */
  isHandedBack: boolean;
}

export class FramesOnTheWay {
  #frames: Sent[] = [];
  #queued = 0;
  #taken = 0;
  #progressAt = 0;
  #onRoom: (() => void) | undefined;
  #isEnded = false;

  get count(): number {
    return this.#frames.length;
  }

  push(job: SendJob): void {
    const since = performance.now();
    if (this.#frames.length === 0) this.#progressAt = since;
    this.#frames.push({ job, since, isHandedBack: false });
    this.#queued++;
  }

  /**
   * The receiver has taken so many frames since the lane was opened.
   * @throws {RcopyError} `protocol` for more than were written, and for fewer than it said before
   */
  onTaken(frames: number): void {
    if (frames > this.#queued || frames < this.#taken) {
      const known = `of which ${this.#queued} were written and ${this.#taken} taken`;
      throw new RcopyError("protocol", `the peer says that it took ${frames} frames, ${known}`);
    }
    if (frames === this.#taken) return;
    this.#frames.splice(0, frames - this.#taken);
    this.#taken = frames;
    this.#progressAt = performance.now();
    this.#onRoom?.();
  }

  /** Waits until there is room for another frame. */
  async room(): Promise<void> {
    while (this.#frames.length >= framesOnTheWayMax && !this.#isEnded) {
      await new Promise<void>((resolve) => this.#onRoom = resolve);
    }
  }

  /** Waits until the receiver has taken another frame; false once the session has ended. */
  async progress(): Promise<boolean> {
    if (!this.#isEnded) await new Promise<void>((resolve) => this.#onRoom = resolve);
    return !this.#isEnded;
  }

  /** The lane or the session has ended: nothing is waited for or handed back any more. */
  end(): void {
    this.#isEnded = true;
    this.#frames = [];
    this.#onRoom?.();
  }

  /** Whether the oldest frame has waited so long, and none was taken meanwhile; false once the session has ended. */
  isStalled(ms: number): boolean {
    const oldest = this.#frames[0];
    return !this.#isEnded && oldest !== undefined &&
      performance.now() - Math.max(oldest.since, this.#progressAt) > ms;
  }

  /** Jobs of frames that are at least so old, for another lane to send as well; each job is handed back once. */
  handBack(olderThanMs: number): SendJob[] {
    const jobs: SendJob[] = [];
    const now = performance.now();
    for (const sent of this.#frames) {
      if (sent.isHandedBack || now - sent.since < olderThanMs) continue;
      sent.isHandedBack = true;
      jobs.push(sent.job);
    }
    return jobs;
  }
}

/** What the receiver says of a lane. @throws {RcopyError} `protocol` for a lane that there was not, and as `onTaken` */
export function takenOf(lanes: ReadonlyMap<number, FramesOnTheWay>, { lane, frames }: FramesTaken): void {
  const onTheWay = lanes.get(lane);
  if (!onTheWay) {
    throw new RcopyError("protocol", `the peer took frames of data connection ${lane}, which is none`);
  }
  onTheWay.onTaken(frames);
}
