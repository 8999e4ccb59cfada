/** Files that wait to be compared with what the receiver has: cut into jobs on demand, from which any number of lanes take. */
import { bundleFilesMax, hashBytes } from "../../wire/limits.ts";
import type { SendBatch } from "../source/batch.ts";
import type { LargeSource } from "../source/large_file.ts";

/** A job is full at this many bytes; a file that is larger is alone in one. */
const jobBytes = 1024 * 1024;

/** Small files of one batch. */
export interface CompareFilesJob {
  of: "compareFiles";
  batch: SendBatch;
  entries: number[];
  /** What they hash to at the receiver, 16 bytes each. */
  hashes: Uint8Array;
}

/** One extent of a large file. */
export interface CompareExtentJob {
  of: "compareExtent";
  source: LargeSource;
  index: number;
  /** It is compared with what is kept of an interrupted copy. */
  isKept: boolean;
}

export type CompareJob = CompareFilesJob | CompareExtentJob;

interface ToldFiles {
  batch: SendBatch;
  entries: Uint32Array;
  hashes: Uint8Array;
}

export class ComparisonQueue {
  #files: ToldFiles[] = [];
  /** The first of the oldest files that no lane has taken. */
  #cursor = 0;
  /** Large files of which something was told that no lane has taken. */
  readonly #large = new Set<LargeSource>();
  #isTurnOfLarge = false;

  get isEmpty(): boolean {
    return this.#files.length === 0 && this.#large.size === 0;
  }

  addFiles(files: ToldFiles): void {
    if (files.entries.length > 0) this.#files.push(files);
  }

  addLarge(source: LargeSource): void {
    this.#large.add(source);
  }

  /** The next job; files of at most so many directories. */
  next(directoriesMax: number): CompareJob | undefined {
    this.#isTurnOfLarge = !this.#isTurnOfLarge;
    return this.#isTurnOfLarge
      ? this.#nextExtent() ?? this.#nextFiles(directoriesMax)
      : this.#nextFiles(directoriesMax) ?? this.#nextExtent();
  }

  #nextExtent(): CompareExtentJob | undefined {
    for (const source of this.#large) {
      const index = source.failure === undefined ? source.takeCompared() : undefined;
      const isKept = source.keptComparison !== undefined;
      if (index !== undefined) return { of: "compareExtent", source, index, isKept };
      this.#large.delete(source);
    }
    return undefined;
  }

  #nextFiles(directoriesMax: number): CompareFilesJob | undefined {
    const told = this.#files[0];
    if (!told) return undefined;
    const { batch } = told;
    const first = this.#cursor;
    const entries: number[] = [];
    const directories = new Set<unknown>();
    let bytes = 0;
    for (; this.#cursor < told.entries.length && entries.length < bundleFilesMax; this.#cursor++) {
      const entry = told.entries[this.#cursor]!;
      const size = batch.columns.sizes[entry]!;
      if (entries.length > 0 && bytes + size > jobBytes) break;
      if (directoriesMax < bundleFilesMax) {
        directories.add(batch.isSettled ? undefined : batch.directoryOf(entry));
        if (directories.size > directoriesMax) break;
      }
      entries.push(entry);
      bytes += size;
    }
    const hashes = told.hashes.subarray(first * hashBytes, this.#cursor * hashBytes);
    if (this.#cursor === told.entries.length) {
      this.#files.shift();
      this.#cursor = 0;
    }
    return { of: "compareFiles", batch, entries, hashes };
  }
}
