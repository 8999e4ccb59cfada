/**
 * One data connection of a sender. The mirror image is `receive/lane.ts`.
 *  1. take   sequential  next job from the plan
 *  2. read   batched     into one slice while the other is still being written; hashed in place (`SendIo`)
 *  3. note   by entry    states and entry hashes, before the unit can have arrived anywhere
 *  4. write  sequential  the frames of a unit leave the slice, in one write where they can (`SendIo`)
 */
import { RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { FileRead, Pending } from "../../io/contract/engine.ts";
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { bytesOfBlocks } from "../../codec/blocks.ts";
import { hashAt, sameHash } from "../../codec/hash.ts";
import { extentBytes, hashBytes } from "../../wire/limits.ts";
import type { Bundle, ExtentHead } from "../../wire/data.ts";
import type { EntryHasher } from "../../codec/entry_hash.ts";
import type { ExtentRead, SendIo, SentUnit, Turn } from "../lane/lane_io.ts";
import { type Surroundings, UnitsOnTheWay } from "./units_on_the_way.ts";
import { type SendBatch, SendState } from "../source/batch.ts";
import type { LargeSource } from "../source/large_file.ts";
import type { PathPrefixes } from "../../entry/path_prefixes.ts";
import type { SendComparison } from "./comparison.ts";
import type { CompareJob } from "./comparison_queue.ts";
import type { BundleJob, ExtentJob, SendJob, SendPlan } from "./plan.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** Parts and callbacks of a lane. */
export interface SendLaneOptions {
  io: SendIo;
  plan: SendPlan;
  /** What lanes read for it is not sent. */
  comparison: Pick<SendComparison, "filesRead" | "extentRead">;
  hasher: EntryHasher;
  prefixes: PathPrefixes;
  account: StageAccount;
  /** Shared by all loops of this thread. */
  eventLoopYield: EventLoopYield;
  /** A file that could not be read as the scan saw it. */
  onFailed: (batch: SendBatch, entry: number, error: RcopyError) => void;
  /** Every extent of a large file is known, and the file was found unchanged then. */
  onVerified: (source: LargeSource) => void;
  /** A file has more bytes now than it had at the scan, which are sent. */
  onGrown: (batch: SendBatch, entry: number, size: number) => void;
  /** Whether another lane takes what this one should not: its own units are stalled. */
  mustLeaveToOthers: () => boolean;
  surroundings: Surroundings;
  /** Content bytes given to the connection, or found in what the receiver has. */
  onSent: (bytes: number) => void;
  /** So many more content bytes need not be sent, since the receiver has them in an older version. */
  onMatched: (bytes: number) => void;
  /** The lane has taken a job, has begun to wait, or has ended. */
  onBusyChanged: () => void;
}

/** A job whose read has been started into a slice. */
interface Reading {
  job: SendJob | CompareJob;
  pending: Pending<Uint8Array> | Pending<ExtentRead>;
  reads: FileRead[];
}

export class SendLane {
  readonly onTheWay: UnitsOnTheWay;
  readonly #options: SendLaneOptions;
  /** The last write from each slice. */
  readonly #writes: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  /** Whether the last write from each slice is still under way. */
  readonly #isWriting: [boolean, boolean] = [false, false];
  #hasJob = false;
  /** What ended the connection, once it is known. */
  #broken: RcopyError | undefined;

  constructor(options: SendLaneOptions) {
    this.#options = options;
    this.onTheWay = new UnitsOnTheWay(options.surroundings);
  }

  /** Whether the lane works in the main thread, and waits neither for the network nor for a job. */
  get isBusy(): boolean {
    return this.#hasJob && this.#options.io.isInMainThread;
  }

  /**
   * Sends until the plan has ended. Where the connection breaks, what may not have arrived goes back to the plan.
   * @throws {RcopyError} `peer-lost`
   */
  async run(): Promise<void> {
    const { io, plan } = this.#options;
    let isOver = false;
    void io.broken.then((error) => {
      if (isOver) return;
      this.#broken = error;
      this.onTheWay.lose();
      plan.wake();
    });
    try {
      await this.#run();
    } catch (error) {
      plan.handBack(this.onTheWay.handBack(0));
      // A write that failed since the connection was closed for it tells less.
      throw this.#broken ?? error;
    } finally {
      isOver = true;
      this.#idle();
    }
  }

  async #run(): Promise<void> {
    const { plan, account, eventLoopYield, io, mustLeaveToOthers } = this.#options;
    for (let turn: Turn = 0;;) {
      // The units that are stalled here are sent by other lanes, and must not come back to this one.
      while (mustLeaveToOthers()) {
        if (!await this.onTheWay.progress()) return;
        if (this.#broken) throw this.#broken;
      }
      // A job is taken only when there is room for it: a stalled lane keeps no job that another could send.
      await this.#sliceFree(turn);
      await this.onTheWay.room();
      if (this.#broken) throw this.#broken;
      const job = plan.take(io.directoriesMax);
      if (!job) {
        await this.#sliceFree(turn === 0 ? 1 : 0);
        this.#idle();
        const began = performance.now();
        const more = await plan.wait();
        account.wait("peer", began);
        if (!more) return;
        continue;
      }
      this.#hasJob = true;
      this.#options.onBusyChanged();
      const reading = this.#start(job, turn);
      const unit = reading && await this.#complete(reading);
      if (!unit || isComparison(job)) {
        // Where a read ends within its call, nothing else has had its turn.
        await eventLoopYield.ifDue();
        continue;
      }
      this.onTheWay.push(job, unit.payloadBytes);
      this.#write(turn, unit);
      await eventLoopYield.ifDue();
      turn = turn === 0 ? 1 : 0;
    }
  }

  /** Waits until what a slice holds has been given to the connection. */
  async #sliceFree(turn: Turn): Promise<void> {
    const began = performance.now();
    if (this.#isWriting[turn]) this.#idle();
    await this.#writes[turn];
    this.#options.account.wait("network", began);
  }

  /** The lane waits: the scan may have the thread. */
  #idle(): void {
    this.#hasJob = false;
    this.#options.onBusyChanged();
  }

  #write(turn: Turn, unit: SentUnit): void {
    const { io, onSent } = this.#options;
    this.#isWriting[turn] = true;
    const write = io.write(turn, unit).then(() => {
      this.#isWriting[turn] = false;
      onSent(unit.payloadBytes);
    });
    write.catch(() => {}); // it is awaited before the slice is used again
    this.#writes[turn] = write;
  }

  /** Starts to read a job into a slice; `undefined` when the file cannot be opened, which has been reported. */
  #start(job: SendJob | CompareJob, turn: Turn): Reading | undefined {
    const { io, onFailed } = this.#options;
    if (job.of === "bundle" || job.of === "compareFiles") {
      if (job.batch.isSettled) return undefined;
      const reads = this.#readsOf(job);
      return { job, pending: io.readFiles(turn, reads), reads };
    }
    const { source, index } = job;
    if (source.failure || source.isSettled) return undefined;
    try {
      const bytes = source.bytesOf(index);
      const there = job.of === "extent" ? job.there : undefined;
      const range = { offset: index * extentBytes, bytes, there };
      const pending = source.reading((file) => io.readExtent(turn, file, range));
      return { job, pending, reads: [] };
    } catch (error) {
      onFailed(source.batch, source.entry, source.fail(error));
      return undefined;
    }
  }

  #readsOf({ batch, entries, isUnsized }: Pick<BundleJob, "batch" | "entries" | "isUnsized">): FileRead[] {
    const reads: FileRead[] = [];
    for (const entry of entries) {
      const expected = batch.columns.identity(entry);
      const directory = batch.directoryOf(entry).handle;
      const bytesMax = isUnsized ? extentBytes : undefined;
      reads.push({ directory, name: batch.nameOnDisk(entry), expected, offset: 0, bytesMax });
    }
    return reads;
  }

  /** Waits for the read and takes note of it; `undefined` when nothing is left to send. */
  async #complete({ job, pending, reads }: Reading): Promise<SentUnit | undefined> {
    const { comparison } = this.#options;
    if (job.of === "bundle" || job.of === "compareFiles") {
      const hashes = await (pending as Pending<Uint8Array>).finish();
      if (job.of === "bundle") return this.#bundle(job, reads, hashes);
      comparison.filesRead(job, reads, hashes);
      return undefined;
    }
    try {
      const read = await (pending as Pending<ExtentRead>).finish();
      if (job.of === "extent") return this.#extent(job, read);
      comparison.extentRead(job, read.hash);
      return undefined;
    } catch (error) {
      if (!job.source.failure) {
        this.#options.onFailed(job.source.batch, job.source.entry, job.source.fail(error));
      }
      return undefined;
    }
  }

  #bundle(job: BundleJob, reads: FileRead[], hashes: Uint8Array): SentUnit | undefined {
    // A batch of which something is sent again may have been settled meanwhile, and its directories closed.
    if (job.batch.isSettled) return undefined;
    const kept = this.#keptOf(job, reads);
    const { batch, entries, isUnsized } = job;
    if (entries.length === 0) return undefined;
    if (isUnsized && !this.#measure(job, kept[0]!, hashes)) return undefined;
    const { hasher, prefixes, onGrown } = this.#options;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      batch.states[entry] = SendState.sent;
      hasher.hash(
        {
          kind: EntryKind.file,
          mode: batch.columns.modes[entry]!,
          size: batch.sizeOf(entry),
          content: hashAt(hashes, i),
          mtime: batch.columns.mtime(entry),
          prefix: prefixes.of(batch.directoryOf(entry)),
          name: batch.columns.name(entry),
        },
        batch.hashes,
        entry * hashBytes,
      );
    }
    const grown = kept.flatMap(({ grownTo }, i) => grownTo === undefined ? [] : [i]);
    for (const i of grown) onGrown(batch, entries[i]!, kept[i]!.grownTo!);
    const message: Bundle = { kind: "bundle", batch: batch.number, entries: Uint32Array.from(entries) };
    if (isUnsized) message.unsized = true;
    if (grown.length > 0) message.grown = Uint32Array.from(grown, (i) => entries[i]!);
    return { message, payloadBytes: job.bytes, hashes };
  }

  /**
   * Takes note of the size of a file that says another one. What is sent a second time must be what was sent first, since nobody
   * knows which of the two has arrived.
   * @returns false where it is not, which has been reported
   */
  #measure(job: BundleJob, { bytesRead, directory, name }: FileRead, hashes: Uint8Array): boolean {
    const { batch } = job;
    const entry = job.entries[0]!;
    const before = batch.measuredHashes.get(entry);
    if (before && !sameHash(before, hashes)) {
      const where = `"${showName(name)}" in ${directory.shown}`;
      const message = `${where} had other content when it was to be sent again`;
      this.#options.onFailed(batch, entry, new RcopyError("changed", message));
      return false;
    }
    batch.measured.set(entry, bytesRead!);
    batch.measuredHashes.set(entry, hashes);
    job.bytes = bytesRead!;
    return true;
  }

  /** The reads that did not fail. A file that says another size than it has is read again, alone and to its end. */
  #keptOf(job: BundleJob, reads: FileRead[]): FileRead[] {
    if (reads.every((read) => read.error === undefined)) return reads;
    const { plan, onFailed } = this.#options;
    const entries: number[] = [];
    for (const [i, { error, expected, isUnsized }] of reads.entries()) {
      const entry = job.entries[i]!;
      if (!error) {
        entries.push(entry);
        continue;
      }
      job.bytes -= expected.size;
      if (isUnsized) plan.addAgain({ of: "bundle", batch: job.batch, entries: [entry], bytes: 0, isUnsized });
      else onFailed(job.batch, entry, error);
    }
    job.entries = entries;
    return reads.filter((read) => read.error === undefined);
  }

  /** @throws {RcopyError} `changed` when the file is found to be another at its end */
  #extent(job: ExtentJob, { hash, blocks }: ExtentRead): SentUnit | undefined {
    const { source, index } = job;
    if (source.failure || source.isSettled) return undefined;
    source.addHash(index, hash);
    const { batch, entry } = source;
    // `FileVerified` stands in the queue of control before the last frame of this unit leaves.
    if (source.verified() && batch.states[entry] !== SendState.sent) this.#options.onVerified(source);
    const bytes = source.bytesOf(index);
    const payloadBytes = blocks === undefined ? bytes : bytesOfBlocks(blocks, bytes);
    const matched = source.setMatched(index, bytes - payloadBytes);
    if (matched !== 0) this.#options.onMatched(matched);
    const place = { batch: batch.number, entry, index };
    const message: ExtentHead = blocks === undefined
      ? { kind: "extent", ...place }
      : { kind: "patch", ...place, blocks };
    return { message, payloadBytes, hashes: hash };
  }
}

function isComparison(job: SendJob | CompareJob): job is CompareJob {
  return job.of === "compareFiles" || job.of === "compareExtent";
}
