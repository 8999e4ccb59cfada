/**
 * One data connection of a sender. The mirror image is `receive_lane.ts`.
 *  1. take   sequential  next job from the plan
 *  2. read   batched     the engine starts to fill one slice while the other is still being written
 *  3. hash   in place    extent or files, then entry hashes
 *  4. write  sequential  frame header, message and payload leave the slice in one write
 * A lane holds its channel, its codec and two slices, and nothing else; the first error ends it.
 */
import type { RcopyError } from "../base/errors.ts";
import { Codec, type Slice } from "../codec/codec.ts";
import type { Engine, FileRead, Pending } from "../io/engine.ts";
import type { Channel } from "../net/channel.ts";
import { encodeDataHead } from "../wire/frame.ts";
import { dataMessageBytesMax, extentBytes, headerBytes } from "../wire/limits.ts";
import type { Bundle, Extent } from "../wire/messages.ts";
import type { EntryHasher } from "./entry_hash.ts";
import { type SendBatch, SendState } from "./manifest.ts";
import type { PathPrefixes } from "./paths.ts";
import type { BundleJob, ExtentJob, SendJob, SendPlan } from "./send_plan.ts";
import type { StageAccount } from "./stages.ts";
import { hashFilesInPlace } from "./bundle_hash.ts";

const hashBytes = 16;
/** Room before the payload for the frame header and the largest message, so that all of a frame is contiguous. */
const headRoomBytes = headerBytes + dataMessageBytesMax;
/** Bytes of one slice. */
export const laneSliceBytes = headRoomBytes + extentBytes;

/** What a lane works with and whom it tells. */
export interface SendLaneOptions {
  channel: Channel;
  engine: Engine;
  plan: SendPlan;
  hasher: EntryHasher;
  prefixes: PathPrefixes;
  account: StageAccount;
  /** A file that could not be read as the scan saw it. */
  onFailed: (batch: SendBatch, entry: number, error: RcopyError) => void;
  /** Content bytes given to the connection. */
  onSent: (bytes: number) => void;
}

/** A job whose read has been started into a slice. */
interface Reading {
  job: SendJob;
  slice: Slice;
  pending: Pending | undefined;
  reads: FileRead[];
}

export class SendLane {
  readonly #options: SendLaneOptions;
  readonly #codec = Codec.open({ arenaBytes: 2 * laneSliceBytes + 8192 });

  constructor(options: SendLaneOptions) {
    this.#options = options;
  }

  /** Sends until the plan has ended. @throws {RcopyError} `peer-lost` */
  async run(): Promise<void> {
    const { channel, plan, account, onSent } = this.#options;
    using first = this.#codec.arena.take(laneSliceBytes);
    using second = this.#codec.arena.take(laneSliceBytes);
    const slices = [first, second];
    let writing: Promise<void> | undefined;
    let writingBytes = 0;
    const written = async () => {
      if (!writing) return;
      const began = performance.now();
      await writing;
      writing = undefined;
      account.book("network", began);
      onSent(writingBytes);
    };
    for (let turn = 0;;) {
      const job = plan.next();
      if (!job) {
        await written();
        const began = performance.now();
        const more = await plan.wait();
        account.book("peer", began);
        if (!more) return;
        continue;
      }
      const reading = this.#start(job, slices[turn]!);
      try {
        await written();
      } catch (error) {
        await reading?.pending?.finish();
        throw error;
      }
      if (!reading) continue;
      const frame = await this.#complete(reading);
      if (!frame) continue;
      writing = channel.write(frame.bytes);
      writing.catch(() => {}); // it is awaited by the next turn
      writingBytes = frame.payloadBytes;
      turn ^= 1;
    }
  }

  /** Starts to read a job into a slice; `undefined` when the file cannot be opened, which has been reported. */
  #start(job: SendJob, slice: Slice): Reading | undefined {
    const { engine, account, onFailed } = this.#options;
    const began = performance.now();
    try {
      if (job.of === "bundle") {
        const reads = this.#readsOf(job, slice.offset + headRoomBytes);
        return { job, slice, pending: engine.readFiles(reads, this.#codec.memory), reads };
      }
      const { source, index } = job;
      if (source.failure) return undefined;
      try {
        const target = slice.bytes.subarray(headRoomBytes, headRoomBytes + source.bytesOf(index));
        return {
          job,
          slice,
          pending: engine.readRange(source.file(), index * extentBytes, target),
          reads: [],
        };
      } catch (error) {
        onFailed(source.batch, source.entry, source.fail(error));
        return undefined;
      }
    } finally {
      account.book("read", began);
    }
  }

  #readsOf(job: BundleJob, payloadOffset: number): FileRead[] {
    const { batch, entries } = job;
    let offset = payloadOffset;
    const reads: FileRead[] = [];
    for (const entry of entries) {
      const expected = batch.columns.identity(entry);
      const directory = batch.directoryOf(entry).handle;
      reads.push({ directory, name: batch.nameOnDisk(entry), expected, offset });
      offset += expected.size;
    }
    return reads;
  }

  /** Waits for the read, hashes, and puts the head before the payload; `undefined` when nothing is left to send. */
  async #complete(
    reading: Reading,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; payloadBytes: number } | undefined> {
    const { job, slice } = reading;
    const began = performance.now();
    try {
      await reading.pending?.finish();
    } catch (error) {
      if (job.of === "bundle") throw error;
      if (!job.source.failure) {
        this.#options.onFailed(job.source.batch, job.source.entry, job.source.fail(error));
      }
      return undefined;
    }
    const read = this.#options.account.book("read", began);
    const message = job.of === "bundle" ? this.#bundle(job, reading) : this.#extent(job, slice);
    if (!message) return undefined;
    const payloadBytes = job.of === "bundle" ? job.bytes : job.source.bytesOf(job.index);
    const head = encodeDataHead(message, payloadBytes);
    const start = headRoomBytes - head.length;
    slice.bytes.set(head, start);
    this.#options.account.book("hash", read);
    return { bytes: slice.bytes.subarray(start, headRoomBytes + payloadBytes), payloadBytes };
  }

  #bundle(job: BundleJob, reading: Reading): Bundle | undefined {
    const { hasher, prefixes } = this.#options;
    const reads = this.#dropFailed(job, reading);
    if (reads.length === 0) return undefined;
    const { batch, entries } = job;
    const hashes = hashFilesInPlace(
      this.#codec,
      reads.map((read) => read.offset),
      reads.map((read) => read.expected.size),
    );
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      batch.states[entry] = SendState.sent;
      hasher.hash(
        {
          kind: 1,
          mode: batch.columns.modes[entry]!,
          size: batch.columns.sizes[entry]!,
          content: hashes.subarray(i * hashBytes, (i + 1) * hashBytes),
          prefix: prefixes.of(batch.directoryOf(entry)),
          name: batch.columns.name(entry),
        },
        batch.hashes,
        entry * hashBytes,
      );
    }
    return { kind: "bundle", batch: batch.number, entries: Uint32Array.from(entries), hashes };
  }

  /** Reports files that failed and closes the gaps that they left, so that no stale byte leaves. */
  #dropFailed(job: BundleJob, reading: Reading): FileRead[] {
    const { reads } = reading;
    if (reads.every((read) => read.error === undefined)) return reads;
    const { onFailed } = this.#options;
    const { memory } = this.#codec;
    const kept: FileRead[] = [];
    const keptEntries: number[] = [];
    let offset = reading.slice.offset + headRoomBytes;
    for (const [i, read] of reads.entries()) {
      if (read.error) {
        onFailed(job.batch, job.entries[i]!, read.error);
        continue;
      }
      const size = read.expected.size;
      if (offset !== read.offset) memory.copyWithin(offset, read.offset, read.offset + size);
      read.offset = offset;
      offset += size;
      kept.push(read);
      keptEntries.push(job.entries[i]!);
    }
    job.entries = keptEntries;
    job.bytes = offset - reading.slice.offset - headRoomBytes;
    return kept;
  }

  #extent(job: ExtentJob, slice: Slice): Extent | undefined {
    const { onFailed } = this.#options;
    const codec = this.#codec;
    const { source, index } = job;
    if (source.failure) return undefined;
    const { offset } = codec.scratch;
    codec.hash(slice.offset + headRoomBytes, source.bytesOf(index), offset);
    const hash = codec.memory.slice(offset, offset + hashBytes);
    let fileVerified: boolean;
    try {
      source.addHash(index, hash);
      fileVerified = source.verified();
    } catch (error) {
      onFailed(source.batch, source.entry, source.fail(error));
      return undefined;
    }
    const { batch, entry } = source;
    if (fileVerified && batch.states[entry] !== SendState.sent) this.#finishLarge(job);
    return { kind: "extent", batch: batch.number, entry, index, hash, fileVerified };
  }

  #finishLarge({ source }: ExtentJob): void {
    const { batch, entry } = source;
    batch.states[entry] = SendState.sent;
    this.#options.hasher.hash(
      {
        kind: 1,
        mode: batch.columns.modes[entry]!,
        size: source.size,
        content: source.digest(),
        prefix: this.#options.prefixes.of(batch.directoryOf(entry)),
        name: batch.columns.name(entry),
      },
      batch.hashes,
      entry * hashBytes,
    );
  }
}
