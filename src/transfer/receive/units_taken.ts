/** Units and bytes that a receiver has taken of each data connection, and those that the sender has been told of. */
import { extentBytes } from "../../wire/limits.ts";
import type { Control } from "../session/control.ts";

/** The sender is told at least every so many units, or so much content; at every tick of the session besides. */
const untoldUnitsMax = 32;
const untoldBytesMax = extentBytes;
/** And so long after a unit was taken, also where ticks are late since the thread is busy. */
const untoldMsMax = 200;

interface LaneUnits {
  units: number;
  bytes: number;
  toldUnits: number;
  toldBytes: number;
  /** `performance.now()` when the oldest of what it was not told was taken. */
  untoldSince: number;
}

export class UnitsTaken {
  readonly #control: Control;
  readonly #lanes = new Map<number, LaneUnits>();
  #isEnded = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** Another unit of a lane has been taken, of so many content bytes. */
  count(lane: number, bytes: number): void {
    let taken = this.#lanes.get(lane);
    if (!taken) {
      this.#lanes.set(lane, taken = { units: 0, bytes: 0, toldUnits: 0, toldBytes: 0, untoldSince: 0 });
    }
    const now = performance.now();
    if (taken.units === taken.toldUnits) taken.untoldSince = now;
    taken.units++;
    taken.bytes += bytes;
    const isDue = taken.units - taken.toldUnits >= untoldUnitsMax ||
      taken.bytes - taken.toldBytes >= untoldBytesMax || now - taken.untoldSince >= untoldMsMax;
    if (isDue) this.#tellOf(lane, taken);
  }

  /** Tells the sender of all that it does not know of. */
  tell(): void {
    for (const [lane, taken] of this.#lanes) this.#tellOf(lane, taken);
  }

  /** Nothing may be told any more. */
  end(): void {
    this.#isEnded = true;
  }

  #tellOf(lane: number, taken: LaneUnits): void {
    const { units, bytes } = taken;
    if (this.#isEnded || units === taken.toldUnits) return;
    taken.toldUnits = units;
    taken.toldBytes = bytes;
    this.#control.send({ kind: "taken", lane, units, bytes });
  }
}
