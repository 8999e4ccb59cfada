/** When the run began to write to each file system, by that system's own clock. */
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { TargetDirectory } from "./tree.ts";

/** Clocks of file systems run in steps of some milliseconds. */
const stepMs = 50;

export class WriteTimes {
  readonly #engine: Engine;
  /** By device: when, by the clock of this machine, in milliseconds. */
  readonly #began = new Map<number, number>();
  readonly #since = new Map<number, bigint>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Something is about to be written to a file system. */
  willWrite(device: number): void {
    if (!this.#began.has(device)) this.#began.set(device, Date.now());
  }

  /** A file has been written: what its file system says of the time tells how its clock differs. */
  hasWritten({ device, handle }: TargetDirectory, name: EntryName): void {
    const began = this.#began.get(device);
    if (began === undefined || this.#since.has(device)) return;
    const [found] = this.#engine.lookup(handle!, [name]);
    if (!found || found instanceof RcopyError || found.ctimeNs === 0n) return;
    const agoMs = Date.now() - began + stepMs;
    const since = found.ctimeNs - BigInt(agoMs) * 1_000_000n;
    this.#since.set(device, since);
    // Files of an overlay may have another device than their directory.
    if (!this.#since.has(found.device)) this.#since.set(found.device, since);
  }

  /** By device: a ctime, in nanoseconds, before which this run has made nothing there. */
  get since(): ReadonlyMap<number, bigint> {
    return this.#since;
  }
}
