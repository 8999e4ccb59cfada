/**
 * The receiver's plan for one batch: what is missing here?
 *  1. check   the whole batch as it arrives: directory numbers, names that come twice; nothing has been touched yet
 *  2. look    at what is there already, one batched call a directory
 *  3. decide  for each entry: wanted, skipped or failed (`decide` is pure)
 *  4. make    directories, so that the batch is ready for its data
 */
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind, kindNames, type Metadata } from "../../entry/metadata.ts";
import type { Engine, EntryLookup, Replaceable } from "../../io/contract/engine.ts";
import { FoundEntries } from "../../io/contract/found.ts";
import { extentBytes } from "../../wire/limits.ts";
import type { PlannedEntry as Imagined } from "../session/outcome.ts";
import { appearedError, asEntryError } from "../target/errors.ts";
import type { LeftOfFile, Placement } from "../target/placement.ts";
import { type EntryGroup, EntryState, type ReceiveBatch } from "../target/batch.ts";
import type { ExistsPolicy } from "./policy.ts";
import { type Matter, type Questions, refusalOf } from "./questions.ts";
import type { SettingsGuard } from "./settings.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";
import type { TargetDirectory, TargetTree } from "../target/tree.ts";
import { type FileSystems, isLater, sameTime } from "../target/file_systems.ts";
import { isLinkTo, markUnchanged, type Standing, type StandingEntries } from "../target/standing.ts";

export interface ReceivePlanOptions {
  engine: Engine;
  /** Of the session. */
  codec: Codec;
  tree: TargetTree;
  placement: Placement;
  unsettled: ReceiveUnsettled;
  standing: StandingEntries;
  fileSystems: FileSystems;
  exists: ExistsPolicy;
  /** Content is compared, not size and time. */
  check: boolean;
  /** Whether an older version of a file of so many bytes is to serve for it. */
  mayUseOlder: (bytes: number) => boolean;
  /** Absent where nothing that lands is settings, or all of it may be. */
  settings?: SettingsGuard | undefined;
  /** What a person has to agree to. */
  questions: Questions;
  /** Everything was announced as wanted before the plan: nothing can be skipped. */
  mustCopy: boolean;
  /** Nothing is made; what would be copied is reported instead. */
  dryRun: boolean;
  onImagined: (directory: TargetDirectory, name: Uint8Array, planned: Imagined) => void;
  /** What has changed since then (ns since 1970) may be of an earlier session: what is the same of it is skipped, whatever `exists` says. */
  ownSinceNs: bigint | undefined;
  /** Step of times, in nanoseconds, that both ends can keep. */
  mtimeResolutionNs: number;
  /** The states of a batch say what is wanted; called before anything of it is reported as settled. */
  onPlanned: (batch: ReceiveBatch) => void;
}

/** An entry of a batch, and the directory that it belongs to. */
interface PlannedEntry {
  batch: ReceiveBatch;
  entry: number;
  directory: TargetDirectory;
}

const nothingLeft: LeftOfFile = { bytes: 0, hasJournal: false };

export class ReceivePlan {
  readonly #options: ReceivePlanOptions;

  constructor(options: ReceivePlanOptions) {
    this.#options = options;
  }

  /**
   * Plans a batch that has been checked; afterwards its states say what is wanted.
   * @throws {RcopyError} `no-space`, `destination` …
   */
  make(batch: ReceiveBatch): void {
    for (const group of batch.groups) this.#planGroup(batch, group);
    batch.isPlanned = true;
    this.#options.onPlanned(batch);
    for (const number of batch.manifest.closed) {
      const directory = this.#options.tree.find(number)!;
      directory.closed = true;
      this.#options.placement.completeFrom(directory, this.#options.unsettled);
    }
    batch.announced.clear();
    this.#options.unsettled.settleIfDone(batch);
  }

  /**
   * Checks a batch as a whole, when it arrives, and gives its directories their numbers. No effect on the file system.
   * @throws {RcopyError} `protocol`
   */
  check(batch: ReceiveBatch): void {
    const { groupDirectories, groupCounts } = batch.manifest;
    let entry = 0;
    for (let group = 0; group < groupDirectories.length; group++) {
      const directory = this.#options.tree.open(groupDirectories[group]!);
      const start = entry;
      const end = start + groupCounts[group]!;
      batch.groups.push({ directory, start, end });
      directory.pending += end - start;
      for (; entry < end; entry++) {
        if (!batch.addNameTo(directory, entry)) {
          throw new RcopyError(
            "protocol",
            `the manifest has one name twice in directory ${directory.number}`,
          );
        }
        if (batch.kind(entry) !== EntryKind.directory) continue;
        const name = batch.name(entry);
        const announced = { parent: directory, name, mode: batch.mode(entry), mtime: batch.mtime(entry) };
        batch.announced.set(entry, this.#options.tree.announce(announced));
      }
    }
    if (entry !== batch.count) {
      throw new RcopyError("protocol", `batch ${batch.number} has entries without a directory`);
    }
    for (const number of batch.manifest.closed) this.#options.tree.seal(number);
  }

  #planGroup(batch: ReceiveBatch, group: EntryGroup): void {
    const { directory, start, end } = group;
    const found = directory.origin === "existing" ? this.#lookUp(batch, group) : undefined;
    const hasRows = found instanceof FoundEntries;
    if (hasRows) this.#skipUnchanged(batch, group, found);
    for (let entry = start; entry < end; entry++) {
      if (batch.states[entry] === EntryState.skipped) continue;
      const at = { batch, entry, directory };
      if (directory.origin === "failed") this.#fail(at);
      else if (found instanceof RcopyError) this.#fail(at, found);
      else this.#planEntry(at, hasRows ? this.#standingAt(at, found.at(entry - start)) : undefined);
    }
  }

  /** Most entries of a copy that goes on end here. Where names fold, each must be judged. */
  #skipUnchanged(batch: ReceiveBatch, group: EntryGroup, found: FoundEntries): void {
    const { exists, check, mustCopy, settings, mtimeResolutionNs, unsettled } = this.#options;
    if (exists !== "changed" || check || mustCopy || settings) return;
    unsettled.skipMarked(batch, group.directory, markUnchanged(batch, group, found, mtimeResolutionNs));
  }

  #standingAt({ batch, entry, directory }: PlannedEntry, found: ReturnType<FoundEntries["at"]>) {
    return this.#options.standing.judge(directory, batch.name(entry), found);
  }

  /** The entries that exist of a group; one error for all of it if the directory cannot be looked into any more. */
  #lookUp(batch: ReceiveBatch, { directory, start, end }: EntryGroup) {
    if (directory.ownNames) this.#options.placement.makeWay(directory, batch.namesOf(start, end));
    try {
      return this.#options.standing.lookUp(directory, batch.nameRun(start, end));
    } catch (thrown) {
      return asEntryError(thrown, directory);
    }
  }

  #planEntry(at: PlannedEntry, standing: Standing | RcopyError | undefined): void {
    if (standing instanceof RcopyError) return this.#fail(at, standing);
    const { batch, entry, directory } = at;
    const wanted = batch.metadata(entry);
    const found = standing?.found;
    const decision = standing && !standing.isUnfinished ? this.#decide(at, wanted, standing.found) : "copy";
    if (decision instanceof RcopyError) return this.#fail(at, decision);
    const { settings, questions, unsettled, dryRun } = this.#options;
    const isOfSettings = settings?.holds(directory, batch.name(entry)) ?? false;
    const isThere = decision === "skip" || (decision === "copy" && found && this.#isSameLink(at, found));
    if (isThere && wanted.kind !== EntryKind.directory) {
      // What is there of settings stays as it is, its mode too.
      return isOfSettings && !questions.allows("settings")
        ? unsettled.skip(batch, entry)
        : this.#skip(at, found!);
    }
    if (isOfSettings && !this.#isAgreed(at, "settings")) return;
    if (wanted.kind === EntryKind.directory) return this.#planDirectory(at, found);
    // Whether it is replaced shows when it has been compared.
    if (decision === "compare") return this.#compare(at, found!);
    const isReplacing = found !== undefined && !standing!.isUnfinished;
    if (dryRun) return this.#imagine(at, isReplacing);
    // Who agrees that settings change has agreed to this; and what this transfer has placed is nobody's.
    if (isReplacing && !isOfSettings && !this.#mayBeOwn(found) && !this.#isAgreed(at, "replace")) return;
    this.#planContent(at, wanted, { found, isReplacing });
  }

  /** A file or link that is to be copied. `isReplacing`: what is there is somebody's; what an interrupted run left unfinished is nobody's loss. */
  #planContent(
    at: PlannedEntry,
    wanted: Metadata,
    { found, isReplacing }: { found: EntryLookup | undefined; isReplacing: boolean },
  ): void {
    const { batch, entry, directory } = at;
    const isLarge = wanted.kind === EntryKind.file && wanted.size > extentBytes;
    const left = isLarge && directory.origin === "existing"
      ? this.#options.placement.leftOf(directory, batch.name(entry))
      : nothingLeft;
    const refusal = this.#whyNot(at, wanted, { found, left });
    if (refusal) return this.#fail(at, refusal);
    if (found) batch.replaces.set(entry, replaceable(found));
    if (isReplacing) batch.replaced.add(entry);
    this.#want(at, left);
  }

  #want(at: PlannedEntry, left: LeftOfFile): void {
    const { batch, entry, directory } = at;
    if (batch.kind(entry) === EntryKind.link) return this.#planLink(at);
    this.#options.placement.willWrite(directory);
    const hasOlder = batch.replaces.has(entry) && this.#options.mayUseOlder(batch.size(entry));
    if (!this.#options.mustCopy && (left.hasJournal || hasOlder)) {
      batch.kept.push(this.#options.unsettled.hold(batch, entry));
    } else batch.states[entry] = EntryState.wanted;
  }

  /** Whether an entry may be done; otherwise it has failed, or is put off until a person has been asked. */
  #isAgreed(at: PlannedEntry, matter: Matter): boolean {
    const answer = this.#options.questions.may(matter, at.directory, at.batch.name(at.entry));
    if (answer === "yes") return true;
    this.#fail(at, answer === "no" ? refusalOf(matter) : undefined);
    return false;
  }

  #decide({ directory }: PlannedEntry, wanted: Metadata, found: EntryLookup): Decision {
    const { check, mtimeResolutionNs, mustCopy } = this.#options;
    const exists = this.#mayBeOwn(found) ? "changed" : this.#options.exists;
    const decision = decide(wanted, found, { exists, check, mtimeResolutionNs });
    if (decision === "compare") return mustCopy ? "copy" : "compare";
    if (
      decision === "copy" && exists === "changed" &&
      this.#options.fileSystems.hasTime(directory, wanted, found)
    ) {
      return mustCopy ? "copy" : "skip";
    }
    // Everything was announced as wanted: nothing can be left any more that appeared since.
    if (decision !== "skip" || !mustCopy) return decision;
    return exists === "skip" || exists === "newer" ? appearedError(exists) : "copy";
  }

  /** Both ends read what it is before anything comes of it; what that needs is claimed when it turns out to be another. */
  #compare({ batch, entry }: PlannedEntry, found: EntryLookup): void {
    batch.compared.set(entry, found);
    batch.replaces.set(entry, replaceable(found));
    batch.replaced.add(entry);
    if (batch.isLarge(entry)) batch.comparedLarge.push(this.#options.unsettled.hold(batch, entry));
    else batch.states[entry] = EntryState.compared;
  }

  /** Whether an earlier session of the transfer may have placed it. */
  #mayBeOwn({ ctimeNs }: EntryLookup): boolean {
    const { ownSinceNs } = this.#options;
    return ownSinceNs !== undefined && ctimeNs >= ownSinceNs;
  }

  /** Why an entry cannot be made in its directory. @throws {RcopyError} `no-space` where the destination itself is full */
  #whyNot(
    { batch, entry, directory }: PlannedEntry,
    wanted: Metadata,
    { found, left }: { found?: EntryLookup | undefined; left: LeftOfFile } = { left: nothingLeft },
  ): RcopyError | undefined {
    const { placement, fileSystems } = this.#options;
    const refusal = placement.whyNotWritable(directory);
    if (refusal) return refusal;
    const replaced = found?.kind === EntryKind.file ? found.size : 0;
    const claim = {
      bytes: wanted.kind === EntryKind.file ? Math.max(0, wanted.size - left.bytes) : 0,
      returned: replaced,
      isNew: found === undefined,
    };
    try {
      fileSystems.budgetOf(directory).claim(claim, () => directory.handle!.shown, batch.name(entry));
      return undefined;
    } catch (thrown) {
      return asEntryError(thrown, directory);
    }
  }

  /** Without an error, because its directory has failed, or because a person is asked about it later. What is below a directory that fails, fails too. */
  #fail({ batch, entry }: PlannedEntry, error?: RcopyError): void {
    const announced = batch.announced.get(entry);
    if (announced) announced.origin = "failed";
    this.#options.unsettled.fail(batch, entry, error);
  }

  #planDirectory(at: PlannedEntry, found: EntryLookup | undefined): void {
    const { placement, unsettled, dryRun } = this.#options;
    const { batch, entry } = at;
    const announced = batch.announced.get(entry)!;
    if (dryRun && !found) {
      announced.origin = "imagined";
      return this.#imagine(at, false);
    }
    try {
      const refusal = found ? undefined : this.#whyNot(at, batch.metadata(entry));
      if (refusal) return this.#fail(at, refusal);
      if (found) placement.openExisting(announced, found);
      else placement.makeFresh(announced);
    } catch (thrown) {
      return this.#fail(at, asEntryError(thrown, at.directory));
    }
    if (dryRun) unsettled.skip(batch, entry);
    else announced.held = { ...unsettled.hold(batch, entry), name: announced.name, mtime: announced.mtime };
  }

  #imagine({ batch, entry, directory }: PlannedEntry, replaces: boolean): void {
    const planned = { kind: batch.kind(entry), size: batch.size(entry), replaces };
    this.#options.onImagined(directory, batch.name(entry), planned);
    this.#options.unsettled.skip(batch, entry);
  }

  #planLink({ batch, entry, directory }: PlannedEntry): void {
    const { placement, unsettled } = this.#options;
    const text = batch.linkText(entry).slice();
    const held = unsettled.hold(batch, entry);
    // A link does not hold up its directory: it is made when the directory is complete.
    directory.pending--;
    if (placement.deferLink({ held, text })) return;
    try {
      const lacks = placement.makeLink({ held, text });
      unsettled.placeHeld(held, { content: unsettled.hashOfLink(text), lacks });
    } catch (thrown) {
      unsettled.failHeld(held, asEntryError(thrown, directory));
    }
  }

  #isSameLink({ batch, entry, directory }: PlannedEntry, found: EntryLookup): boolean {
    if (batch.kind(entry) !== EntryKind.link || found.kind !== EntryKind.link) return false;
    const { engine } = this.#options;
    return isLinkTo(engine, directory.handle!, { name: batch.name(entry), text: batch.linkText(entry) });
  }

  /** Leaves what is there, but for the mode of a file, which follows the source unless `--exists skip` or `newer` says otherwise. */
  #skip({ batch, entry, directory }: PlannedEntry, found: EntryLookup): void {
    const { unsettled, engine, exists, dryRun } = this.#options;
    const mode = batch.mode(entry);
    const isOtherMode = batch.kind(entry) === EntryKind.file && found.mode !== mode;
    if (isOtherMode && exists !== "skip" && exists !== "newer" && !dryRun) {
      try {
        engine.setFileMode(directory.handle!, batch.name(entry), mode);
      } catch (thrown) {
        unsettled.fail(batch, entry, asEntryError(thrown, directory));
        return;
      }
    }
    if (batch.kind(entry) === EntryKind.file && !dryRun) this.#removeLeft({ batch, entry, directory }, found);
    unsettled.skip(batch, entry);
  }

  /** Removes what an earlier run left of a file that is there now. */
  #removeLeft({ batch, entry, directory }: PlannedEntry, { links, size, mtime }: EntryLookup): void {
    const { placement, codec, exists } = this.#options;
    const name = batch.name(entry);
    if (links > 1) placement.removeSecondName(directory, { name, size, mtime });
    // Under --exists skip another version may be there, and what is left is to become the wanted one yet.
    if (batch.isLarge(entry) && exists !== "skip") placement.removeLeft(codec, directory, name);
  }
}

/** What is to happen to an entry under whose name something is there. */
export type Decision = "copy" | "replace" | "skip" | "compare" | RcopyError;

function replaceable({ kind, size, mtime, ctimeNs, links }: EntryLookup): Replaceable {
  return { kind, size, mtime, ctimeNs: links > 1 ? 0n : ctimeNs };
}

/** The treatment of an entry under whose name something exists already. Pure. */
export function decide(
  wanted: Metadata,
  found: Metadata,
  policy: { exists: ExistsPolicy; check?: boolean; mtimeResolutionNs: number },
): Decision {
  const wantsDirectory = wanted.kind === EntryKind.directory;
  const isDirectory = found.kind === EntryKind.directory;
  if (wantsDirectory !== isDirectory) {
    const message = wantsDirectory
      ? `cannot make the directory: a ${kindNames[found.kind]} is in its place`
      : `cannot put the ${kindNames[wanted.kind]} there: a directory is in its place`;
    return new RcopyError("type-conflict", message);
  }
  if (wantsDirectory) return "copy";
  if (policy.exists === "fail") {
    return new RcopyError(
      "exists",
      "it exists already; --exists changed, skip, newer or replace would deal with it",
    );
  }
  if (policy.exists === "skip") return "skip";
  if (policy.exists === "replace") return "replace";
  if (policy.exists === "newer") {
    return isLater(wanted.mtime, found.mtime, policy.mtimeResolutionNs) ? "copy" : "skip";
  }
  const isOfSize = wanted.kind === EntryKind.file && found.kind === EntryKind.file &&
    wanted.size === found.size;
  if (policy.check) return isOfSize ? "compare" : "copy";
  const isSame = isOfSize && sameTime(wanted.mtime, found.mtime, policy.mtimeResolutionNs);
  return isSame ? "skip" : "copy";
}
