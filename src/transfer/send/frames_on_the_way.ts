/** Frames of one data connection that were sent and of which the receiver has not said that it took them. */
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
  }

  /** The receiver has taken so many frames since the lane was opened; more than were sent counts as all. */
  onTaken(frames: number): void {
    const more = Math.min(frames - this.#taken, this.#frames.length);
    if (more <= 0) return;
    this.#taken += more;
    this.#frames.splice(0, more);
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

  /** The session has ended: neither room nor progress is waited for any more. */
  end(): void {
    this.#isEnded = true;
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
