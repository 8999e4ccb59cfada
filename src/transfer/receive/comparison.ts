/**
 * Content compared with what the sender has, in place of size and time. The mirror image is `send/comparison.ts`.
 *  1. hold    the plan found a file of the wanted size; the entry is named in `Wants`
 *  2. read    what is there, beside everything else, and tell what it hashes to (`comparison_reader.ts`)
 *  3. settle  what the sender calls equal gets mode and time, and is skipped; what is not comes as content
 */
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine, EntryLookup, FileMetadata } from "../../io/contract/engine.ts";
import type { Compared } from "../../wire/data.ts";
import type { PlannedEntry } from "../session/outcome.ts";
import type { SessionRun } from "../session/session_run.ts";
import { entryKey } from "../session/entry_key.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import { correctMetadata } from "./correction.ts";
import { asEntryError } from "../target/errors.ts";
import type { FileSystems } from "../target/file_systems.ts";
import type { LargeTarget } from "../target/large_file.ts";
import type { Placement } from "../target/placement.ts";
import type { TargetDirectory } from "../target/tree.ts";
import type { ReceiveBasis } from "./basis.ts";
import { type ComparedFiles, type ComparedLarge, ComparisonReader } from "./comparison_reader.ts";
import { type LargeFiles, unexpected } from "./large_files.ts";
import { type Questions, refusalOf } from "./questions.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

export interface ReceiveComparisonOptions {
  run: SessionRun<"receiver">;
  engine: Engine;
  /** Of the session. */
  codec: Codec;
  placement: Placement;
  fileSystems: FileSystems;
  unsettled: ReceiveUnsettled;
  large: LargeFiles;
  basis: ReceiveBasis;
  questions: Questions;
  dryRun: boolean;
  /** In a dry run: the content is another. */
  onImagined: (directory: TargetDirectory, name: Uint8Array, planned: PlannedEntry) => void;
  mtimeResolutionNs: number;
}

/** A file in its directory. */
interface Place {
  directory: TargetDirectory;
  name: EntryName;
}

export class ReceiveComparison {
  readonly #options: ReceiveComparisonOptions;
  /** Large files of which the sender has not said what came of them, by {@linkcode entryKey}. */
  readonly #large = new Map<number, ComparedLarge>();
  readonly #reader: ComparisonReader;

  constructor(options: ReceiveComparisonOptions) {
    this.#options = options;
    this.#reader = new ComparisonReader(options);
  }

  /** The sender has been told which files of a batch are compared: they are read. */
  add(batch: ReceiveBatch): void {
    const small = [...batch.compared.keys()].filter((entry) => !batch.isLarge(entry));
    const large = batch.comparedLarge.map((held): ComparedLarge => {
      const found = batch.compared.get(held.entry)!;
      const isBasis = !this.#options.dryRun && this.#options.basis.mayUse(held.size);
      return { held, found, hashes: 0, isTold: false, isOpen: true, isBasis };
    });
    for (const one of large) this.#large.set(entryKey(batch.number, one.held.entry), one);
    const files: ComparedFiles[] = small.length > 0 ? [{ batch, entries: small }] : [];
    this.#reader.add(files, large);
  }

  /** The session has ended. */
  end(): void {
    this.#reader.end();
  }

  /** The sender has compared files. @throws {RcopyError} `protocol` for one that it cannot have compared */
  onCompared({ batch: number, equal, different }: Compared): void {
    const { dryRun, large } = this.#options;
    for (const entry of equal) this.#settle(number, entry, "equal");
    for (const entry of different) {
      if (dryRun) this.#settle(number, entry, "different");
      else if (!this.#useAsBasis(number, entry) && !large.beginAnew(number, entry)) {
        throw unasked(number, entry);
      }
    }
  }

  /** What is there of a large file is another version, of which the sender waits to hear. False where it does not. */
  #useAsBasis(number: number, entry: number): boolean {
    const one = this.#large.get(entryKey(number, entry));
    if (!one?.isBasis) return false;
    if (!one.isTold && one.hashes === 0) throw unasked(number, entry);
    const { held } = one;
    this.#close(one);
    // What is told as compared has an end, so that what is told as kept is told from it.
    if (!one.isTold) this.#reader.tellEnd(one);
    const refusal = this.#whyNotReplace(held, held.size);
    if (refusal) this.#options.unsettled.failHeld(held, refusal === "later" ? undefined : refusal);
    else this.#options.large.tell(held);
    return true;
  }

  /** Content of a small file has come, so it is another. @returns whether it may be placed; else it has failed */
  beginSmall(batch: ReceiveBatch, entry: number): boolean {
    const place = { directory: batch.directoryOf(entry), name: batch.name(entry) };
    const refusal = this.#whyNotReplace(place, batch.size(entry));
    if (refusal) this.#options.unsettled.fail(batch, entry, refusal === "later" ? undefined : refusal);
    else batch.states[entry] = EntryState.wanted;
    return refusal === undefined;
  }

  /**
   * Content of a large file has come, or word of it: where it was being compared, it is another, and is begun.
   * `undefined` where it was not compared, or failed.
   * @throws {RcopyError} `protocol` where the sender cannot know that
   */
  beginLarge(batch: number, entry: number): LargeTarget | undefined {
    const one = this.#large.get(entryKey(batch, entry));
    if (!one) return undefined;
    if (this.#options.dryRun) throw unexpected(batch, entry, "in a dry run");
    if (!one.isTold && one.hashes === 0) {
      throw unexpected(batch, entry, "of which it has not been told what is there");
    }
    if (one.isBasis) throw unexpected(batch, entry, "which it did not call another one");
    const { held } = one;
    this.#close(one);
    const refusal = this.#whyNotReplace(held, held.size);
    if (!refusal) return this.#options.large.beginHeld(held);
    this.#options.unsettled.failHeld(held, refusal === "later" ? undefined : refusal);
    return undefined;
  }

  /** The sender has given up a large file that was being compared; false where it is none. */
  failAtSource(batch: number, entry: number, error: RcopyError): boolean {
    const one = this.#large.get(entryKey(batch, entry));
    if (!one) return false;
    this.#close(one);
    this.#options.unsettled.failHeldAtSource(one.held, error);
    return true;
  }

  /** Some times a second. */
  onTick(): void {
    this.#reader.lookForRoom();
  }

  #settle(number: number, entry: number, outcome: "equal" | "different"): void {
    const one = this.#large.get(entryKey(number, entry));
    if (one) {
      // One extent tells that a file is another, all of them that it is the same.
      if (outcome === "equal" ? !one.isTold : !one.isTold && one.hashes === 0) throw unasked(number, entry);
      return this.#settleLarge(one, outcome);
    }
    const batch = this.#options.unsettled.find(number);
    if (batch?.states[entry] !== EntryState.told) throw unasked(number, entry);
    this.#settleSmall(batch, entry, outcome);
  }

  #settleSmall(batch: ReceiveBatch, entry: number, outcome: "equal" | "different"): void {
    const { unsettled, run } = this.#options;
    const place = { directory: batch.directoryOf(entry), name: batch.name(entry) };
    const wanted = batch.metadata(entry);
    run.counts.bytesKept += wanted.size;
    try {
      if (outcome === "equal") this.#correct(place, wanted, batch.compared.get(entry)!);
      else this.#imagine(place, wanted.size);
    } catch (thrown) {
      return unsettled.fail(batch, entry, asEntryError(thrown, place.directory));
    }
    unsettled.skip(batch, entry);
  }

  #settleLarge(one: ComparedLarge, outcome: "equal" | "different"): void {
    const { unsettled, run, dryRun, placement, codec } = this.#options;
    const { held, found } = one;
    this.#close(one);
    run.counts.bytesKept += held.size;
    try {
      if (outcome === "different") this.#imagine(held, held.size);
      else {
        if (!dryRun) placement.removeLeft(codec, held.directory, held.name);
        this.#correct(held, held, found);
      }
    } catch (thrown) {
      return unsettled.failHeld(held, asEntryError(thrown, held.directory));
    }
    unsettled.keepHeld(held);
  }

  #close(one: ComparedLarge): void {
    this.#large.delete(entryKey(one.held.batch, one.held.entry));
    one.isOpen = false;
    this.#reader.lookForRoom();
  }

  #correct({ directory, name }: Place, wanted: FileMetadata, found: EntryLookup): void {
    const { engine, placement, run, dryRun, mtimeResolutionNs } = this.#options;
    if (dryRun) return;
    placement.willWrite(directory);
    const lacks = correctMetadata(engine, {
      directory: directory.handle!,
      name,
      found,
      wanted,
      mtimeResolutionNs,
    });
    run.outcome.countLacking(lacks, EntryKind.file);
  }

  #imagine({ directory, name }: Place, size: number): void {
    const planned = { kind: EntryKind.file, size, replaces: true, differs: true };
    this.#options.onImagined(directory, name, planned);
  }

  /** Why what is there is not replaced; `later` where a person is asked first. @throws {RcopyError} `no-space` where the destination itself is full */
  #whyNotReplace({ directory, name }: Place, size: number): RcopyError | "later" | undefined {
    const { placement, fileSystems, questions } = this.#options;
    const answer = questions.may("replace", directory, name);
    if (answer !== "yes") return answer === "later" ? answer : refusalOf("replace");
    const refusal = placement.whyNotWritable(directory);
    if (refusal) return refusal;
    const claim = { bytes: size, returned: size, isNew: false };
    try {
      fileSystems.budgetOf(directory).claim(claim, () => directory.handle!.shown, name);
      return undefined;
    } catch (thrown) {
      return asEntryError(thrown, directory);
    }
  }
}

function unasked(batch: number, entry: number): RcopyError {
  return new RcopyError(
    "protocol",
    `the peer has compared entry ${entry} of batch ${batch}, which it cannot know`,
  );
}
