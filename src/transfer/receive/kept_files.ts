/**
 * Large files of which an earlier run left something, or of which there is an older version: looked at one after the other, beside everything else, and told to the
 * sender, which holds them until then.
 *  1. hold    the plan found a journal, or an older version; the entry is named in `Wants`
 *  2. open    its part, where few are open, and few hashes are told that the sender must keep
 *  3. look    which extents are there; what is not known to be on the disk is read and hashed
 *  4. tell    extents and hashes, in pieces, and whether an older version can serve for the rest (`basis.ts`)
 */
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { KeptHashes, type KeptPiece, KeptPieces } from "../../codec/kept_hashes.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { extentBytes, keptHashesMax } from "../../wire/limits.ts";
import type { Control } from "../session/control.ts";
import { entryKey } from "../session/entry_key.ts";
import type { ReceiveBasis } from "./basis.ts";
import { KeptExtents } from "./kept_extents.ts";
import type { LargeTarget } from "../target/large_file.ts";
import type { FoundPart } from "../target/part.ts";
import type { HeldTarget } from "../target/tree.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

/** Parts of earlier runs that are open at a time. */
const openMax = 64;
const noBytes = new Uint8Array(0);

export interface KeptFilesOptions {
  engine: Engine;
  control: Control;
  unsettled: ReceiveUnsettled;
  eventLoopYield: EventLoopYield;
  /** Runs a part of the session, which waits for it before it ends. */
  start: (work: () => Promise<void>) => void;
  /** Opens what there is of a file, or begins it anew; `undefined` where it failed. */
  resume: (held: HeldTarget) => { target: LargeTarget; found: FoundPart | undefined } | undefined;
  /** So many bytes of a file are there. */
  onKept: (bytes: number) => void;
  /** The content of what is there is compared: no journal is believed. */
  check: boolean;
  basis: Pick<ReceiveBasis, "open" | "add">;
}

/** A file that has been told of, or is about to be. */
interface Told {
  batch: number;
  /** Hashes that the sender may have to keep. */
  hashes: number;
  isSettled: boolean;
}

export class KeptFiles {
  readonly #options: KeptFilesOptions;
  #waiting: HeldTarget[] = [];
  /** Files of which the sender has not been told everything. */
  readonly #awaited = new Set<number>();
  readonly #told = new Map<number, Told>();
  #isRunning = false;
  #hasEnded = false;
  #onRoom: (() => void) | undefined;

  constructor(options: KeptFilesOptions) {
    this.#options = options;
  }

  /** Files of a batch wait to be looked at; the sender has been told that they do. */
  add(files: readonly HeldTarget[]): void {
    if (files.length === 0) return;
    for (const { batch, entry } of files) this.#awaited.add(entryKey(batch, entry));
    this.#waiting.push(...files);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#options.start(() => this.#run());
  }

  /** Whether the sender may send nothing of a file yet. */
  isAwaited(batch: number, entry: number): boolean {
    return this.#awaited.has(entryKey(batch, entry));
  }

  /** A large file is settled here. */
  settled({ batch, entry }: HeldTarget): void {
    const told = this.#told.get(entryKey(batch, entry));
    if (!told) return;
    told.isSettled = true;
    this.lookForRoom();
  }

  /** Looks whether the sender can be told of more; called some times a second as well. */
  lookForRoom(): void {
    this.#onRoom?.();
  }

  /** The session has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#waiting = [];
    this.#onRoom?.();
  }

  async #run(): Promise<void> {
    const { engine, eventLoopYield, check } = this.#options;
    using extents = new KeptExtents(engine, eventLoopYield, check);
    for (;;) {
      // The files of a batch are taken when its plan is made and told, not within that.
      await eventLoopYield.now();
      const held = this.#waiting.shift();
      if (!held || this.#hasEnded) break;
      const hashes = Math.min(Math.ceil(held.size / extentBytes), keptHashesMax);
      while (!this.#hasRoom(hashes) && !this.#hasEnded) {
        await new Promise<void>((resolve) => this.#onRoom = resolve);
      }
      if (this.#hasEnded) break;
      this.#told.set(entryKey(held.batch, held.entry), { batch: held.batch, hashes, isSettled: false });
      await this.#tell(held, extents);
    }
    this.#isRunning = false;
  }

  /** What is settled here counts until the sender knows it: until its batch is settled as well. */
  #hasRoom(hashes: number): boolean {
    const { unsettled } = this.#options;
    let open = 0;
    let sum = hashes;
    for (const [key, told] of this.#told) {
      if (told.isSettled && !unsettled.find(told.batch)) this.#told.delete(key);
      else sum += told.hashes;
      if (!told.isSettled) open++;
    }
    return open < openMax && sum <= keptHashesMax;
  }

  async #tell(held: HeldTarget, extents: KeptExtents): Promise<void> {
    const { control, unsettled, onKept, check } = this.#options;
    const { batch, entry } = held;
    const resumed = this.#options.resume(held);
    if (!resumed) return this.#dismiss(held);
    const { target, found } = resumed;
    // Settlements that made room are told before what takes it.
    unsettled.flush();
    const kept = new KeptHashes(target.extents);
    let last: KeptPiece | undefined;
    const pieces = new KeptPieces((piece) => {
      kept.add(piece);
      if (last) control.send({ kind: "kept", batch, entry, ...last, more: true });
      last = piece;
    });
    let count = 0;
    if (found) {
      await extents.find(found, held, (index, hash) => {
        if (this.#hasEnded || target.isEnded) return false;
        pieces.add(index, hash);
        return ++count < keptHashesMax;
      });
    }
    pieces.flush();
    if (this.#hasEnded) return;
    if (target.isEnded) return this.#dismiss(held);
    this.#awaited.delete(entryKey(batch, entry));
    target.keep(kept);
    if (check && kept.count > 0) held.isCompared = true;
    onKept(target.keptBytes);
    this.#tellLast(target, last);
    await control.flushed();
  }

  /** A file has been begun anew, since the sender has another one: nothing of it is kept. */
  tellNothing(target: LargeTarget): void {
    this.#tellLast(target);
  }

  #tellLast(target: LargeTarget, last?: KeptPiece): void {
    const { batch, entry } = target.held;
    const { basis, control } = this.#options;
    const piece = last ?? { first: 0, bitmap: noBytes, hashes: noBytes };
    const hasBasis = basis.open(target);
    control.send({ kind: "kept", batch, entry, ...piece, more: false, basis: hasBasis });
    if (hasBasis) basis.add(target);
  }

  /** A file has failed: the sender hears that, and no more. */
  #dismiss({ batch, entry }: HeldTarget): void {
    this.#awaited.delete(entryKey(batch, entry));
    this.#told.delete(entryKey(batch, entry));
  }
}
