/** What a killed run left of the modes of directories: the next run puts it right, by the journal and by what is there. */
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { type EntryName, parseEntryName } from "../../entry/name.ts";
import type { Directory, Engine, EntryLookup, FileMetadata } from "../../io/contract/engine.ts";
import {
  journalBytesMax,
  journalNames,
  type JournalRecord,
  parseJournal,
  type RunJournal,
} from "./run_journal.ts";
import type { TargetDirectory } from "./tree.ts";

const everythingForOwner = 0o700;
/** Mode of a journal. */
const ownMode = 0o600;

/** Gives directories of runs that died the modes that they should have. Throws nothing but faults of our own. */
export function recoverDirectories(engine: Engine, root: Directory): void {
  guard(() => {
    const found = engine.lookup(root, journalNames);
    for (const [i, entry] of found.entries()) {
      if (entry && !(entry instanceof RcopyError)) guard(() => recoverFrom(engine, root, journalNames[i]!));
    }
  });
}

/**
 * Notes what a destination is to be that this run has made: after a kill the next run would take the mode that it was made
 * with for its own. Throws nothing but faults of our own.
 */
export function noteDestination(
  engine: Engine,
  journal: RunJournal,
  { root, made, umask }: { root: TargetDirectory; made: FileMetadata; umask: number },
): void {
  if ((made.mode & everythingForOwner) === everythingForOwner && (made.mode & umask) === 0) return;
  guard(() => {
    // Elsewhere nothing tells such a journal from anybody's file, and it would stay.
    const { owner, keepsModes } = engine.traitsOf(root.handle!);
    if (!keepsModes || owner !== engine.user) return;
    const { special, mode } = engine.lookAt(root.handle!);
    // The journal of an earlier session of the same transfer has given it its mode just now.
    if ((mode & everythingForOwner) !== everythingForOwner) {
      engine.setDirectoryMode(root.handle!, special | mode | everythingForOwner);
    }
    journal.madeRoot(root, made);
  });
}

function recoverFrom(engine: Engine, root: Directory, name: EntryName): void {
  using own = engine.openOwn(root, name);
  // Without a lock nothing tells whether its run has ended.
  if (!own?.isLocked) return;
  const { kind, owner, special, mode, size } = own.found;
  const isOurs = kind === EntryKind.file && owner === engine.user && (special | mode) === ownMode;
  if (!isOurs || size > journalBytesMax) return;
  const records = parseJournal(own.read(size));
  if (!records) return;
  // The deepest first: a directory that loses the right to be searched hides those below it.
  const recover = (record: JournalRecord) => guard(() => recoverDirectory(engine, root, record));
  const below = records.filter(({ path }) => path.length > 0);
  for (const record of below.sort((a, b) => b.path.length - a.path.length)) recover(record);
  engine.unlink(root, name);
  // The destination comes last: nothing can be removed from one that may not be written to.
  for (const record of records) if (record.path.length === 0) recover(record);
}

function recoverDirectory(engine: Engine, root: Directory, { kind, path, mode, mtime }: JournalRecord): void {
  const names = path.map((name) => parseEntryName(name));
  const opened: Directory[] = [];
  try {
    let directory = root;
    for (const name of names) opened.push(directory = engine.openDirectory(directory, name));
    const found = engine.lookAt(directory);
    if (found.owner !== engine.user) return;
    if (kind === "lent") {
      if (isAsLent(found, mode)) engine.setDirectoryMode(directory, mode);
    } else if (isAsMade(found, mode)) {
      engine.setDirectoryMetadata(directory, { mode, mtime }, { mayLoosen: true });
    }
  } finally {
    for (const directory of opened.reverse()) engine.closeDirectory(directory);
  }
}

/** Whether it has the mode that the lending gave, which nobody has changed since. */
function isAsLent(found: EntryLookup, mode: number): boolean {
  return (found.special | found.mode) === (mode | everythingForOwner);
}

/** Whether it has no permission beyond those that it was made with. */
function isAsMade(found: EntryLookup, mode: number): boolean {
  return (found.mode & everythingForOwner) === everythingForOwner &&
    (found.mode & ~(mode | everythingForOwner)) === 0;
}

function guard(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    // Gone, moved, somebody else's: then it is not ours to put right.
    if (!(thrown instanceof RcopyError) || thrown.code === "internal") throw thrown;
  }
}
