/**
 * What a sender reads while it waits for its receiver: its first small files, so that their content is in memory and the
 * code that scans, reads and hashes has run once.
 *  1. scan   the source as a session does, batch by batch
 *  2. read   the small files of a batch into the prefetch's own memory
 *  3. hash   what was read, as a lane does
 *  4. take   the content of a file, in place of opening it, where a session's own scan found the file unchanged
 * A session scans again: what is new, changed or gone by then is noticed as it would be without a prefetch.
 */
import { EventLoopYield } from "../../base/event_loop_yield.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import { Codec, type Slice } from "../../codec/codec.ts";
import { EntryKind, type FileIdentity } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { FileRead } from "../../io/contract/reading.ts";
import { bundleFilesMax, extentBytes } from "../../wire/limits.ts";
import { SendBatch } from "./batch.ts";
import { openSources, type SourceRoots } from "./roots.ts";
import { Scan } from "./scan.ts";

/** Bounds of a prefetch; the first that is met ends it. */
export interface PrefetchLimits {
  /** Bytes of content in memory. */
  bytesMax: number;
  /** Milliseconds of work in this thread. */
  busyMsMax: number;
  /** Entries that are scanned. */
  entriesMax: number;
}

/** Options of a prefetch. */
export interface PrefetchOptions extends Partial<PrefetchLimits> {
  /** Milliseconds since 1970, in place of the system's clock. */
  clock?: () => number;
}

const defaultLimits: PrefetchLimits = {
  bytesMax: 64 * 1024 * 1024,
  busyMsMax: 1_000,
  entriesMax: 65_536,
};
/** Room of a batch: small, so that a receiver that arrives waits for a few milliseconds at most. */
const batchRoom = { bytes: 64 * 1024, entries: 128 };
/** Content that is read at a time. */
const readBytesMax = 1024 * 1024;
/**
 * A file system's clock moves in steps, and a file may change twice within one step and look the same. What was changed
 * so shortly before it was read is not kept; the longer time is for file systems whose times have whole seconds.
 */
const clockStepNs = 50_000_000n;
const coarseClockStepNs = 2_500_000_000n;
const secondNs = 1_000_000_000n;

/** What a file was when it was read, and where its content begins in the memory of the prefetch. */
interface Kept {
  identity: FileIdentity;
  at: number;
}

export class Prefetch implements Disposable {
  readonly #engine: Engine;
  readonly #paths: readonly string[];
  readonly #limits: PrefetchLimits;
  readonly #clock: () => number;
  readonly #eventLoopYield = new EventLoopYield();
  /** By inode number. Of two files with one number on two file systems the later one is kept. */
  readonly #kept = new Map<bigint, Kept>();
  #codec: Codec | undefined;
  #slice: Slice | undefined;
  #bytes = 0;
  #entries = 0;
  #busyMs = 0;
  #isStopped = false;

  constructor(
    engine: Engine,
    paths: readonly string[],
    options: PrefetchOptions = {},
  ) {
    this.#engine = engine;
    this.#paths = paths;
    this.#limits = { ...defaultLimits, ...options };
    this.#clock = options.clock ?? Date.now;
  }

  /** Files whose content is in memory. */
  get files(): number {
    return this.#kept.size;
  }

  /**
   * Reads until a bound is met, the source has been read, or {@linkcode stop} is called. Throws nothing: a session that
   * meets the same error reports it.
   */
  async run(): Promise<void> {
    try {
      await this.#scan(openSources(this.#engine, this.#paths));
    } catch {
      // The session scans for itself.
    }
  }

  /** Lets {@linkcode run} end soon; what has been read stays. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Copies the content of a file to `file.offset` of `memory`.
   * @returns whether the content is there; false where the file was not read, or was another one then
   */
  take(file: FileRead, memory: Uint8Array): boolean {
    const kept = this.#kept.get(file.expected.inode);
    if (!kept || !isSameFile(kept.identity, file.expected)) return false;
    memory.set(
      this.#codec!.memory.subarray(kept.at, kept.at + file.expected.size),
      file.offset,
    );
    return true;
  }

  /** Gives the memory back. The prefetch must have ended. */
  [Symbol.dispose](): void {
    this.stop();
    this.#kept.clear();
    this.#slice = undefined;
    this.#codec?.[Symbol.dispose]();
    this.#codec = undefined;
  }

  async #scan(roots: SourceRoots): Promise<void> {
    const { bytesMax, entriesMax, busyMsMax } = this.#limits;
    using scan = new Scan(this.#engine, roots, {
      onSkipped: () => {},
      isDestination: () => false,
    });
    this.#codec = Codec.open({ arenaBytes: bytesMax });
    this.#slice = this.#codec.arena.take(bytesMax);
    for (let number = 0;; number++) {
      const began = performance.now();
      const batch = new SendBatch(number, batchRoom);
      const more = scan.fill(batch);
      this.#entries += batch.count;
      this.#busyMs += performance.now() - began;
      try {
        await this.#read(batch);
      } finally {
        batch.release();
      }
      const isOver = this.#bytes >= bytesMax || this.#entries >= entriesMax ||
        this.#busyMs >= busyMsMax;
      if (!more || isOver || this.#isStopped) return;
      await this.#eventLoopYield.now();
    }
  }

  /** Reads the small files of a batch, as many as there is room for. */
  async #read(batch: SendBatch): Promise<void> {
    for (let entry = 0; entry < batch.count && !this.#isStopped;) {
      const reads: FileRead[] = [];
      let end = this.#slice!.offset + this.#bytes;
      const limit = Math.min(
        end + readBytesMax,
        this.#slice!.offset + this.#limits.bytesMax,
      );
      for (; entry < batch.count && reads.length < bundleFilesMax; entry++) {
        const read = readOf(batch, entry);
        if (!read) continue;
        const { size } = read.expected;
        if (end + size > limit && reads.length > 0) break;
        if (end + size > this.#slice!.offset + this.#limits.bytesMax) {
          this.#bytes = this.#limits.bytesMax;
          break;
        }
        reads.push({ ...read, offset: end });
        end += size;
      }
      if (reads.length === 0) return;
      await this.#keep(reads, end);
      await this.#eventLoopYield.ifDue();
    }
  }

  async #keep(reads: FileRead[], end: number): Promise<void> {
    const began = performance.now();
    const nowNs = BigInt(this.#clock()) * 1_000_000n;
    const pending = this.#engine.readFiles(reads, this.#codec!.memory);
    const finishing = pending.finish();
    this.#busyMs += performance.now() - began;
    await finishing;
    const resumed = performance.now();
    const good = reads.filter(({ error, expected }) => error === undefined && isSettled(expected, nowNs));
    hashFilesInPlace(
      this.#codec!,
      good.map(({ offset }) => offset),
      good.map(({ expected }) => expected.size),
    );
    for (const { expected, offset } of good) {
      this.#kept.set(expected.inode, { identity: expected, at: offset });
    }
    this.#bytes = Math.max(this.#bytes, end - this.#slice!.offset);
    this.#busyMs += performance.now() - resumed;
  }
}

/** How to read an entry; `undefined` for anything but a small file with content. */
function readOf(batch: SendBatch, entry: number): FileRead | undefined {
  const { kinds, sizes } = batch.columns;
  const size = sizes[entry]!;
  if (kinds[entry] !== EntryKind.file || size === 0 || size > extentBytes) {
    return undefined;
  }
  return {
    directory: batch.directoryOf(entry).handle,
    name: batch.nameOnDisk(entry),
    expected: batch.columns.identity(entry),
    offset: 0,
  };
}

/** Whether a later change of the file would show: its last one lies more than a step of its clock before `nowNs`. */
function isSettled({ ctimeNs, mtime }: FileIdentity, nowNs: bigint): boolean {
  if (ctimeNs === 0n) return false;
  const isCoarse = ctimeNs % secondNs === 0n && mtime.nanos === 0;
  return nowNs - ctimeNs > (isCoarse ? coarseClockStepNs : clockStepNs);
}

function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size &&
    a.ctimeNs === b.ctimeNs &&
    a.mtime.seconds === b.mtime.seconds && a.mtime.nanos === b.mtime.nanos;
}
