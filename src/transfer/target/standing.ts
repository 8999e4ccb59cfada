/** What stands in a directory that was there before, as far as it counts. */
import { sameBytes } from "../../base/bytes.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import { type EntryName, nameIn } from "../../entry/name.ts";
import type { Directory, Engine, EntryLookup } from "../../io/contract/engine.ts";
import { FoundEntries, type NameRun } from "../../io/contract/found.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import { mayBeUnfinishedFile } from "../../io/contract/unfinished.ts";
import { extentBytes } from "../../wire/limits.ts";
import { type EntryGroup, EntryState, type ReceiveBatch } from "./batch.ts";
import type { FileSystems } from "./file_systems.ts";
import { askFolding, FoldedNames, tellsFolding } from "./folded_names.ts";
import type { TargetDirectory } from "./tree.ts";

/** An entry that was found under a name of the manifest. */
export interface Standing {
  found: EntryLookup;
  /** A killed run left it: it counts as absent, and is replaced. */
  isUnfinished: boolean;
}

export class StandingEntries {
  readonly #engine: Engine;
  readonly #fileSystems: FileSystems;
  readonly #found = new FoundEntries();

  constructor(engine: Engine, fileSystems: FileSystems) {
    this.#engine = engine;
    this.#fileSystems = fileSystems;
  }

  /**
   * Looks for names that the manifest lists in a directory, once each, and learns whether it takes several names for one: only
   * there {@linkcode judge} must have every name. The next call overwrites what this one gives.
   * @throws {RcopyError} where the directory cannot be looked into
   */
  lookUp(directory: TargetDirectory, run: NameRun): FoundEntries {
    const found = this.#found;
    this.#engine.lookUpAll(directory.handle!, run, found);
    const { names, starts, from } = run;
    for (let row = 0; row < found.count && !directory.folded; row++) {
      if (found.kinds[row] === 0) continue;
      const start = starts[from + row]!;
      const end = starts[from + row + 1]! - 1;
      if (!tellsFolding(directory.folding, names, start, end)) continue;
      this.#askFolding(directory, nameIn(names, start, end), found.at(row) as EntryLookup);
    }
    return found;
  }

  /** What is under a name: nothing, an entry, or an error where that cannot be told or where it is the entry of another name. */
  judge(
    directory: TargetDirectory,
    name: EntryName,
    found: EntryLookup | RcopyError | undefined,
  ): Standing | RcopyError | undefined {
    if (found instanceof RcopyError) return found;
    if (directory.folded?.isOther(name, found !== undefined)) return otherName(name);
    return found && { found, isUnfinished: this.#fileSystems.isUnfinished(directory, found) };
  }

  #askFolding(directory: TargetDirectory, name: EntryName, found: EntryLookup): void {
    const folding = directory.folding ??= { asked: 0, isFolding: false };
    try {
      askFolding(this.#engine, directory.handle!, { name, found, folding });
      if (folding.isFolding) directory.folded = new FoldedNames(this.#engine, directory.handle!);
    } catch (thrown) {
      // A directory that cannot be listed, or not any more: what is done in it next says so.
      if (asRcopyError(thrown).code === "internal") throw thrown;
    }
  }
}

/** Files above a step of a second or more are judged one by one. */
const fineStepNsMax = 1_000_000_000;

/**
 * Marks the files of a group that are there with the wanted size, time and mode as skipped: nearly all of a copy that goes on or
 * is made again, told by columns, without an object for each. Row 0 of what was found is the first entry of the group. Whatever
 * is in doubt is left to `decide` and what follows it, which says the same of these: files with several names, of more than
 * an extent, or as a killed run leaves them, and all of a directory that takes several names for one.
 * @returns how many there are
 */
export function markUnchanged(
  { manifest, sizes, mtimeSeconds, states }: ReceiveBatch,
  { directory, start, end }: EntryGroup,
  found: FoundEntries,
  stepNs: number,
): number {
  if (directory.folded || stepNs >= fineStepNsMax) return 0;
  const { kinds, modes, mtimeNanos } = manifest;
  let unchanged = 0;
  for (let entry = start; entry < end; entry++) {
    const row = entry - start;
    if (kinds[entry] !== EntryKind.file || found.kinds[row] !== EntryKind.file) continue;
    const size = sizes[entry]!;
    const seconds = mtimeSeconds[entry]!;
    if (size !== found.sizes[row] || size > extentBytes || seconds !== found.mtimeSeconds[row]) continue;
    const nanos = mtimeNanos[entry]!;
    const foundNanos = found.mtimeNanos[row]!;
    if (nanos !== foundNanos && Math.floor(nanos / stepNs) !== Math.floor(foundNanos / stepNs)) continue;
    const mode = found.modes[row]!;
    if ((mode & 0o777) !== modes[entry] || found.links[row] !== 1) continue;
    if (mayBeUnfinishedFile(mode, size, seconds)) continue;
    states[entry] = EntryState.skipped;
    unchanged++;
  }
  return unchanged;
}

function otherName(name: EntryName): RcopyError {
  return new RcopyError(
    "exists",
    `the file system takes "${
      showName(name)
    }" for another name that is there: only one of them can be copied to it`,
  );
}

/** A link that is wanted. */
interface WantedLink {
  name: EntryName;
  text: Uint8Array;
}

/** Whether a link with this text stands there. */
export function isLinkTo(engine: Engine, directory: Directory, { name, text }: WantedLink): boolean {
  try {
    return sameBytes(engine.readLink(directory, name), text);
  } catch {
    return false;
  }
}

/** Makes a link, unless another copy into the same place has made the same one since it was looked for. @returns what it lacks */
export function createLinkOnce(
  engine: Engine,
  directory: Directory,
  link: WantedLink & { mtime: Timestamp },
): number {
  try {
    return engine.createLink(directory, link.name, link.text, link.mtime);
  } catch (thrown) {
    if (asRcopyError(thrown).code !== "exists" || !isLinkTo(engine, directory, link)) throw thrown;
    return 0;
  }
}
