/** The jobs of the lanes of a sender: small files in bundles, large ones by extents. */
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { bundleFilesMax, extentBytes } from "../../wire/limits.ts";
import { entryKey } from "../session/entry_key.ts";
import { type CompareJob, ComparisonQueue } from "./comparison_queue.ts";
import { LargeQueue } from "./large_queue.ts";
import { SettlingFiles } from "./settling_files.ts";
import { LargeSource } from "../source/large_file.ts";
import { type SendBatch, SendState } from "../source/batch.ts";

/** A bundle is full at this many bytes; a file that is larger, up to an extent, travels alone in one. */
const bundleBytes = 1024 * 1024;

/** Many small files of one batch. */
export interface BundleJob {
  of: "bundle";
  batch: SendBatch;
  entries: number[];
  /** Sum of the sizes. */
  bytes: number;
  /** Its one file says another size than it has, and is read to its end. */
  isUnsized?: boolean;
}

/** One extent of a large file. */
export interface ExtentJob {
  of: "extent";
  source: LargeSource;
  index: number;
  /** What its blocks hash to at the receiver, which has an older version; without it, it is sent whole. */
  there?: Uint8Array | undefined;
}

/** What brings content. */
export type SendJob = BundleJob | ExtentJob;

const noEntries = new Uint32Array(0);

/** A queue of batches, cut into jobs on demand, from which any number of lanes take. */
export class SendPlan {
  readonly #engine: Engine;
  readonly #codec: Codec;
  readonly #sources: Map<number, LargeSource>;
  #batches: SendBatch[] = [];
  #cursor = 0;
  readonly #large = new LargeQueue();
  readonly #settling = new SettlingFiles();
  /** The large file whose extents are being given out. */
  #begun: LargeSource | undefined;
  readonly #comparisons = new ComparisonQueue();
  #isTurnOfContent = false;
  #isTurnOfLarge = false;
  readonly #again: SendJob[] = [];
  readonly #waiting: (() => void)[] = [];
  #ended = false;

  /** `sources`: large files that are being sent, by {@linkcode entryKey}; shared with `send/unsettled.ts`. */
  constructor(engine: Engine, codec: Codec, sources: Map<number, LargeSource>) {
    this.#engine = engine;
    this.#codec = codec;
    this.#sources = sources;
  }

  /** Adds a batch whose wanted entries are marked. `kept` are those that wait for what the receiver has of them. */
  add(batch: SendBatch, kept: Uint32Array = noEntries): void {
    this.#batches.push(batch);
    for (let entry = 0, next = 0; entry < batch.count; entry++) {
      const isCompared = batch.states[entry] === SendState.compared;
      if (!batch.isLarge(entry) || (batch.states[entry] !== SendState.wanted && !isCompared)) continue;
      const source = new LargeSource({ engine: this.#engine, codec: this.#codec, batch, entry });
      this.#sources.set(entryKey(batch.number, entry), source);
      if (kept[next] === entry) {
        source.awaitKept();
        next++;
      } else if (isCompared) source.awaitComparison();
      else this.addLarge(source);
    }
    this.wake();
  }

  /** There is something to send of a file; it may be that this is known. */
  addLarge(source: LargeSource): void {
    if (source.isQueued) return this.wake();
    source.isQueued = true;
    this.#settling.add(source, () => {
      this.#large.add(source);
      this.wake();
    });
  }

  /** Adds small files to be compared with what they hash to at the receiver. */
  addComparison(files: Parameters<ComparisonQueue["addFiles"]>[0]): void {
    this.#comparisons.addFiles(files);
    this.wake();
  }

  /** More of a large file can be compared. */
  addComparedLarge(source: LargeSource): void {
    this.#settling.add(source, () => {
      this.#comparisons.addLarge(source);
      this.wake();
    });
  }

  /** Puts a job before all others: what must be sent again, or what a lost lane had taken. */
  addAgain(job: SendJob): void {
    this.#again.push(job);
    this.wake();
  }

  /** No job will come any more. */
  end(): void {
    this.#ended = true;
    this.#settling.end();
    this.wake();
  }

  /** Whether there is nothing to take at the moment. */
  get isIdle(): boolean {
    const hasLarge = this.#begun !== undefined || this.#large.length > 0;
    return !hasLarge && this.#again.length === 0 && this.#batches.length === 0 && this.#comparisons.isEmpty;
  }

  /** Number of batches with small files that no lane may have taken. */
  get backlog(): number {
    return this.#batches.length;
  }

  /** Lanes that wait for a job. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes back what a lane could not bring to the receiver, or may not have; what is settled is left out. */
  handBack(jobs: readonly SendJob[]): void {
    for (const job of jobs) {
      if (job.of === "extent" ? !job.source.isSettled : !job.batch.isSettled) this.#again.push(job);
    }
    this.wake();
  }

  /**
   * The next job, of content and of comparisons in turn: they keep different things busy. `undefined` when there is none at the
   * moment. It has files of at most so many directories.
   */
  take(directoriesMax: number): SendJob | CompareJob | undefined {
    this.#isTurnOfContent = !this.#isTurnOfContent;
    return this.#isTurnOfContent
      ? this.next(directoriesMax) ?? this.#comparisons.next(directoriesMax)
      : this.#comparisons.next(directoriesMax) ?? this.next(directoriesMax);
  }

  /** The next job that brings content. */
  next(directoriesMax: number): SendJob | undefined {
    const again = this.#again.shift();
    if (again) return again;
    // In turn, so that small files flow beside large ones: they keep different things busy.
    this.#isTurnOfLarge = !this.#isTurnOfLarge;
    return this.#isTurnOfLarge
      ? this.#nextExtent() ?? this.#nextBundle(directoriesMax)
      : this.#nextBundle(directoriesMax) ?? this.#nextExtent();
  }

  #nextExtent(): ExtentJob | undefined {
    for (;;) {
      const source = this.#begun ??= this.#large.take();
      if (!source) return undefined;
      const index = source.failure === undefined ? source.takeNext() : undefined;
      if (index !== undefined) return { of: "extent", source, index, there: source.takeBlocks(index) };
      source.isQueued = false;
      this.#begun = undefined;
    }
  }

  #nextBundle(directoriesMax: number): BundleJob | undefined {
    for (;;) {
      const batch = this.#batches[0];
      if (!batch) return undefined;
      const job = this.#bundleOf(batch, directoriesMax);
      if (this.#cursor >= batch.count) {
        this.#batches.shift();
        this.#cursor = 0;
      }
      if (job) return job;
    }
  }

  /** Waits until `next` may have a job; false once nothing will come. */
  async wait(): Promise<boolean> {
    if (this.#ended) return false;
    // Something may have come since the lane looked.
    if (!this.isIdle) return true;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return !this.#ended;
  }

  /** Lanes that wait for a job look again. */
  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Gathers small files from the cursor on. */
  #bundleOf(batch: SendBatch, directoriesMax: number): BundleJob | undefined {
    const { kinds, sizes } = batch.columns;
    const entries: number[] = [];
    const directories = new Set<unknown>();
    let bytes = 0;
    for (; this.#cursor < batch.count; this.#cursor++) {
      const entry = this.#cursor;
      const size = sizes[entry]!;
      if (kinds[entry] !== EntryKind.file || size > extentBytes) continue;
      if (batch.states[entry] !== SendState.wanted) continue;
      if (entries.length > 0 && (bytes + size > bundleBytes || entries.length === bundleFilesMax)) break;
      if (directoriesMax < bundleFilesMax) {
        directories.add(batch.directoryOf(entry));
        if (directories.size > directoriesMax) break;
      }
      entries.push(entry);
      bytes += size;
    }
    return entries.length > 0 ? { of: "bundle", batch, entries, bytes } : undefined;
  }
}
