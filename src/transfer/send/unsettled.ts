/** Announced entries that the receiver has not settled yet, and the tree hash of those that it placed. The mirror image is `receive/unsettled.ts`. */
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { TreeHash } from "../../codec/tree_hash.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { hashAt } from "../../codec/hash.ts";
import { hashBytes } from "../../wire/limits.ts";
import { type BatchSettled, HeldOutcome, type HeldSettled } from "../../wire/settlement.ts";
import { entryKey } from "../session/entry_key.ts";
import type { EntryHasher } from "../../codec/entry_hash.ts";
import type { LargeSource } from "../source/large_file.ts";
import { type SendBatch, SendState } from "../source/batch.ts";
import type { Outcome } from "../session/outcome.ts";
import type { PathNode, PathPrefixes } from "../../entry/path_prefixes.ts";

/** An entry that outlives its batch: a directory, a link, a large file under way. */
interface HeldEntry {
  kind: number;
  size: number;
  directory: PathNode;
  name: Uint8Array;
  /** Of a directory or link. A large file has it in its batch's hashes, once it has been read. */
  hash: Uint8Array | undefined;
}

export interface SendUnsettledOptions {
  outcome: Outcome;
  codec: Codec;
  hasher: EntryHasher;
  prefixes: PathPrefixes;
  /** Large files that are being sent, by {@linkcode entryKey}; one leaves when it is settled. */
  large: Map<number, LargeSource>;
}

export class SendUnsettled {
  readonly hash = new TreeHash();
  readonly #options: SendUnsettledOptions;
  readonly #outcome: Outcome;
  readonly #batches = new Map<number, SendBatch>();
  readonly #large: Map<number, LargeSource>;
  readonly #held = new Map<number, HeldEntry>();

  constructor(options: SendUnsettledOptions) {
    this.#options = options;
    this.#outcome = options.outcome;
    this.#large = options.large;
  }

  /** The number of batches and held entries. */
  get remaining(): { batches: number; entries: number } {
    return { batches: this.#batches.size, entries: this.#held.size };
  }

  /** Remembers a batch, and hashes the entries that have no content to wait for. */
  add(batch: SendBatch): void {
    const { hasher, prefixes, codec } = this.#options;
    this.#batches.set(batch.number, batch);
    let link = 0;
    for (const [at, group] of batch.groups.entries()) {
      const end = batch.groups[at + 1]?.start ?? batch.count;
      const prefix = prefixes.of(group.directory);
      for (let i = group.start; i < end; i++) {
        const kind = batch.columns.kinds[i] as EntryKind;
        if (kind === EntryKind.file) continue;
        const content = kind === EntryKind.link
          ? codec.hashOf(batch.linkTexts[link++]!)
          : new Uint8Array(hashBytes);
        const entry = {
          kind,
          mode: batch.columns.modes[i]!,
          size: 0,
          content,
          mtime: batch.columns.mtime(i),
          prefix,
          name: batch.columns.name(i),
        };
        hasher.hash(entry, batch.hashes, i * hashBytes);
      }
    }
  }

  /** An announced batch that is not settled. @throws {RcopyError} `protocol` */
  batch(number: number): SendBatch {
    const batch = this.#batches.get(number);
    if (!batch) throw new RcopyError("protocol", `the peer names batch ${number}, which is not under way`);
    return batch;
  }

  /** A large file that has been begun and is not settled. */
  large(batch: number, entry: number): LargeSource | undefined {
    return this.#large.get(entryKey(batch, entry));
  }

  /** The escaped path of an entry that is not settled. */
  pathOf(number: number, entry: number): string {
    const { prefixes } = this.#options;
    const held = this.#held.get(entryKey(number, entry));
    if (held) return prefixes.show(held.directory, held.name);
    const batch = this.batch(number);
    if (entry >= batch.count) throw unknownEntry(number, entry);
    return prefixes.show(batch.directoryOf(entry), batch.columns.name(entry));
  }

  settle(message: BatchSettled): void {
    const { batch: number } = message;
    const batch = this.batch(number);
    if (!batch.isPlanned) {
      throw new RcopyError(
        "protocol",
        `the peer settled batch ${number}, and never said what it wants of it`,
      );
    }
    const told = toldOf(message, batch.count);
    // Of a file that was there, of which nothing was compared, nothing is kept here either: most of a copy that goes on.
    const isPlain = !batch.hasCompared && this.#large.size === 0;
    let unwanted = 0;
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.columns.kinds[i]!;
      if (told[i] === 0 && batch.states[i] === SendState.unwanted && isPlain) {
        unwanted++;
        continue;
      }
      if (told[i] === Told.failed) {
        batch.states[i] = SendState.failed; // the plan, which may not have come to it yet, leaves it out
        this.#fail(entryKey(number, i));
      } else if (told[i] !== 0 && batch.states[i] === SendState.unwanted && !batch.isCompared(i)) {
        // It was there when the batch was planned, so that nothing is to come of it.
        throw notDue(number, i, "which it did not want");
      } else if (told[i] === Told.held) this.#hold(batch, i);
      else if (batch.states[i] === SendState.unwanted) {
        this.#outcome.countSkipped(batch.isCompared(i));
        this.#drop(entryKey(number, i));
      } else {
        // A directory or link that is not held has been placed already.
        const isKnown = kind === EntryKind.file
          ? batch.states[i] === SendState.sent
          : batch.states[i] === SendState.wanted;
        if (!isKnown) throw notDue(number, i, "which was never sent");
        if (told[i] === Told.skipped) this.#skip(batch.isCompared(i), { kind, batch: number, entry: i });
        else {
          this.hash.add(batch.hashes, i * hashBytes);
          const keptBytes = this.#large.get(entryKey(number, i))?.keptBytes;
          this.#outcome.countPlaced(kind, batch.sizeOf(i), keptBytes);
          if (batch.isCompared(i)) this.#outcome.compared++;
        }
        this.#drop(entryKey(number, i));
      }
    }
    this.#outcome.skipped += unwanted;
    this.#batches.delete(number);
    batch.release();
  }

  settleHeld({ batches, entries, outcomes }: HeldSettled): void {
    for (let i = 0; i < batches.length; i++) {
      const key = entryKey(batches[i]!, entries[i]!);
      const held = this.#held.get(key);
      if (!held) throw unknownEntry(batches[i]!, entries[i]!);
      this.#held.delete(key);
      const large = this.#large.get(key);
      if (outcomes[i] === HeldOutcome.failed) {
        this.#fail(key);
      } else if (outcomes[i] === HeldOutcome.skipped) {
        const isCompared = large?.batch.isCompared(large.entry) ?? false;
        this.#skip(isCompared, { kind: held.kind, batch: batches[i]!, entry: entries[i]! });
        this.#drop(key);
      } else if (large) {
        if (!large.isVerified) throw notDue(batches[i]!, entries[i]!, "which was never sent");
        this.hash.add(large.batch.hashes, large.entry * hashBytes);
        this.#outcome.countPlaced(held.kind, held.size, large.keptBytes);
        if (large.batch.isCompared(large.entry)) this.#outcome.compared++;
        this.#drop(key);
      } else {
        this.hash.add(held.hash!);
        this.#outcome.countPlaced(held.kind, held.size);
      }
    }
  }

  /** Lets go of everything that is still open. */
  release(): void {
    for (const large of this.#large.values()) large[Symbol.dispose]();
    for (const batch of this.#batches.values()) batch.release();
  }

  /** An entry was there, of the same size and time, when it was about to be placed. */
  #skip(isCompared: boolean, { kind, batch, entry }: { kind: number; batch: number; entry: number }): void {
    if (kind === EntryKind.directory) throw notDue(batch, entry, "a directory, as skipped");
    this.#outcome.countSkipped(isCompared);
  }

  #fail(key: number): void {
    this.#outcome.failed++;
    const large = this.#large.get(key);
    if (large) large.failure ??= new RcopyError("io", "failed at the receiver");
    this.#drop(key);
  }

  /** Lets go of a large file, if the key is of one. */
  #drop(key: number): void {
    this.#large.get(key)?.[Symbol.dispose]();
    this.#large.delete(key);
  }

  #hold(batch: SendBatch, entry: number): void {
    const { columns } = batch;
    const kind = columns.kinds[entry]!;
    const large = this.#large.get(entryKey(batch.number, entry));
    // A small file is never held: its batch waits for it.
    if (kind === EntryKind.file && !large?.hasBegun) {
      throw notDue(batch.number, entry, "which was never sent");
    }
    this.#held.set(entryKey(batch.number, entry), {
      kind,
      size: batch.sizeOf(entry),
      directory: batch.directoryOf(entry),
      name: columns.name(entry).slice(),
      hash: large ? undefined : hashAt(batch.hashes, entry).slice(),
    });
  }
}

/** What a settlement tells of an entry; 0 where it names it nowhere. */
const Told = { failed: 1, held: 2, skipped: 3 } as const;

/** @throws {RcopyError} `protocol` where it names an entry that the batch has not, or twice */
function toldOf({ batch, failed, held, skipped }: BatchSettled, count: number): Uint8Array {
  const told = new Uint8Array(count);
  for (
    const [entries, what] of [[failed, Told.failed], [held, Told.held], [skipped, Told.skipped]] as const
  ) {
    for (const entry of entries) {
      if (entry >= count || told[entry] !== 0) throw unknownEntry(batch, entry);
      told[entry] = what;
    }
  }
  return told;
}

function unknownEntry(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer names entry ${entry} of batch ${batch}, which is not under way`,
  );
}

function notDue(batch: number, entry: number, why: string): RcopyError {
  return new RcopyError("protocol", `the peer settled entry ${entry} of batch ${batch}, ${why}`);
}
