/** Announced entries that are not settled yet, and the tree hash of those that were placed. The mirror image is `send/unsettled.ts`. */
import type { RcopyError } from "../../base/errors.ts";
import { textForPeer } from "../../base/show.ts";
import type { Codec } from "../../codec/codec.ts";
import { TreeHash } from "../../codec/tree_hash.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { copyName } from "../../entry/name.ts";
import { wireCodeOf } from "../../wire/codes.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { hashBytes, settlementEntriesMax } from "../../wire/limits.ts";
import { HeldOutcome } from "../../wire/settlement.ts";
import type { Control } from "../session/control.ts";
import { EntryHasher } from "../../codec/entry_hash.ts";
import type { Outcome } from "../session/outcome.ts";
import type { PathPrefixes } from "../../entry/path_prefixes.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { Refusals, type RefusedEntry } from "../target/errors.ts";
import { KeptTimes } from "../target/file_systems.ts";
import type { Placed, Settlement } from "../target/settlement.ts";
import type { HeldTarget, TargetDirectory } from "../target/tree.ts";

const noContent = new Uint8Array(hashBytes);
/** Settlements of held entries leave together, this long after the first of them at the latest. */
const flushMs = 5;

export interface ReceiveUnsettledOptions {
  control: Control;
  outcome: Outcome;
  codec: Codec;
  engine: Engine;
  prefixes: PathPrefixes;
  /** A file or subdirectory in `directory` has been settled. */
  onSettled: (directory: TargetDirectory) => void;
  /** The sender may send so many manifest bytes more, and is about to be told. */
  onCredit: (bytes: number) => void;
  /** Nothing is unsettled at the moment. */
  onAllSettled: () => void;
}

export class ReceiveUnsettled implements Settlement {
  readonly hash = new TreeHash();
  /** Of the directories among them. */
  readonly #directoryHash = new TreeHash();
  readonly #options: ReceiveUnsettledOptions;
  readonly #hasher: EntryHasher;
  readonly #refusals: Refusals;
  readonly #times: KeptTimes;
  readonly #batches = new Map<number, ReceiveBatch>();
  readonly #entryHash = new Uint8Array(hashBytes);
  #held = 0;
  #toFlush: { batch: number; entry: number; outcome: number }[] = [];
  #flushTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ReceiveUnsettledOptions) {
    this.#options = options;
    this.#hasher = new EntryHasher(options.codec);
    this.#refusals = new Refusals(options.engine);
    this.#times = new KeptTimes(options.engine, (message) => options.outcome.note(message));
  }

  /** Of the files and links alone. */
  get contentHash(): TreeHash {
    return this.hash.without(this.#directoryHash);
  }

  /** Nothing is unsettled. */
  get isEmpty(): boolean {
    return this.#batches.size === 0 && this.#held === 0;
  }

  add(batch: ReceiveBatch): void {
    this.#batches.set(batch.number, batch);
  }

  /** A batch that is not settled. */
  find(number: number): ReceiveBatch | undefined {
    return this.#batches.get(number);
  }

  /** A small file is in place. `content` is its hash, `lacks` a sum of `Lacks`. */
  place(batch: ReceiveBatch, entry: number, content: Uint8Array, lacks: number): void {
    const directory = batch.directoryOf(entry);
    const placed = { ...batch.metadata(entry), directory, name: batch.name(entry) };
    this.#options.outcome.countLacking(this.#times.lacksOf(placed, lacks), EntryKind.file);
    if (batch.grown.has(entry)) this.#hasGrown(directory, batch.name(entry));
    this.#count(placed, content);
    if (batch.replaced.has(entry)) this.#countReplaced({ directory, name: batch.name(entry) });
    this.#settle(batch, entry, EntryState.placed);
  }

  /** The content hash of a link. */
  hashOfLink(text: Uint8Array): Uint8Array {
    return this.#options.codec.hashOf(text);
  }

  /** An entry is there already, as it should be. */
  skip(batch: ReceiveBatch, entry: number): void {
    this.#options.outcome.skipped++;
    this.#settle(batch, entry, EntryState.skipped);
  }

  /** So many entries of a directory, marked as skipped by the plan that is being made, are there already, as they should be. */
  skipMarked(batch: ReceiveBatch, directory: TargetDirectory, count: number): void {
    this.#options.outcome.skipped += count;
    batch.unsettled -= count;
    directory.pending -= count;
    // The batch is not planned yet, and so it neither settles here nor closes its directories.
  }

  /** A small file that was wanted was there, of the same size and time, when it was about to be placed. */
  keep(batch: ReceiveBatch, entry: number): void {
    this.#options.outcome.skipped++;
    this.#settle(batch, entry, EntryState.kept);
  }

  /** An entry of a batch that is not settled fails; without an error, because its directory failed, or a person is asked about it later. */
  fail(batch: ReceiveBatch, entry: number, error?: RcopyError): void {
    const directory = batch.directoryOf(entry);
    this.#options.outcome.failed++;
    if (error) {
      const place = { batch: batch.number, entry, directory };
      this.#report({ ...place, name: batch.name(entry), kind: batch.kind(entry) }, error);
    }
    this.#settle(batch, entry, EntryState.failed);
  }

  /** The entry will be settled by {@linkcode placeHeld} or {@linkcode failHeld}. */
  hold(batch: ReceiveBatch, entry: number): HeldTarget {
    batch.states[entry] = EntryState.held;
    batch.unsettled--;
    this.#held++;
    return {
      batch: batch.number,
      entry,
      ...batch.metadata(entry),
      directory: batch.directoryOf(entry),
      name: copyName(batch.name(entry)),
      replaces: batch.replaces.get(entry),
      isReplacing: batch.replaced.has(entry),
      stamp: batch.isLarge(entry) ? batch.stamp(entry).slice() : undefined,
      isCompared: batch.compared.has(entry),
    };
  }

  placeHeld(held: HeldTarget, { content = noContent, lacks, keptBytes }: Placed): void {
    this.#options.outcome.countLacking(this.#times.lacksOf(held, lacks), held.kind);
    if (held.hasGrown) this.#hasGrown(held.directory, held.name);
    this.#count(held, content, keptBytes);
    if (held.isReplacing) this.#countReplaced(held);
    this.#settleHeld(held, EntryState.placed);
  }

  keepHeld(held: HeldTarget): void {
    this.#options.outcome.skipped++;
    this.#settleHeld(held, EntryState.kept);
  }

  /** Without an error, because a person is asked about it later. */
  failHeld(held: HeldTarget, error?: RcopyError): void {
    this.#options.outcome.failed++;
    if (error) this.#report(held, error);
    this.#settleHeld(held, EntryState.failed);
  }

  /** The sender says that it cannot send an entry: as {@linkcode fail}, without telling it again. */
  failAtSource(batch: ReceiveBatch, entry: number, error: RcopyError): void {
    const directory = batch.directoryOf(entry);
    const path = this.#options.prefixes.show(directory, batch.name(entry));
    this.#options.outcome.report(path, error.code, error.message);
    this.fail(batch, entry);
  }

  failHeldAtSource(held: HeldTarget, error: RcopyError): void {
    const path = this.#options.prefixes.show(held.directory, held.name);
    this.#options.outcome.report(path, error.code, error.message);
    this.#options.outcome.failed++;
    this.#settleHeld(held, EntryState.failed);
  }

  /** Tells the sender of a batch whose plan is made and of which nothing is left but held entries. */
  settleIfDone(batch: ReceiveBatch): void {
    if (!batch.isPlanned || batch.unsettled > 0 || !this.#batches.delete(batch.number)) return;
    const failed: number[] = [];
    const held: number[] = [];
    const kept: number[] = [];
    for (let i = 0; i < batch.count; i++) {
      if (batch.states[i] === EntryState.failed) failed.push(i);
      else if (batch.states[i] === EntryState.held) held.push(i);
      else if (batch.states[i] === EntryState.kept) kept.push(i);
    }
    const { control } = this.#options;
    control.send({
      kind: "batchSettled",
      batch: batch.number,
      failed: Uint32Array.from(failed),
      held: Uint32Array.from(held),
      skipped: Uint32Array.from(kept),
    });
    this.#options.onCredit(batch.creditBytes);
    control.send({ kind: "credit", bytes: batch.creditBytes });
    if (this.isEmpty) this.#options.onAllSettled();
  }

  /** Sends the settlements of held entries that wait to be sent. */
  flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const settled = this.#toFlush;
    if (settled.length === 0) return;
    this.#toFlush = [];
    this.#options.control.send({
      kind: "heldSettled",
      batches: Uint32Array.from(settled, (one) => one.batch),
      entries: Uint32Array.from(settled, (one) => one.entry),
      outcomes: Uint8Array.from(settled, (one) => one.outcome),
    });
  }

  /** Nothing will be sent any more. */
  stop(): void {
    clearTimeout(this.#flushTimer);
    this.#toFlush = [];
  }

  #settle(batch: ReceiveBatch, entry: number, state: number): void {
    const directory = batch.directoryOf(entry);
    if (state !== EntryState.failed && batch.compared.has(entry)) this.#options.outcome.compared++;
    batch.states[entry] = state;
    batch.unsettled--;
    directory.pending--;
    this.#options.onSettled(directory);
    this.settleIfDone(batch);
  }

  #settleHeld(held: HeldTarget, state: number): void {
    this.#held--;
    if (held.isCompared && state !== EntryState.failed) this.#options.outcome.compared++;
    const batch = this.#batches.get(held.batch);
    if (batch) {
      batch.states[held.entry] = state;
    } else {
      this.#toFlush.push({ batch: held.batch, entry: held.entry, outcome: outcomeOf(state) });
      if (this.#toFlush.length >= settlementEntriesMax) this.flush();
      else this.#flushTimer ??= setTimeout(() => this.flush(), flushMs);
    }
    if (held.kind === EntryKind.file) {
      held.directory.pending--;
      this.#options.onSettled(held.directory);
    }
    if (this.isEmpty) this.#options.onAllSettled();
  }

  #count(entry: Omit<HeldTarget, "batch" | "entry">, content: Uint8Array, keptBytes = 0): void {
    const prefix = this.#options.prefixes.of(entry.directory);
    this.#hasher.hash({ ...entry, content, prefix }, this.#entryHash, 0);
    this.hash.add(this.#entryHash);
    if (entry.kind === EntryKind.directory) this.#directoryHash.add(this.#entryHash);
    this.#options.outcome.countPlaced(entry.kind, entry.size, keptBytes);
  }

  /** The sender counts by the receipt, since it may have read a file more than once. */
  #hasGrown(directory: TargetDirectory, name: Uint8Array): void {
    this.#options.outcome.grown++;
    const message = "it is growing at the sender: what it had at the start is copied";
    this.#options.outcome.report(this.#options.prefixes.show(directory, name), "grown", message);
  }

  #countReplaced({ directory, name }: Pick<HeldTarget, "directory" | "name">): void {
    this.#options.outcome.countReplaced(() => this.#options.prefixes.show(directory, name));
  }

  #report(
    refused: RefusedEntry & Pick<HeldTarget, "batch" | "entry">,
    thrown: RcopyError,
  ): void {
    const { batch, entry, directory, name } = refused;
    const error = this.#refusals.explain(refused, thrown);
    this.#options.outcome.report(this.#options.prefixes.show(directory, name), error.code, error.message);
    this.#options.control.send({
      kind: "failure",
      place: { of: "entry", batch, entry },
      code: wireCodeOf[error.code],
      text: textForPeer(error.message),
    });
  }
}

/** What the sender is told of the state of a held entry. */
function outcomeOf(state: number): number {
  if (state === EntryState.failed) return HeldOutcome.failed;
  return state === EntryState.kept ? HeldOutcome.skipped : HeldOutcome.placed;
}
