/**
 * One data connection of a receiver. The mirror image is `send/lane.ts`.
 *  1. read    sequential  a unit into one slice, while the other may still be being written to disk
 *  2. verify  in place    extent or files against the hashes behind it
 *  3. place   batched     small files created together, extents written at their offsets
 *  4. settle  by entry    counts, tree hash, and what the sender is told
 * A unit of a batch that is not planned yet stops the reading of this connection, and of no other.
 */
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { FileWrite } from "../../io/contract/engine.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import type { Bundle, Extent, Patch, UnitHead } from "../../wire/data.ts";
import type { ArrivedUnit, ReceiveIo } from "../lane/lane_io.ts";
import type { LargeTarget } from "../target/large_file.ts";
import type { ReceiveComparison } from "./comparison.ts";
import { type LargeFiles, unexpected } from "./large_files.ts";
import { hashAt, pickHashes, sameHash } from "../../codec/hash.ts";
import { asEntryError } from "../target/errors.ts";
import type { Placement } from "../target/placement.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { entryKey } from "../session/entry_key.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** Parts and callbacks that all lanes of a session share. */
export interface ReceiveLaneOptions {
  io: ReceiveIo;
  unsettled: ReceiveUnsettled;
  placement: Placement;
  account: StageAccount;
  /** Shared by all loops of this thread. */
  eventLoopYield: EventLoopYield;
  large: LargeFiles;
  comparison: ReceiveComparison;
  /** Small files that were asked for again, and how often, by {@linkcode entryKey}. */
  resends: Map<number, number>;
  /** A batch once it is planned; `undefined` if it is settled already. Throws `protocol` for one that cannot exist. */
  plannedBatch: (number: number) => ReceiveBatch | undefined | Promise<ReceiveBatch | undefined>;
  askAgain: (batch: number, entry: number, extent: number) => void;
  /** Another unit of this connection is settled or under way, of so many content bytes. */
  onUnit: (bytes: number) => void;
  /** Content bytes that came, verified and written. */
  onPlaced: (bytes: number) => void;
  /** Those that an older version had, verified and written. */
  onMatched: (bytes: number) => void;
  /** An extent of a file of which blocks are told has come. */
  onTold: () => void;
}

/** A write to disk that has been started; `settle` follows when it is done. */
interface Writing {
  /** Waits for the write, and settles what it was for. */
  finish: () => Promise<void>;
}

/** A bundle on its way into the destination: one row a file. */
interface Placing {
  writes: FileWrite[];
  entries: number[];
  hashes: Uint8Array;
}

export class ReceiveLane {
  readonly #options: ReceiveLaneOptions;

  constructor(options: ReceiveLaneOptions) {
    this.#options = options;
  }

  /** Receives until the sender ends the connection between two units. @throws {RcopyError} `peer-lost`, `protocol`, `no-space` … */
  async run(): Promise<void> {
    const { io, eventLoopYield, onUnit } = this.#options;
    let writing: Writing | undefined;
    try {
      for (;;) {
        // The next unit arrives in the slice that is not being written.
        const reading = io.next();
        reading.catch(() => {}); // it is awaited below, unless the write fails first
        if (writing) writing = await this.#finish(writing);
        const unit = await reading;
        if (!unit) break;
        writing = await this.#take(unit);
        onUnit(unit.payloadBytes);
        await eventLoopYield.ifDue();
      }
    } finally {
      if (writing) await this.#finish(writing);
    }
  }

  async #finish(writing: Writing): Promise<undefined> {
    await writing.finish();
  }

  async #take(unit: ArrivedUnit): Promise<Writing | undefined> {
    const { message } = unit;
    const began = performance.now();
    const batch = this.#largeOf(message) ? undefined : await this.#options.plannedBatch(message.batch);
    const { account, large } = this.#options;
    const planned = account.wait("peer", began);
    const bookedMs = account.load.busyMs;
    try {
      if (message.kind === "bundle") return this.#takeBundle(message, batch, unit);
      // Another lane may have begun the file while this one waited for the batch.
      const target = this.#largeOf(message) ?? (batch && large.begin(batch, message.entry));
      if (!target || target.isEnded) return undefined;
      return message.kind === "extent"
        ? this.#takeExtent(message, target, unit)
        : this.#takePatch(message, target, unit);
    } finally {
      // An I/O in this thread has booked its own work.
      account.add("place", performance.now() - planned - (account.load.busyMs - bookedMs));
    }
  }

  #largeOf(message: UnitHead): LargeTarget | undefined {
    if (message.kind === "bundle") return undefined;
    const { large, comparison } = this.#options;
    return large.ofContent(message.batch, message.entry) ??
      comparison.beginLarge(message.batch, message.entry);
  }

  // ---- bundles

  #takeBundle(message: Bundle, batch: ReceiveBatch | undefined, unit: ArrivedUnit): Writing | undefined {
    // Settled: it has come before, over another connection, or it failed.
    if (!batch) return undefined;
    const { offsets, sizes } = this.#layOut(message, batch, unit.payloadBytes);
    const bundle: Placing = { writes: [], entries: [], hashes: unit.hashes };
    const kept: number[] = [];
    for (let i = 0; i < offsets.length; i++) {
      const entry = message.entries[i]!;
      if (batch.states[entry] === EntryState.told && !this.#options.comparison.beginSmall(batch, entry)) {
        continue;
      }
      // A file that failed, or that comes a second time over another connection, is passed over.
      if (batch.states[entry] !== EntryState.wanted) continue;
      batch.states[entry] = EntryState.placing;
      if (message.unsized) batch.setSize(entry, unit.payloadBytes);
      if (message.grown?.includes(entry)) batch.grown.add(entry);
      else batch.grown.delete(entry);
      kept.push(i);
      const directory = batch.directoryOf(entry);
      this.#options.placement.willWrite(directory);
      bundle.entries.push(entry);
      bundle.writes.push({
        directory: directory.handle!,
        name: batch.name(entry),
        atOnce: directory.origin === "fresh",
        replaces: batch.replaces.get(entry),
        mode: batch.mode(entry),
        mtime: batch.mtime(entry),
        offset: offsets[i]!,
        size: sizes[i]!,
      });
    }
    if (kept.length < offsets.length) bundle.hashes = pickHashes(unit.hashes, kept);
    const pending = unit.placeFiles(bundle.writes, bundle.hashes);
    return { finish: async () => this.#settleBundle(batch, bundle, await pending.finish()) };
  }

  /** Where each file of a bundle lies. @throws {RcopyError} `protocol` when entries or sizes are not the manifest's */
  #layOut(
    message: Bundle,
    batch: ReceiveBatch,
    payloadBytes: number,
  ): { offsets: number[]; sizes: number[] } {
    const offsets: number[] = [];
    const sizes: number[] = [];
    let offset = 0;
    for (const entry of message.entries) {
      if (entry >= batch.count) throw unexpected(batch.number, entry, "which it does not have");
      const said = batch.size(entry);
      const state = batch.states[entry];
      if (batch.kind(entry) !== EntryKind.file || said > extentBytes) {
        throw unexpected(batch.number, entry, "which is no small file");
      }
      if (state === EntryState.announced || state === EntryState.skipped) {
        throw unexpected(batch.number, entry, "which is not wanted");
      }
      if (state === EntryState.compared) {
        throw unexpected(batch.number, entry, "of which it has not been told what is there");
      }
      const size = message.unsized ? payloadBytes : said;
      offsets.push(offset);
      sizes.push(size);
      offset += size;
    }
    if (offset !== payloadBytes) {
      throw new RcopyError("protocol", `a bundle has ${payloadBytes} bytes where its files have ${offset}`);
    }
    return { offsets, sizes };
  }

  #corruptSmall(batch: ReceiveBatch, entry: number): void {
    const { resends, unsettled, askAgain } = this.#options;
    const key = entryKey(batch.number, entry);
    const times = (resends.get(key) ?? 0) + 1;
    if (times > resendsMax) {
      resends.delete(key);
      unsettled.fail(batch, entry, corrupt());
      return;
    }
    resends.set(key, times);
    batch.states[entry] = EntryState.wanted;
    askAgain(batch.number, entry, 0);
  }

  #settleBundle(batch: ReceiveBatch, done: Placing, sound: Uint8Array): void {
    const { placement, unsettled, onPlaced } = this.#options;
    for (const [i, write] of done.writes.entries()) {
      const entry = done.entries[i]!;
      if (!sound[i]) {
        if (batch.states[entry] === EntryState.placing) this.#corruptSmall(batch, entry);
        continue;
      }
      if (batch.states[entry] !== EntryState.placing) continue;
      const directory = batch.directoryOf(entry);
      if (write.error?.code === "exists" && placement.isThereAlready(directory, write.name, write)) {
        unsettled.keep(batch, entry);
        continue;
      }
      if (write.error) {
        unsettled.fail(batch, entry, asEntryError(write.error, directory));
        continue;
      }
      placement.hasPlaced(directory, write.name);
      onPlaced(write.size);
      unsettled.place(batch, entry, hashAt(done.hashes, i), write.lacks ?? 0);
    }
  }

  // ---- extents

  #takeExtent({ index }: Extent, target: LargeTarget, unit: ArrivedUnit): Writing | undefined {
    const { large, onPlaced } = this.#options;
    target.check(index, unit.payloadBytes);
    if (target.has(index)) return undefined;
    const { hash } = unit;
    if (!hash || !sameHash(hash, unit.hashes)) return this.#corruptExtent(target, index);
    const pending = target.write(index, (file, offset) => unit.writeExtent(file, offset));
    if (target.basis) this.#options.onTold();
    return {
      finish: async () => {
        try {
          await pending.finish();
        } catch (error) {
          large.fail(target, asEntryError(error, target.held.directory));
        }
        target.written(index, hash);
        if (target.isEnded) return;
        onPlaced(unit.payloadBytes);
        large.finishIfWhole(target);
      },
    };
  }

  #takePatch({ index, blocks }: Patch, target: LargeTarget, unit: ArrivedUnit): Writing | undefined {
    const { large, onPlaced, onMatched } = this.#options;
    const { payloadBytes, hashes } = unit;
    target.checkPatch(index, blocks, payloadBytes);
    if (target.has(index)) return undefined;
    const bytes = target.bytesOf(index);
    const basis = target.basis!;
    const pending = target.write(
      index,
      (file, offset) => unit.patchExtent({ basis, file, offset, bytes, blocks }),
    );
    this.#options.onTold();
    return {
      finish: async () => {
        let isSound = true;
        try {
          isSound = await pending.finish();
        } catch (error) {
          large.fail(target, asEntryError(error, target.held.directory));
        }
        if (!isSound) {
          target.notWritten(index);
          if (!target.isEnded) this.#corruptExtent(target, index);
          return;
        }
        target.written(index, hashes);
        if (target.isEnded) return;
        onPlaced(payloadBytes);
        onMatched(bytes - payloadBytes);
        large.finishIfWhole(target);
      },
    };
  }

  /** Asks for an extent again, which then comes whole, unless that has been done often enough. */
  #corruptExtent(target: LargeTarget, index: number): undefined {
    const { askAgain, large } = this.#options;
    if (target.mayAskAgain(index)) askAgain(target.held.batch, target.held.entry, index);
    else large.fail(target, corrupt());
  }
}

function corrupt(): RcopyError {
  return new RcopyError(
    "corrupt",
    `arrived damaged ${resendsMax + 1} times; check memory and network of both machines`,
  );
}
