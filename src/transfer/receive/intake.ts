/**
 * Takes in what the sender announces, batch by batch. The mirror image is `send/announcer.ts`.
 *  1. check  number, size and names of a batch as it arrives; its bytes are taken off the credit
 *  2. queue  the batch for the plan; the credit bounds the queue
 *  3. end    the counts of the manifest's end are compared with what came
 */
import { BoundedQueue } from "../../base/bounded_queue.ts";
import { sameBytes } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Manifest, ManifestEnd } from "../../wire/manifest.ts";
import type { SessionRun } from "../session/session_run.ts";
import { ReceiveBatch } from "../target/batch.ts";
import type { TargetTree } from "../target/tree.ts";
import type { AwaitedBatches } from "./awaited_batches.ts";
import type { ReceivePlan } from "./plan.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

/** Every batch takes at least so much credit, so that the credit bounds the queue. */
const batchBytesMin = 64;

/** The one file that may come, and its name if it was asked for under one. */
export interface OneFile {
  name: EntryName | undefined;
}

export interface IntakeOptions {
  run: SessionRun<"receiver">;
  /** The grant in the hello of this side. */
  granted: { creditBytes: number; batchEntries: number };
  /** Where the sender brings one file, nothing else may come. */
  only: OneFile | undefined;
  tree: TargetTree;
  plan: ReceivePlan;
  unsettled: ReceiveUnsettled;
  awaited: AwaitedBatches;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #arrived: BoundedQueue<ReceiveBatch>;
  #credit: number;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#credit = options.granted.creditBytes;
    this.#arrived = new BoundedQueue(options.granted.creditBytes / batchBytesMin);
  }

  /** @throws {RcopyError} `protocol` for a batch out of turn, or larger than what was granted */
  onManifest(message: Manifest): void {
    const { run, granted, plan, unsettled } = this.#options;
    const { counts } = run;
    const bytes = run.control.lastMessageBytes;
    if (message.batch !== counts.batches) {
      throw new RcopyError("protocol", `batch ${message.batch} came where batch ${counts.batches} was due`);
    }
    if (bytes > this.#credit || message.kinds.length > granted.batchEntries) {
      throw new RcopyError("protocol", `batch ${message.batch} is larger than what was granted`);
    }
    this.#credit -= bytes;
    counts.batches++;
    counts.entries += message.kinds.length;
    const batch = new ReceiveBatch(message, bytes);
    counts.bytesListed += batch.bytesListed;
    this.#checkOnly(batch);
    plan.check(batch);
    unsettled.add(batch);
    this.#arrived.push(batch);
  }

  /** @throws {RcopyError} `protocol` where the sender counts something else, or has left a directory open */
  onManifestEnd(message: ManifestEnd): void {
    const { run, tree, awaited } = this.#options;
    const { batches, entries, bytesListed } = run.counts;
    const agrees = message.batches === batches && message.entries === entries &&
      message.bytes === BigInt(bytesListed);
    if (!agrees) {
      throw new RcopyError("protocol", "the end of the manifest counts something else than what came");
    }
    if (!tree.isSealed) {
      throw new RcopyError("protocol", "the manifest ended before its directories were closed");
    }
    run.counts.growing = false;
    awaited.onManifestEnd(batches);
    this.#arrived.end();
  }

  /** Holds a sender of one file to it: what it brings may land in a directory that nobody named. @throws {RcopyError} `protocol` */
  #checkOnly(batch: ReceiveBatch): void {
    const { only, run } = this.#options;
    if (!only || batch.count === 0) return;
    const isOne = run.counts.entries === 1 && batch.kind(0) === EntryKind.file;
    if (isOne && (!only.name || sameBytes(only.name, batch.name(0)))) return;
    throw new RcopyError("protocol", "the peer announced something else than the one file that it brings");
  }

  /** The sender is about to be told that it may send so many manifest bytes more. */
  grant(bytes: number): void {
    this.#credit += bytes;
  }

  /** The next batch to plan, in the order of their numbers; `undefined` after the last, or when the session has ended. */
  next(): ReceiveBatch | undefined | Promise<ReceiveBatch | undefined> {
    return this.#arrived.next();
  }

  /** The session has ended: no batch will be planned any more. */
  end(): void {
    this.#arrived.end();
  }
}
