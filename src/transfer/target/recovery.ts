/** What a killed run left of the modes of directories: the next run puts it right, by the journal and by what is there. */
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { type EntryName, parseEntryName } from "../../entry/name.ts";
import type { Directory, Engine, EntryLookup } from "../../io/contract/engine.ts";
import { journalBytesMax, journalNames, type JournalRecord, parseJournal } from "./run_journal.ts";

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
  for (const record of records.sort((a, b) => b.path.length - a.path.length)) {
    guard(() => recoverDirectory(engine, root, record));
  }
  engine.unlink(root, name);
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
