/**
 * The files of a copy that the two ends disagree about: they stay, without their time, so that the next run does not take
 * them for copied.
 */
import { EntryColumns } from "../../entry/columns.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { copyName, isReservedName } from "../../entry/name.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";

/** Time of files that are to be copied again: no file that was copied is likely to have it. */
const noTime = { seconds: 0, nanos: 0 };
/** Entries of one directory in memory at a time. */
const chunkEntries = 256;

export interface Distrusted {
  /** Files that have lost their time. */
  files: number;
  /** Files and directories that could not be reached. */
  failed: number;
}

/**
 * Takes the time of every regular file below `root` that was changed since this run began to write to its file system:
 * `since` has the device numbers, and ctimes of the first thing that this run made there, in nanoseconds. Nothing is
 * followed; memory is bounded by the depth of the tree. Throws nothing.
 */
export function distrust(
  engine: Engine,
  root: Directory,
  since: ReadonlyMap<number, bigint>,
): Distrusted {
  const done: Distrusted = { files: 0, failed: 0 };
  // Where nothing was written there is nothing to look for.
  if (since.size > 0) visit(engine, root, { since, done });
  return done;
}

interface Visit {
  since: ReadonlyMap<number, bigint>;
  done: Distrusted;
}

function visit(engine: Engine, directory: Directory, { since, done }: Visit): void {
  const columns = new EntryColumns();
  try {
    using listing = engine.list(directory);
    for (let more = true; more;) {
      columns.clear();
      more = listing.next(columns, chunkEntries);
      done.failed += columns.failures.length;
      for (let i = 0; i < columns.count; i++) visitEntry(engine, { directory, columns, i }, { since, done });
    }
  } catch {
    done.failed++;
  }
}

function visitEntry(
  engine: Engine,
  { directory, columns, i }: { directory: Directory; columns: EntryColumns; i: number },
  { since, done }: Visit,
): void {
  const name = columns.name(i);
  if (isReservedName(name)) return;
  const began = since.get(columns.devices[i]!);
  try {
    if (columns.kinds[i] === EntryKind.directory) {
      const child = engine.openDirectory(directory, copyName(name));
      try {
        visit(engine, child, { since, done });
      } finally {
        engine.closeDirectory(child);
      }
    } else if (columns.kinds[i] === EntryKind.file && began !== undefined && columns.ctimesNs[i]! >= began) {
      engine.setFileTime(directory, name, noTime);
      done.files++;
    }
  } catch {
    done.failed++;
  }
}
