/**
 * Large files of a sender beside its lanes: those that wait for what the receiver has of them from an earlier run, and the
 * word that a file is verified. The mirror image is `receive/large_files.ts`.
 */
import { RcopyError } from "../../base/errors.ts";
import type { EntryHasher } from "../../codec/entry_hash.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { PathPrefixes } from "../../entry/path_prefixes.ts";
import type { Kept } from "../../wire/data.ts";
import { hashBytes, keptHashesMax } from "../../wire/limits.ts";
import type { Control } from "../session/control.ts";
import { SendState } from "../source/batch.ts";
import type { LargeSource } from "../source/large_file.ts";
import type { SendFailures } from "./failures.ts";
import type { SendPlan } from "./plan.ts";
import type { SendUnsettled } from "./unsettled.ts";

export interface SendLargeFilesOptions {
  control: Control;
  plan: SendPlan;
  unsettled: SendUnsettled;
  failures: SendFailures;
  hasher: EntryHasher;
  prefixes: PathPrefixes;
  /** The receiver has so many content bytes of a file already. */
  onKept: (bytes: number) => void;
  /** What it has is read here as well, before it is believed. */
  mustCompare: boolean;
}

export class SendLargeFiles {
  readonly #options: SendLargeFilesOptions;
  /** Files of which the receiver has told hashes, until it is seen that they are settled. */
  readonly #kept = new Set<LargeSource>();
  /** Hashes of these files. */
  #hashes = 0;

  constructor(options: SendLargeFilesOptions) {
    this.#options = options;
  }

  /** Takes what the receiver has of a file; once that is complete, the rest is sent. @throws {RcopyError} `protocol` */
  onKept(message: Kept): void {
    const { batch, entry, bitmap, hashes, more, basis } = message;
    const source = this.#options.unsettled.large(batch, entry);
    if (!source?.isAwaitingKept) {
      throw new RcopyError(
        "protocol",
        `the peer tells what it keeps of entry ${entry} of batch ${batch}, which nobody waits for`,
      );
    }
    this.#claim(source, hashes.length / hashBytes);
    source.addKept({ first: message.first, bitmap, hashes }, more, basis);
    if (more || source.failure) return;
    if (this.#options.mustCompare && source.keptExtents > 0) {
      source.batch.addCompared(entry);
      source.compareKept();
      return this.#options.plan.addComparedLarge(source);
    }
    this.#sendRest(source);
  }

  /** A lane has read an extent that the receiver keeps. */
  keptRead(source: LargeSource, index: number, hash: Uint8Array): void {
    const { keptComparison } = source;
    if (!keptComparison || keptComparison.outcome !== "open" || source.failure || source.isSettled) return;
    const outcome = keptComparison.compare(index, hash);
    if (outcome === "equal") return this.#sendRest(source);
    if (outcome === "open") return;
    // The receiver begins the file anew, and says so: what is sent before that would be taken for what it has.
    this.awaitKept(source);
  }

  /** The receiver has another file than this one: it hears that, and says what it has of this one. */
  awaitKept(source: LargeSource): void {
    source.awaitKept();
    const [equal, different] = [new Uint32Array(0), Uint32Array.of(source.entry)];
    this.#options.control.send({ kind: "compared", batch: source.batch.number, equal, different });
  }

  /** What the receiver has is known: the rest is sent. */
  #sendRest(source: LargeSource): void {
    this.#options.onKept(source.keptBytes);
    if (source.keptExtents < source.extents) return this.#options.plan.addLarge(source);
    try {
      if (source.verified()) this.vouch(source);
    } catch (error) {
      this.#options.failures.entryFailed(source.batch, source.entry, source.fail(error));
    }
  }

  /** Hashes of files that are settled are gone: they are counted off when there seem to be too many. */
  #claim(source: LargeSource, hashes: number): void {
    if (this.#hashes + hashes > keptHashesMax) {
      for (const one of this.#kept) if (one.isSettled) this.#kept.delete(one);
      this.#hashes = [...this.#kept].reduce((sum, one) => sum + one.keptExtents, 0);
    }
    this.#hashes += hashes;
    if (this.#hashes > keptHashesMax) {
      throw new RcopyError("protocol", `the peer tells of ${this.#hashes} kept extents at a time`);
    }
    this.#kept.add(source);
  }

  /** Says that a file is as it was listed, or longer, with its hash, and takes note of the hash of its entry. */
  vouch(source: LargeSource): void {
    const { control, hasher, prefixes, failures } = this.#options;
    const { batch, entry, grownTo } = source;
    batch.states[entry] = SendState.sent;
    const content = source.digest();
    const grown = grownTo !== undefined;
    control.send({ kind: "fileVerified", batch: batch.number, entry, hash: content, grown });
    if (grown) failures.grown(batch, entry, grownTo);
    hasher.hash(
      {
        kind: EntryKind.file,
        mode: batch.columns.modes[entry]!,
        size: source.size,
        content,
        mtime: batch.columns.mtime(entry),
        prefix: prefixes.of(batch.directoryOf(entry)),
        name: batch.columns.name(entry),
      },
      batch.hashes,
      entry * hashBytes,
    );
  }
}
