/**
 * Content compared with what the receiver has, in place of size and time. The mirror image is `receive/comparison.ts`.
 *  1. hear     the hashes of what is there, while the receiver reads on
 *  2. read     the same files here: jobs of the plan, which lanes take beside those that bring content
 *  3. compare  what is equal is told, what is not becomes wanted and is sent
 */
import { RcopyError } from "../../base/errors.ts";
import { sameHash } from "../../codec/hash.ts";
import type { FileRead } from "../../io/contract/engine.ts";
import type { Compared, FileHashes, Kept } from "../../wire/data.ts";
import { hashBytes, keptHashesMax } from "../../wire/limits.ts";
import type { Control } from "../session/control.ts";
import { type SendBatch, SendState } from "../source/batch.ts";
import type { LargeSource } from "../source/large_file.ts";
import type { CompareExtentJob, CompareFilesJob } from "./comparison_queue.ts";
import type { SendFailures } from "./failures.ts";
import type { SendLargeFiles } from "./large_files.ts";
import type { SendPlan } from "./plan.ts";
import type { SendUnsettled } from "./unsettled.ts";

export interface SendComparisonOptions {
  control: Control;
  plan: SendPlan;
  unsettled: SendUnsettled;
  failures: SendFailures;
  large: SendLargeFiles;
  /** Nothing is sent: also what differs is only told. */
  isDryRun: boolean;
  /** So many content bytes that were to be sent are there already. */
  onEqual: (bytes: number) => void;
}

export class SendComparison {
  readonly #options: SendComparisonOptions;
  /** Large files that are being compared, and whose hashes are in memory. */
  readonly #large = new Set<LargeSource>();
  /** Hashes of these, and of some that are gone meanwhile. */
  #hashes = 0;

  constructor(options: SendComparisonOptions) {
    this.#options = options;
  }

  /** The receiver tells what small files hash to there. @throws {RcopyError} `protocol` for files that are not to be compared */
  onFileHashes({ batch: number, entries, hashes, unread }: FileHashes): void {
    const { unsettled, plan } = this.#options;
    const batch = unsettled.batch(number);
    for (const entry of [...entries, ...unread]) {
      if (entry >= batch.count || batch.isLarge(entry) || batch.states[entry] !== SendState.compared) {
        throw unexpected(number, entry);
      }
      batch.states[entry] = SendState.comparing;
    }
    for (const entry of unread) batch.forgetCompared(entry);
    for (const entry of unread) this.#tell(batch, [], [entry]);
    plan.addComparison({ batch, entries, hashes });
  }

  /** The receiver tells what extents of a large file hash to there. @throws {RcopyError} `protocol` */
  onLargeHashes(
    source: LargeSource,
    { batch, entry, first, bitmap, hashes, more, basis = false }: Kept,
  ): void {
    const comparison = source.comparison;
    if (!comparison || comparison.isTold) throw unexpected(batch, entry);
    this.#claim(source, hashes.length / hashBytes);
    comparison.isBasis = basis;
    comparison.add({ first, bitmap, hashes }, more);
    if (!more && !comparison.hasHashes) source.batch.forgetCompared(entry);
    if (source.failure || source.isSettled) return;
    if (!this.#conclude(source)) this.#options.plan.addComparedLarge(source);
  }

  /** A lane has read small files. `hashes` are of those that did not fail. */
  filesRead({ batch, entries, hashes: there }: CompareFilesJob, reads: FileRead[], hashes: Uint8Array): void {
    if (batch.isSettled) return;
    const equal: number[] = [];
    const different: number[] = [];
    let at = 0;
    for (const [i, entry] of entries.entries()) {
      const { error, isUnsized } = reads[i]!;
      const here = error ? undefined : hashes.subarray(at, at += hashBytes);
      if (batch.states[entry] !== SendState.comparing) continue;
      // It says another size than it has: it is read again, alone and to its end, where it is sent.
      if (isUnsized) {
        this.#tell(batch, [], [entry], true);
        continue;
      }
      if (!here) {
        this.#options.failures.entryFailed(batch, entry, error!);
        continue;
      }
      const isEqual = sameHash(here, there.subarray(i * hashBytes, (i + 1) * hashBytes));
      (isEqual ? equal : different).push(entry);
    }
    this.#tell(batch, equal, different);
  }

  /** A lane has read an extent of a large file. */
  extentRead({ source, index, isKept }: CompareExtentJob, hash: Uint8Array): void {
    if (isKept) return this.#options.large.keptRead(source, index, hash);
    const { comparison } = source;
    if (!comparison || comparison.outcome !== "open" || source.failure || source.isSettled) return;
    source.addHash(index, hash);
    comparison.compare(index, hash);
    this.#conclude(source);
  }

  /** Tells what came of a large file, once that is known. */
  #conclude(source: LargeSource): boolean {
    const outcome = source.comparison?.outcome;
    if (outcome === undefined || outcome === "open") return false;
    this.#large.delete(source);
    const { batch, entry } = source;
    if (batch.states[entry] !== SendState.compared) return true;
    if (outcome === "different") {
      source.beginAnew();
      if (this.#options.isDryRun) return this.#settle(source, { equal: [], different: [entry] });
      batch.states[entry] = SendState.wanted;
      if (source.comparison!.isBasis) this.#options.large.awaitKept(source);
      else this.#options.plan.addLarge(source);
      return true;
    }
    try {
      source.verified();
    } catch (thrown) {
      this.#options.failures.entryFailed(batch, entry, source.fail(thrown));
      return true;
    }
    return this.#settle(source, { equal: [entry], different: [] });
  }

  #settle(source: LargeSource, { equal, different }: { equal: number[]; different: number[] }): true {
    const { batch, entry } = source;
    batch.states[entry] = SendState.unwanted;
    this.#send(batch, equal, different);
    source[Symbol.dispose]();
    return true;
  }

  /** Small files that fit into a bundle are done with: what is equal is told, the rest is sent. */
  #tell(batch: SendBatch, equal: number[], different: number[], isUnsized = false): void {
    const { isDryRun, plan } = this.#options;
    for (const entry of equal) batch.states[entry] = SendState.unwanted;
    for (const entry of different) batch.states[entry] = isDryRun ? SendState.unwanted : SendState.wanted;
    this.#send(batch, equal, isDryRun ? different : []);
    if (isDryRun || different.length === 0) return;
    plan.addAgain({ of: "bundle", batch, entries: different, bytes: bytesOf(batch, different), isUnsized });
  }

  #send(batch: SendBatch, equal: number[], different: number[]): void {
    if (equal.length + different.length === 0) return;
    const message: Compared = {
      kind: "compared",
      batch: batch.number,
      equal: Uint32Array.from(equal),
      different: Uint32Array.from(different),
    };
    this.#options.control.send(message);
    this.#options.onEqual(bytesOf(batch, equal) + bytesOf(batch, different));
  }

  /** What is over has no hashes any more: they are counted off when there seem to be too many. */
  #claim(source: LargeSource, hashes: number): void {
    if (this.#hashes + hashes > keptHashesMax) {
      for (const one of this.#large) if (one.isSettled || one.failure) this.#large.delete(one);
      this.#hashes = [...this.#large].reduce((sum, { comparison }) => sum + comparison!.hashes, 0);
    }
    this.#hashes += hashes;
    if (this.#hashes > keptHashesMax) {
      throw new RcopyError("protocol", `the peer tells of ${this.#hashes} extents to compare at a time`);
    }
    this.#large.add(source);
  }
}

function bytesOf(batch: SendBatch, entries: readonly number[]): number {
  return entries.reduce((sum, entry) => sum + batch.columns.sizes[entry]!, 0);
}

function unexpected(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer tells a hash of entry ${entry} of batch ${batch}, which is not to be compared`,
  );
}
