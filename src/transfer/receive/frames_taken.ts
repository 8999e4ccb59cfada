/** How many frames of each data connection a receiver has taken, and what the sender knows of it. */
import type { Control } from "../session/control.ts";

/** The sender is told at least every so many frames. */
const untoldFramesMax = 32;

export class TakenFrames {
  readonly #control: Control;
  readonly #lanes = new Map<number, { taken: number; told: number }>();
  #isEnded = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Another frame of a lane has been taken. */
  count(lane: number): void {
    let frames = this.#lanes.get(lane);
    if (!frames) this.#lanes.set(lane, frames = { taken: 0, told: 0 });
    frames.taken++;
    if (frames.taken - frames.told >= untoldFramesMax) this.#tellOf(lane, frames);
  }

  /** Tells the sender of all that it does not know of. */
  tell(): void {
    for (const [lane, frames] of this.#lanes) this.#tellOf(lane, frames);
  }

  /** Nothing may be told any more. */
  end(): void {
    this.#isEnded = true;
  }

  #tellOf(lane: number, frames: { taken: number; told: number }): void {
    if (this.#isEnded || frames.taken === frames.told) return;
    frames.told = frames.taken;
    this.#control.send({ kind: "framesTaken", lane, frames: frames.taken });
  }
}
