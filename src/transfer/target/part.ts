/** A large file under its temporary name, and the journal beside it. */
import { sameBytes } from "../../base/bytes.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import type { EntryName } from "../../entry/name.ts";
import { baseName, journalName, randomTemporaryName, temporaryName } from "../../entry/temporary_name.ts";
import type { Directory, Engine, EntryLookup, TargetFile, WholeFile } from "../../io/contract/engine.ts";
import { stampBytes } from "../../wire/limits.ts";
import type { JournalHeader } from "../journal/journal_format.ts";
import { PartJournal, type PartPlace, removeOurs } from "../journal/part_journal.ts";
import type { HeldTarget } from "./tree.ts";

export interface Part {
  directory: Directory;
  /** Its temporary name. */
  name: EntryName;
  file: TargetFile;
  /** Without one nothing is kept of it. */
  journal: PartJournal | undefined;
}

/** A part of an earlier run, which may have something of the file. */
export interface FoundPart extends Part {
  journal: PartJournal;
  /** What it was before it was opened. */
  found: EntryLookup;
}

export interface PartOptions {
  engine: Engine;
  /** Of the session. */
  codec: Codec;
  isDurable: boolean;
}

const noStamp = new Uint8Array(stampBytes);

/**
 * Creates the part of a file, behind its journal, so that a run that is killed leaves no part without one. What a run that has
 * ended left of it is replaced; anything else under the temporary names is left alone, and a random name taken, as it is
 * where an entry of the tree has one of those names.
 * `hasBase`: an older version stands beside.
 * @throws {RcopyError} whatever the engine says
 */
export function createPart(options: PartOptions, held: HeldTarget, hasBase = false): Part {
  const { engine, codec, isDurable } = options;
  const directory = held.directory.handle!;
  const { size, mode, mtime, stamp = noStamp } = held;
  const create = (name: EntryName): TargetFile | undefined => {
    try {
      return engine.createTarget(directory, name, { size, mode, isDurable });
    } catch (thrown) {
      if (asRcopyError(thrown).code === "exists") return undefined;
      throw thrown;
    }
  };
  const name = temporaryName(held.name);
  if (!isNameOfEntry(held, name)) {
    const journal = PartJournal.create(
      { engine, codec, directory, part: name },
      { size, mtime, stamp, hasBase },
    );
    try {
      const file = create(name) ??
        (engine.removeUnfinished(directory, name, held) ? create(name) : undefined);
      if (file) return { directory, name, file, journal };
    } catch (thrown) {
      journal?.remove();
      throw thrown;
    }
    journal?.remove();
  }
  let random = randomTemporaryName();
  let file = create(random);
  if (!file) file = engine.createTarget(directory, random = randomTemporaryName(), { size, mode, isDurable });
  return { directory, name: random, file, journal: undefined };
}

/**
 * Opens what an earlier run left of a file, if it is of the same version. Of another version it is set aside, as a basis, where
 * there is room for both.
 * @returns the part, or whether an older version stands beside now
 * @throws {RcopyError} whatever the engine says
 */
export function reopenPart(options: PartOptions, held: HeldTarget): FoundPart | { hasBase: boolean } {
  const { engine, codec, isDurable } = options;
  const directory = held.directory.handle!;
  const part = temporaryName(held.name);
  const place = { engine, codec, directory, part };
  if (isNameOfEntry(held, part)) {
    // What an earlier run left makes way for the entry, and its journal has nothing to tell of any more.
    removeOurs(place);
    return { hasBase: false };
  }
  const journal = PartJournal.find(place);
  if (!journal) return { hasBase: false };
  if (!isSameVersion(journal.header, held)) {
    const hasBase = setAside(engine, held, journal);
    journal.close();
    return { hasBase };
  }
  const found = lookUp(engine, directory, part);
  const { size, mode } = held;
  const file = found && engine.openTarget(directory, part, { size, mode, isDurable, whole: held });
  if (file) return { directory, name: part, file, journal, found };
  journal.close();
  return { hasBase: false };
}

/** Whether an entry of the tree has a name that the part of a file, its journal or its base would have. */
function isNameOfEntry({ directory: { ownNames } }: HeldTarget, part: EntryName): boolean {
  return ownNames !== undefined &&
    [part, journalName(part), baseName(part)].some((name) => ownNames.has(name));
}

function isSameVersion(header: JournalHeader, { size, mtime, stamp = noStamp }: HeldTarget): boolean {
  return header.size === size && header.mtime.seconds === mtime.seconds &&
    header.mtime.nanos === mtime.nanos && sameBytes(header.stamp, stamp);
}

/** The part of another version gets the name of a base. False where there is none of ours, nothing in it, or no room for both. */
function setAside(engine: Engine, held: HeldTarget, { header, isEmpty }: PartJournal): boolean {
  const directory = held.directory.handle!;
  const part = temporaryName(held.name);
  const base = baseName(part);
  const { size, mtime } = header;
  const whole = { name: held.name, size, mtime };
  if (header.hasBase) removeName({ engine, directory }, base, whole);
  if (isEmpty) return false;
  const file = engine.openTarget(directory, part, { size, mode: held.mode, whole });
  if (!file) return false;
  engine.abandonTarget(file);
  const { bytes: freeBytes } = engine.freeSpace(directory);
  if (freeBytes !== undefined && freeBytes < held.size) return false;
  try {
    engine.place(directory, part, base);
    return true;
  } catch (thrown) {
    if (asRcopyError(thrown).code === "internal") throw thrown;
    return false;
  }
}

/** Gives a part that is finished its final name, and removes what stood beside it. @throws {RcopyError} */
export function placePart(engine: Engine, { directory, name, journal }: Part, held: HeldTarget): void {
  engine.place(directory, name, held.name, held.replaces);
  if (journal?.header.hasBase) removeName({ engine, directory }, baseName(name), held);
  journal?.remove();
}

/** Removes what a run that has ended left under a temporary name. Where that cannot be, a later run finds it. */
function removeName(
  { engine, directory }: Pick<PartPlace, "engine" | "directory">,
  temporary: EntryName,
  whole: WholeFile,
): void {
  try {
    engine.removeUnfinished(directory, temporary, whole);
  } catch (thrown) {
    if (asRcopyError(thrown).code === "internal") throw thrown;
  }
}

/** A file is there whole, with another name: the temporary one, where a run was killed while it placed the file. */
export function removeSecondName(engine: Engine, directory: Directory, whole: WholeFile): void {
  removeName({ engine, directory }, temporaryName(whole.name), whole);
}

/** Leaves a part that is closed for a later run, where its journal tells of anything. @returns whether it is left */
export function leavePart(engine: Engine, part: Part): boolean {
  if (!part.journal || part.journal.isEmpty) {
    removePart(engine, part);
    return false;
  }
  part.journal.close();
  return true;
}

/** Removes a part that is closed, and its journal. */
export function removePart(engine: Engine, { directory, name, journal }: Part): void {
  try {
    engine.unlink(directory, name);
  } catch {
    // It is gone, or its directory cannot be written to any more: a later run that needs the name finds it.
  }
  journal?.remove();
}

/** Removes what an earlier run left of a file that is there whole: part, base and journal, if they are ours and no run uses them. */
export function removeLeftPart(place: PartPlace, name: EntryName): void {
  const journal = PartJournal.find(place);
  if (!journal) return;
  const { size, mtime, hasBase } = journal.header;
  const whole = { name, size, mtime };
  removeName(place, place.part, whole);
  if (hasBase) removeName(place, baseName(place.part), whole);
  journal.remove();
}

/** What has a name now; `undefined` where there is nothing, or where it cannot be told. */
export function lookUp(engine: Engine, directory: Directory, name: EntryName): EntryLookup | undefined {
  const [found] = engine.lookup(directory, [name]);
  return found instanceof RcopyError ? undefined : found;
}
