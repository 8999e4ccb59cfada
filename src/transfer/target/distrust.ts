/**
 * The files of a copy that the two ends disagree about: they stay, without their time, so that the next run does not take
 * them for copied.
 */
import { EntryColumns } from "../../entry/columns.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { copyName, type EntryName } from "../../entry/name.ts";
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

/** A directory on the way down, and the subdirectories of it that are still to come. */
interface Level {
  directory: Directory;
  below: EntryName[];
}

/**
 * Takes the time of every regular file below `root` that was changed since this run began to write to its file system:
 * `since` has the device numbers, and ctimes before which this run made nothing there, in nanoseconds. Nothing is followed.
 * Memory is bounded by the names of subdirectories on the way down, whatever the depth. Throws nothing.
 */
export function distrust(
  engine: Engine,
  root: Directory,
  since: ReadonlyMap<number, bigint>,
): Distrusted {
  const walk = new DistrustWalk(engine, since);
  // Where nothing was written there is nothing to look for.
  if (since.size > 0) walk.run(root);
  return walk.done;
}

class DistrustWalk {
  readonly done: Distrusted = { files: 0, failed: 0 };
  readonly #engine: Engine;
  readonly #since: ReadonlyMap<number, bigint>;
  readonly #columns = new EntryColumns(chunkEntries);
  readonly #levels: Level[] = [];

  constructor(engine: Engine, since: ReadonlyMap<number, bigint>) {
    this.#engine = engine;
    this.#since = since;
  }

  run(root: Directory): void {
    this.#levels.push({ directory: root, below: this.#visit(root) });
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      const name = level.below.pop();
      if (name) {
        this.#enter(level.directory, name);
        continue;
      }
      this.#levels.pop();
      if (level.directory !== root) this.#engine.closeDirectory(level.directory);
    }
  }

  #enter(parent: Directory, name: EntryName): void {
    try {
      const directory = this.#engine.openDirectory(parent, name);
      this.#levels.push({ directory, below: this.#visit(directory) });
    } catch {
      this.done.failed++;
    }
  }

  /** Takes the times in one directory; gives the names of its subdirectories. */
  #visit(directory: Directory): EntryName[] {
    const columns = this.#columns;
    const below: EntryName[] = [];
    try {
      using listing = this.#engine.list(directory);
      for (let more = true; more;) {
        columns.clear();
        more = listing.next(columns, chunkEntries);
        this.done.failed += columns.failures.length;
        for (let i = 0; i < columns.count; i++) {
          if (columns.kinds[i] === EntryKind.directory) below.push(copyName(columns.name(i)));
          else this.#takeTime(directory, i);
        }
      }
    } catch {
      this.done.failed++;
    }
    return below;
  }

  #takeTime(directory: Directory, i: number): void {
    const columns = this.#columns;
    const began = this.#since.get(columns.devices[i]!);
    if (columns.kinds[i] !== EntryKind.file || began === undefined || columns.ctimesNs[i]! < began) return;
    try {
      this.#engine.setFileTime(directory, columns.name(i), noTime);
      this.done.files++;
    } catch {
      this.done.failed++;
    }
  }
}
