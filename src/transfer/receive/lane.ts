/**
 * One data connection of a receiver. The mirror image is `send/lane.ts`.
 *  1. read    sequential  a frame into one slice, while the other may still be being written to disk
 *  2. verify  in place    extent or files against the hashes of the frame
 *  3. place   batched     small files created together, extents written at their offsets
 *  4. settle  by entry    counts, tree hash, and what the sender is told
 * A frame of a batch that is not planned yet stops the reading of this connection, and of no other.
 */
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine, FileWrite } from "../../io/contract/engine.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import type { Bundle, Extent } from "../../wire/data.ts";
import type { ArrivedFrame, ReceiveIo } from "../lane/lane_io.ts";
import { LargeTarget } from "../target/large_file.ts";
import { hashAt, pickHashes, sameHash } from "../../codec/hash.ts";
import { asEntryError } from "../target/errors.ts";
import type { BuildPlace, Placement } from "../target/placement.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { entryKey } from "../session/entry_key.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** What a lane works with, shared by all lanes of a session. */
export interface ReceiveLaneOptions {
  io: ReceiveIo;
  engine: Engine;
  /** Of the session, for the hashes of large files. */
  sessionCodec: Codec;
  unsettled: ReceiveUnsettled;
  placement: Placement;
  account: StageAccount;
  /** Shared by all loops of this thread. */
  eventLoopYield: EventLoopYield;
  /** Large files under way, by {@linkcode entryKey}. */
  large: Map<number, LargeTarget>;
  /** Small files that were asked for again, and how often, by {@linkcode entryKey}. */
  resends: Map<number, number>;
  /** A batch once it is planned; `undefined` if it is settled already. Throws `protocol` for one that cannot exist. */
  plannedBatch: (number: number) => ReceiveBatch | undefined | Promise<ReceiveBatch | undefined>;
  askAgain: (batch: number, entry: number, extent: number) => void;
  /** Another frame of this connection is settled or under way. */
  onFrame: () => void;
  /** Content bytes verified and written. */
  onPlaced: (bytes: number) => void;
}

/** A write to disk that has been started; `settle` follows when it is done. */
interface Writing {
  /** Waits for the write, and settles what it was for. */
  finish: () => Promise<void>;
}

/** A bundle on its way into the destination: one row a file. */
interface Placing {
  writes: FileWrite[];
  builds: BuildPlace[];
  entries: number[];
  hashes: Uint8Array;
}

export class ReceiveLane {
  readonly #options: ReceiveLaneOptions;

  constructor(options: ReceiveLaneOptions) {
    this.#options = options;
  }

  /** Receives until the sender ends the connection between two frames. @throws {RcopyError} `peer-lost`, `protocol`, `no-space` … */
  async run(): Promise<void> {
    const { io, eventLoopYield, onFrame } = this.#options;
    let writing: Writing | undefined;
    try {
      for (;;) {
        // The next frame arrives in the slice that is not being written.
        const reading = io.next();
        reading.catch(() => {}); // it is awaited below, unless the write fails first
        if (writing) writing = await this.#finish(writing);
        const frame = await reading;
        if (!frame) break;
        writing = await this.#take(frame);
        onFrame();
        await eventLoopYield.ifDue();
      }
    } finally {
      if (writing) await this.#finish(writing);
    }
  }

  async #finish(writing: Writing): Promise<undefined> {
    await writing.finish();
  }

  async #take(frame: ArrivedFrame): Promise<Writing | undefined> {
    const { message } = frame;
    const began = performance.now();
    const batch = this.#largeOf(message) ? undefined : await this.#options.plannedBatch(message.batch);
    const { account } = this.#options;
    const planned = account.wait("peer", began);
    const bookedMs = account.load.busyMs;
    try {
      if (message.kind === "bundle") return this.#takeBundle(message, batch, frame);
      // Another lane may have begun the file while this one waited for the batch.
      return this.#takeExtent(message, this.#largeOf(message) ?? this.#newLarge(message, batch), frame);
    } finally {
      // An I/O in this thread has booked its own work.
      account.add("place", performance.now() - planned - (account.load.busyMs - bookedMs));
    }
  }

  #largeOf(message: Extent | Bundle): LargeTarget | undefined {
    if (message.kind === "bundle") return undefined;
    return this.#options.large.get(entryKey(message.batch, message.entry));
  }

  // ---- bundles

  #takeBundle(message: Bundle, batch: ReceiveBatch | undefined, frame: ArrivedFrame): Writing | undefined {
    // Settled: it has come before, over another connection, or it failed.
    if (!batch) return undefined;
    const { offsets, sizes } = this.#layOut(message, batch, frame.payloadBytes);
    const bundle: Placing = { writes: [], builds: [], entries: [], hashes: message.hashes };
    const kept: number[] = [];
    for (let i = 0; i < offsets.length; i++) {
      const entry = message.entries[i]!;
      // What failed, and what comes a second time over another connection, is passed over.
      if (batch.states[entry] !== EntryState.wanted) continue;
      batch.states[entry] = EntryState.placing;
      kept.push(i);
      const built = this.#options.placement.buildPlace(batch.directoryOf(entry), batch.name(entry));
      bundle.builds.push(built);
      bundle.entries.push(entry);
      bundle.writes.push({
        directory: built.directory,
        name: built.name,
        mode: batch.manifest.modes[entry]!,
        mtime: batch.mtime(entry),
        offset: offsets[i]!,
        size: sizes[i]!,
      });
    }
    if (kept.length < offsets.length) bundle.hashes = pickHashes(message.hashes, kept);
    const pending = frame.placeFiles(bundle.writes, bundle.hashes);
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
      const size = batch.size(entry);
      const state = batch.states[entry];
      if (batch.manifest.kinds[entry] !== EntryKind.file || size > extentBytes) {
        throw unexpected(batch.number, entry, "which is no small file");
      }
      if (state === EntryState.announced || state === EntryState.skipped) {
        throw unexpected(batch.number, entry, "which is not wanted");
      }
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
      // Its directory may have failed while it was being written.
      const isFailed = batch.states[entry] === EntryState.failed;
      if (isFailed && write.error === undefined) placement.discard(done.builds[i]!);
      if (isFailed) continue;
      try {
        if (write.error) throw write.error;
        placement.publish(done.builds[i]!, batch.directoryOf(entry), batch.name(entry));
      } catch (thrown) {
        unsettled.fail(batch, entry, asEntryError(thrown));
        continue;
      }
      onPlaced(write.size);
      unsettled.place(batch, entry, hashAt(done.hashes, i));
    }
  }

  // ---- extents

  /** The first extent of a large file: its file is created. `undefined` if it failed, now or before. */
  #newLarge(message: Extent, batch: ReceiveBatch | undefined): LargeTarget | undefined {
    // Settled: it has come before, over another connection, or it failed.
    if (!batch) return undefined;
    const { entry } = message;
    if (entry >= batch.count) throw unexpected(batch.number, entry, "which it does not have");
    if (batch.manifest.kinds[entry] !== EntryKind.file || batch.size(entry) <= extentBytes) {
      throw unexpected(batch.number, entry, "which is no large file");
    }
    const state = batch.states[entry];
    if (state !== EntryState.wanted && state !== EntryState.announced && state !== EntryState.skipped) {
      return undefined;
    }
    if (state !== EntryState.wanted) {
      throw unexpected(batch.number, entry, "which is not wanted");
    }
    const { engine, sessionCodec: codec, placement, unsettled, large } = this.#options;
    const held = unsettled.hold(batch, entry);
    try {
      const target = new LargeTarget({ engine, codec, placement, held, mtime: batch.mtime(entry) });
      large.set(entryKey(batch.number, entry), target);
      return target;
    } catch (thrown) {
      unsettled.failHeld(held, asEntryError(thrown));
      return undefined;
    } finally {
      unsettled.settleIfDone(batch);
    }
  }

  #takeExtent(message: Extent, target: LargeTarget | undefined, frame: ArrivedFrame): Writing | undefined {
    if (!target || target.isEnded) return undefined;
    const { askAgain } = this.#options;
    target.check(message, frame.payloadBytes);
    if (target.has(message.index)) {
      target.noteVerified(message);
      this.#finishLarge(target);
      return undefined;
    }
    if (!frame.hash || !sameHash(frame.hash, message.hash)) {
      if (target.mayAskAgain(message.index)) askAgain(message.batch, message.entry, message.index);
      else this.#failLarge(target, corrupt());
      return undefined;
    }
    // The message's bytes go with the slice, the settlement may come later.
    const extent = { ...message, hash: frame.hash };
    const pending = target.write(extent, (file, offset) => frame.writeExtent(file, offset));
    return {
      finish: async () => {
        try {
          await pending.finish();
        } catch (error) {
          this.#failLarge(target, asEntryError(error));
        }
        target.written(extent);
        if (target.isEnded) return;
        this.#options.onPlaced(frame.payloadBytes);
        this.#finishLarge(target);
      },
    };
  }

  #finishLarge(target: LargeTarget): void {
    if (!target.isComplete) return;
    this.#options.large.delete(entryKey(target.held.batch, target.held.entry));
    try {
      this.#options.unsettled.placeHeld(target.held, target.finish());
    } catch (thrown) {
      this.#options.unsettled.failHeld(target.held, asEntryError(thrown));
    }
  }

  #failLarge(target: LargeTarget, error: RcopyError): void {
    target.abandon(() => {
      this.#options.large.delete(entryKey(target.held.batch, target.held.entry));
      this.#options.unsettled.failHeld(target.held, error);
    });
  }
}

function corrupt(): RcopyError {
  return new RcopyError(
    "corrupt",
    `arrived damaged ${resendsMax + 1} times; check memory and network of both machines`,
  );
}

function unexpected(batch: number, entry: number, why: string): RcopyError {
  return new RcopyError("protocol", `the peer sent data of entry ${entry} of batch ${batch}, ${why}`);
}
