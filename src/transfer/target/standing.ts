/** What stands in a directory that was there before, as far as it counts. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Engine, EntryLookup } from "../../io/contract/engine.ts";
import type { FileSystems } from "./file_systems.ts";
import { askFolding, FoldedNames } from "./folded_names.ts";
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

  constructor(engine: Engine, fileSystems: FileSystems) {
    this.#engine = engine;
    this.#fileSystems = fileSystems;
  }

  /**
   * What is under names that the manifest lists in a directory, once each: nothing, an entry, or an error where that cannot be
   * told or where it is the entry of another name.
   * @throws {RcopyError} where the directory cannot be looked into
   */
  lookUp(directory: TargetDirectory, names: readonly EntryName[]): (Standing | RcopyError | undefined)[] {
    const found = this.#engine.lookup(directory.handle!, names);
    return names.map((name, i) => this.#judge(directory, name, found[i]));
  }

  #judge(
    directory: TargetDirectory,
    name: EntryName,
    found: EntryLookup | RcopyError | undefined,
  ): Standing | RcopyError | undefined {
    if (found instanceof RcopyError) return found;
    if (found && !directory.folded) this.#askFolding(directory, name, found);
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

function otherName(name: EntryName): RcopyError {
  return new RcopyError(
    "exists",
    `the file system takes "${
      showName(name)
    }" for another name that is there: only one of them can be copied to it`,
  );
}
