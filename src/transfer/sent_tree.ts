/** What the sender has announced and not yet seen settled, and the tree hash of what the receiver placed. */
import { RcopyError } from "../base/errors.ts";
import type { Codec } from "../codec/codec.ts";
import { TreeHash } from "../codec/tree_hash.ts";
import { EntryKind } from "../fs/metadata.ts";
import { extentBytes } from "../wire/limits.ts";
import type { BatchSettled, HeldSettled, Receipt } from "../wire/messages.ts";
import { entryKey } from "./entry_key.ts";
import type { EntryHasher } from "./entry_hash.ts";
import type { LargeSource } from "./large_source.ts";
import { type SendBatch, SendState } from "./manifest.ts";
import type { Outcome } from "./outcome.ts";
import type { PathNode, PathPrefixes } from "./paths.ts";

const hashBytes = 16;

/** An entry that outlives its batch: a directory, a link, a large file under way. */
interface HeldEntry {
  kind: number;
  size: number;
  directory: PathNode;
  name: Uint8Array;
  /** Of a directory or link. A large file has it in its batch's hashes, once it has been read. */
  hash: Uint8Array | undefined;
  large: LargeSource | undefined;
}

export class SentTree {
  readonly hash = new TreeHash();
  readonly #outcome: Outcome;
  readonly #batches = new Map<number, SendBatch>();
  readonly #held = new Map<number, HeldEntry>();

  constructor(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** Remembers a batch, and hashes the entries that have no content to wait for. */
  announce(batch: SendBatch, hasher: EntryHasher, prefixes: PathPrefixes, codec: Codec): void {
    this.#batches.set(batch.number, batch);
    let link = 0;
    for (const [at, group] of batch.groups.entries()) {
      const end = batch.groups[at + 1]?.start ?? batch.count;
      const prefix = prefixes.of(group.directory);
      for (let i = group.start; i < end; i++) {
        const kind = batch.columns.kinds[i] as EntryKind;
        if (kind === EntryKind.file) continue;
        const content = kind === EntryKind.link
          ? codec.hashBytes(batch.linkTexts[link++]!)
          : new Uint8Array(hashBytes);
        const entry = {
          kind,
          mode: batch.columns.modes[i]!,
          size: 0,
          content,
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
    return this.#batches.get(batch)?.large.get(entry) ?? this.#held.get(entryKey(batch, entry))?.large;
  }

  /** The escaped path of an entry that is not settled. */
  pathOf(number: number, entry: number, prefixes: PathPrefixes): string {
    const held = this.#held.get(entryKey(number, entry));
    if (held) return prefixes.show(held.directory, held.name);
    const batch = this.batch(number);
    if (entry >= batch.count) throw unknownEntry(number, entry);
    return prefixes.show(batch.directoryOf(entry), batch.columns.name(entry));
  }

  settle({ batch: number, failed, held }: BatchSettled): void {
    const batch = this.batch(number);
    const isFailed = new Uint8Array(batch.count);
    const isHeld = new Uint8Array(batch.count);
    for (const entry of failed) {
      if (entry >= batch.count) throw unknownEntry(number, entry);
      isFailed[entry] = 1;
    }
    for (const entry of held) {
      if (entry >= batch.count || isFailed[entry]) throw unknownEntry(number, entry);
      isHeld[entry] = 1;
    }
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.columns.kinds[i]!;
      if (isFailed[i]) {
        batch.states[i] = SendState.failed; // the plan, which may not have come to it yet, leaves it out
        this.#fail(batch.large.get(i));
      } else if (isHeld[i]) this.#hold(batch, i);
      else if (batch.states[i] === SendState.unwanted) this.#outcome.skipped++;
      else {
        // A directory or link that is not held has been placed already.
        const isKnown = kind === EntryKind.file
          ? batch.states[i] === SendState.sent
          : batch.states[i] === SendState.wanted;
        if (!isKnown) throw neverSent(number, i);
        this.#place(kind, batch.columns.sizes[i]!, batch.hashes, i * hashBytes);
        batch.large.get(i)?.[Symbol.dispose]();
      }
    }
    this.#batches.delete(number);
    batch.release();
  }

  settleHeld({ batches, entries, failed }: HeldSettled): void {
    for (let i = 0; i < batches.length; i++) {
      const key = entryKey(batches[i]!, entries[i]!);
      const held = this.#held.get(key);
      if (!held) throw unknownEntry(batches[i]!, entries[i]!);
      this.#held.delete(key);
      if (failed[i]) {
        this.#fail(held.large);
      } else if (held.large) {
        if (!held.large.isVerified) throw neverSent(batches[i]!, entries[i]!);
        this.#place(held.kind, held.size, held.large.batch.hashes, held.large.entry * hashBytes);
        held.large[Symbol.dispose]();
      } else {
        this.#place(held.kind, held.size, held.hash!, 0);
      }
    }
  }

  /** Why a receipt is not what this side counted, or `undefined` when it is. */
  whyDisagree(receipt: Receipt): string | undefined {
    if (this.#batches.size > 0 || this.#held.size > 0) {
      return `${this.#batches.size} batches and ${this.#held.size} entries were never settled`;
    }
    const ours = this.#outcome;
    for (const count of ["files", "directories", "links", "skipped", "failed", "changed"] as const) {
      if (receipt[count] !== ours[count]) return `${receipt[count]} ${count} there, ${ours[count]} here`;
    }
    if (receipt.bytes !== BigInt(ours.bytes)) return `${receipt.bytes} bytes there, ${ours.bytes} here`;
    const sum = this.hash.sum;
    const same = receipt.treeCount === this.hash.count && receipt.treeSum.every((byte, i) => byte === sum[i]);
    return same ? undefined : "the tree hashes differ";
  }

  /** Lets go of everything that is still open. */
  release(): void {
    for (const batch of this.#batches.values()) {
      for (const large of batch.large.values()) large[Symbol.dispose]();
      batch.release();
    }
    for (const held of this.#held.values()) held.large?.[Symbol.dispose]();
  }

  #place(kind: number, size: number, hashes: Uint8Array, at: number): void {
    this.hash.add(hashes, at);
    this.#outcome.countPlaced(kind, size);
  }

  #fail(large: LargeSource | undefined): void {
    this.#outcome.failed++;
    if (!large) return;
    large.failure ??= new RcopyError("io", "failed at the receiver");
    large[Symbol.dispose]();
  }

  #hold(batch: SendBatch, entry: number): void {
    const { columns } = batch;
    const kind = columns.kinds[entry]!;
    const large = batch.large.get(entry);
    const isSmallFile = kind === EntryKind.file && columns.sizes[entry]! <= extentBytes;
    if (isSmallFile || (kind === EntryKind.file && !large?.hasBegun)) throw neverSent(batch.number, entry);
    this.#held.set(entryKey(batch.number, entry), {
      kind,
      size: columns.sizes[entry]!,
      directory: batch.directoryOf(entry),
      name: columns.name(entry).slice(),
      hash: large ? undefined : batch.hashes.slice(entry * hashBytes, (entry + 1) * hashBytes),
      large,
    });
  }
}

function unknownEntry(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer names entry ${entry} of batch ${batch}, which is not under way`,
  );
}

function neverSent(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer settled entry ${entry} of batch ${batch}, which was never sent`,
  );
}
