/**
 * What interrupted runs left below a directory: parts of files, their journals and bases, journals of runs. Only what is ours is
 * found, and only what no run uses: its lock is free.
 */
import { RcopyError } from "../base/errors.ts";
import type { Codec } from "../codec/codec.ts";
import { EntryColumns } from "../entry/columns.ts";
import { EntryKind } from "../entry/metadata.ts";
import { copyName, type EntryName } from "../entry/name.ts";
import { isRunJournal, ownHeaderBytes } from "../entry/own_files.ts";
import { partOfJournal, temporaryKind } from "../entry/temporary_name.ts";
import type { Directory, Engine, EntryLookup } from "../io/contract/engine.ts";
import { lookUp } from "./target/part.ts";
import { isLeft, isOurs, PartJournal, removeOurs } from "./journal/part_journal.ts";
import { recoverDirectories } from "./target/recovery.ts";
import { journalNames } from "./target/run_journal.ts";

/** Entries of a directory in memory at a time, beside the names of its subdirectories. */
const chunkEntries = 1024;

/** A file that a run left. */
export interface Leftover {
  kind: "part" | "journal" | "base" | "run journal";
  directory: Directory;
  name: EntryName;
  bytes: number;
  /** Milliseconds since 1970 at which it was written last. */
  writtenMs: number;
}

interface Walk {
  engine: Engine;
  codec: Codec;
  /** Called for each of them while its directory is open. */
  onLeftover: (leftover: Leftover) => void;
  /** A directory that cannot be looked into. */
  onFailure: (error: RcopyError) => void;
}

/** Finds everything that is left below a directory, links not followed. */
export function findLeftovers(root: Directory, walk: Walk): void {
  for (const name of journalNames) findRunJournal(root, name, walk);
  findBelow(root, walk);
}

/** Removes what was found, if it still is what it was. @returns whether it is gone */
export function removeLeftover(
  { engine, codec }: Pick<Walk, "engine" | "codec">,
  leftover: Leftover,
): boolean {
  const { kind, directory, name } = leftover;
  if (kind === "run journal") {
    // The directories of which it tells get their modes first.
    recoverDirectories(engine, directory);
    return lookUp(engine, directory, name) === undefined;
  }
  if (kind === "journal") return removeOurs({ engine, codec, directory, part: partOfJournal(name) });
  return engine.removeUnfinished(directory, name, wholeOf({ engine, codec }, leftover));
}

function findBelow(directory: Directory, walk: Walk): void {
  const below: EntryName[] = [];
  const found: EntryName[] = [];
  try {
    using listing = walk.engine.list(directory);
    const columns = new EntryColumns(chunkEntries);
    for (let more = true; more;) {
      columns.clear();
      more = listing.next(columns, chunkEntries);
      for (let i = 0; i < columns.count; i++) {
        if (columns.kinds[i] === EntryKind.directory) below.push(copyName(columns.name(i)));
        else if (temporaryKind(columns.name(i))) found.push(copyName(columns.name(i)));
      }
    }
  } catch (thrown) {
    fail(thrown, walk);
  }
  // Parts before their journals: a journal that is gone could not tell of its part any more.
  for (const name of found.toSorted((a, b) => rank(a) - rank(b))) findOne(directory, name, walk);
  for (const name of below) {
    try {
      const handle = walk.engine.openDirectory(directory, name);
      findBelow(handle, walk);
      walk.engine.closeDirectory(handle);
    } catch (thrown) {
      fail(thrown, walk);
    }
  }
}

function findOne(directory: Directory, name: EntryName, walk: Walk): void {
  const { engine, onLeftover } = walk;
  try {
    const found = lookUp(engine, directory, name);
    if (found?.kind !== EntryKind.file) return;
    const kind = temporaryKind(name)!;
    const leftover = leftoverOf({ kind, directory, name }, found);
    const isFree = kind === "journal"
      ? isLeft({ engine, codec: walk.codec, directory, part: partOfJournal(name) })
      : isFreePart(leftover, walk);
    if (isFree) onLeftover(leftover);
  } catch (thrown) {
    fail(thrown, walk);
  }
}

function findRunJournal(
  directory: Directory,
  name: EntryName,
  { engine, onLeftover, onFailure }: Walk,
): void {
  const found = lookUp(engine, directory, name);
  if (found?.kind !== EntryKind.file) return;
  try {
    using own = engine.openOwn(directory, name);
    if (!own?.isLocked || !isOurs(own.found, engine.traitsOf(directory))) return;
    if (!isRunJournal(own.read(ownHeaderBytes))) return;
  } catch (thrown) {
    return fail(thrown, { onFailure });
  }
  onLeftover(leftoverOf({ kind: "run journal", directory, name }, found));
}

/** Whether a part or base is ours, and no run uses it: by opening it, as a run would. */
function isFreePart(leftover: Leftover, walk: Walk): boolean {
  const { directory, name, bytes } = leftover;
  const whole = wholeOf(walk, leftover);
  const file = walk.engine.openTarget(directory, name, { size: bytes, mode: 0o600, whole });
  if (file) walk.engine.abandonTarget(file);
  return file !== undefined;
}

/** What a part is when it is whole, as far as its journal tells. */
function wholeOf({ engine, codec }: Pick<Walk, "engine" | "codec">, { directory, name }: Leftover) {
  const journal = textOf(name).endsWith(".part")
    ? PartJournal.find({ engine, codec, directory, part: name })
    : undefined;
  journal?.close();
  const { size, mtime } = journal?.header ?? { size: -1, mtime: { seconds: 0, nanos: 0 } };
  return { name, size, mtime };
}

function leftoverOf(
  what: Pick<Leftover, "kind" | "directory" | "name">,
  { size, mtime }: EntryLookup,
): Leftover {
  return { ...what, bytes: size, writtenMs: mtime.seconds * 1000 + Math.floor(mtime.nanos / 1e6) };
}

function rank(name: Uint8Array): number {
  return textOf(name).endsWith(".journal") ? 1 : 0;
}

function textOf(name: Uint8Array): string {
  return String.fromCharCode(...name);
}

function fail(thrown: unknown, { onFailure }: Pick<Walk, "onFailure">): void {
  if (!(thrown instanceof RcopyError) || thrown.code === "internal") throw thrown;
  onFailure(thrown);
}
