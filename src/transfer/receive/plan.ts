/**
 * The receiver's plan for one batch: what is missing here?
 *  1. check   the whole batch as it arrives: directory numbers, names that come twice; nothing has been touched yet
 *  2. look    at what is there already, one batched call a directory
 *  3. decide  for each entry: wanted, skipped or failed (`decide` is pure)
 *  4. make    directories, so that the batch is ready for its data
 */
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, kindNames, type Metadata, type Timestamp } from "../../entry/metadata.ts";
import type { Engine, EntryLookup } from "../../io/contract/engine.ts";
import { asEntryError } from "../target/errors.ts";
import type { Placement } from "../target/placement.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import type { ExistsPolicy } from "./policy.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";
import type { TargetDirectory, TargetTree } from "../target/tree.ts";
import type { SpaceBudget } from "../target/space_budget.ts";

export interface ReceivePlanOptions {
  engine: Engine;
  tree: TargetTree;
  placement: Placement;
  unsettled: ReceiveUnsettled;
  space: SpaceBudget;
  exists: ExistsPolicy;
  /** Nothing is made; what would be copied is reported instead. */
  dryRun: boolean;
  onImagined: (directory: TargetDirectory, name: Uint8Array, kind: EntryKind, size: number) => void;
  /** Step of times, in nanoseconds, that both ends can keep. */
  mtimeResolutionNs: number;
  /** The states of a batch say what is wanted; called before anything of it is reported as settled. */
  onPlanned: (batch: ReceiveBatch) => void;
}

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
    for (const { directory, start, end } of batch.groups) this.#planGroup(batch, directory, start, end);
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
    const { groupDirectories, groupCounts, kinds, modes } = batch.manifest;
    let entry = 0;
    for (let group = 0; group < groupDirectories.length; group++) {
      const directory = this.#options.tree.open(groupDirectories[group]!);
      const start = entry;
      const end = start + groupCounts[group]!;
      batch.groups.push({ directory, start, end });
      directory.pending += end - start;
      for (; entry < end; entry++) {
        const name = batch.name(entry);
        if (!directory.names!.add(name)) {
          throw new RcopyError(
            "protocol",
            `the manifest has one name twice in directory ${directory.number}`,
          );
        }
        if (kinds[entry] !== EntryKind.directory) continue;
        const announced = this.#options.tree.announce(directory, name, modes[entry]!, batch.mtime(entry));
        batch.announced.set(entry, announced);
      }
    }
    if (entry !== batch.count) {
      throw new RcopyError("protocol", `batch ${batch.number} has entries without a directory`);
    }
    for (const number of batch.manifest.closed) this.#options.tree.seal(number);
  }

  #planGroup(batch: ReceiveBatch, directory: TargetDirectory, start: number, end: number): void {
    const { unsettled } = this.#options;
    if (directory.origin === "failed") {
      for (let entry = start; entry < end; entry++) {
        const announced = batch.announced.get(entry);
        if (announced) announced.origin = "failed";
        unsettled.fail(batch, entry);
      }
      return;
    }
    const found = directory.origin === "existing" ? this.#lookUp(batch, directory, start, end) : undefined;
    for (let entry = start; entry < end; entry++) {
      this.#planEntry(batch, directory, entry, found instanceof RcopyError ? found : found?.[entry - start]);
    }
  }

  /** What is there of a group; one error for all of it if the directory cannot be looked into any more. */
  #lookUp(batch: ReceiveBatch, directory: TargetDirectory, start: number, end: number) {
    const names: EntryName[] = [];
    for (let entry = start; entry < end; entry++) names.push(batch.name(entry));
    try {
      return this.#options.engine.lookup(directory.handle!, names);
    } catch (thrown) {
      return asEntryError(thrown);
    }
  }

  #planEntry(
    batch: ReceiveBatch,
    directory: TargetDirectory,
    entry: number,
    found: EntryLookup | RcopyError | undefined,
  ): void {
    const { unsettled, exists, mtimeResolutionNs } = this.#options;
    if (found instanceof RcopyError) {
      this.#fail(batch, entry, found);
      return;
    }
    const wanted: Metadata = {
      kind: batch.manifest.kinds[entry] as EntryKind,
      mode: batch.manifest.modes[entry]!,
      size: batch.size(entry),
      mtime: batch.mtime(entry),
    };
    const decision = found ? decide(wanted, found, { exists, mtimeResolutionNs }) : "copy";
    if (decision instanceof RcopyError) {
      this.#fail(batch, entry, decision);
    } else if (wanted.kind === EntryKind.directory) {
      this.#planDirectory(batch, entry, found !== undefined);
    } else if (this.#options.dryRun && decision !== "skip") {
      this.#imagine(batch, directory, entry);
    } else if (wanted.kind === EntryKind.link) {
      if (found && decision !== "replace" && this.#sameLink(batch, directory, entry, found)) {
        unsettled.skip(batch, entry);
      } else if (decision === "skip") unsettled.skip(batch, entry);
      else this.#planLink(batch, directory, entry);
    } else if (decision === "skip") {
      this.#skipFile(batch, directory, entry, found!);
    } else {
      this.#options.space.claim(wanted.size, () => directory.handle!.shown, batch.name(entry));
      batch.states[entry] = EntryState.wanted;
    }
  }

  #fail(batch: ReceiveBatch, entry: number, error: RcopyError): void {
    const announced = batch.announced.get(entry);
    if (announced) announced.origin = "failed";
    this.#options.unsettled.fail(batch, entry, error);
  }

  #planDirectory(batch: ReceiveBatch, entry: number, isThere: boolean): void {
    const { placement, unsettled, space } = this.#options;
    const directory = batch.announced.get(entry)!;
    if (this.#options.dryRun && !isThere) {
      directory.origin = "imagined";
      this.#imagine(batch, directory.parent!, entry);
      return;
    }
    try {
      if (isThere) {
        placement.openExisting(directory);
      } else {
        space.claim(0, () => directory.parent!.handle!.shown, directory.name);
        placement.makeFresh(directory);
      }
    } catch (thrown) {
      this.#fail(batch, entry, asEntryError(thrown));
      return;
    }
    if (this.#options.dryRun) unsettled.skip(batch, entry);
    else directory.held = unsettled.hold(batch, entry);
  }

  #imagine(batch: ReceiveBatch, directory: TargetDirectory, entry: number): void {
    const kind = batch.manifest.kinds[entry] as EntryKind;
    this.#options.onImagined(directory, batch.name(entry), kind, batch.size(entry));
    this.#options.unsettled.skip(batch, entry);
  }

  #planLink(batch: ReceiveBatch, directory: TargetDirectory, entry: number): void {
    const { placement, unsettled, space } = this.#options;
    space.claim(0, () => directory.handle!.shown, batch.name(entry));
    const text = linkTextOf(batch, entry).slice();
    const held = unsettled.hold(batch, entry);
    // A link does not hold up its directory: it is made when the directory is complete.
    directory.pending--;
    if (placement.deferLink(directory, { held, text })) return;
    try {
      placement.makeLink(directory, held.name, text, held.mtime);
      unsettled.placeHeld(held, unsettled.hashOfLink(text));
    } catch (thrown) {
      unsettled.failHeld(held, asEntryError(thrown));
    }
  }

  #sameLink(batch: ReceiveBatch, directory: TargetDirectory, entry: number, found: EntryLookup): boolean {
    if (found.kind !== EntryKind.link) return false;
    try {
      const there = this.#options.engine.readLink(directory.handle!, batch.name(entry));
      const text = linkTextOf(batch, entry);
      return there.length === text.length && there.every((byte, i) => byte === text[i]);
    } catch {
      return false;
    }
  }

  #skipFile(batch: ReceiveBatch, directory: TargetDirectory, entry: number, found: EntryLookup): void {
    const { unsettled, engine, exists } = this.#options;
    const mode = batch.manifest.modes[entry]!;
    if (found.mode !== mode && exists !== "skip" && !this.#options.dryRun) {
      try {
        engine.setFileMode(directory.handle!, batch.name(entry), mode);
      } catch (thrown) {
        unsettled.fail(batch, entry, asEntryError(thrown));
        return;
      }
    }
    unsettled.skip(batch, entry);
  }
}

/** The text of a link entry: texts stand in the order of the links. */
function linkTextOf(batch: ReceiveBatch, entry: number): Uint8Array {
  const { kinds, linkTargets } = batch.manifest;
  if (batch.linkStarts === undefined) {
    const starts = new Map<number, number>();
    let at = 0;
    for (let i = 0; i < batch.count; i++) {
      if (kinds[i] !== EntryKind.link) continue;
      starts.set(i, at);
      at = linkTargets.indexOf(0, at) + 1;
    }
    batch.linkStarts = starts;
  }
  const start = batch.linkStarts.get(entry)!;
  return linkTargets.subarray(start, linkTargets.indexOf(0, start));
}

/** What to do about an entry of which something is there already. Pure. */
export function decide(
  wanted: Metadata,
  found: Metadata,
  policy: { exists: ExistsPolicy; mtimeResolutionNs: number },
): "copy" | "replace" | "skip" | RcopyError {
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
      "it exists already; --exists changed, skip or replace would deal with it",
    );
  }
  if (policy.exists === "skip") return "skip";
  if (policy.exists === "replace") return "replace";
  const isSame = wanted.kind === EntryKind.file && found.kind === EntryKind.file &&
    wanted.size === found.size &&
    sameTime(wanted.mtime, found.mtime, policy.mtimeResolutionNs);
  return isSame ? "skip" : "copy";
}

/** Whether two times are the same at a step of `resolutionNs` (1, or a divisor or multiple of a second). */
function sameTime(a: Timestamp, b: Timestamp, resolutionNs: number): boolean {
  if (resolutionNs >= 1e9) {
    const step = resolutionNs / 1e9;
    return Math.floor(a.seconds / step) === Math.floor(b.seconds / step);
  }
  return a.seconds === b.seconds && Math.floor(a.nanos / resolutionNs) === Math.floor(b.nanos / resolutionNs);
}
