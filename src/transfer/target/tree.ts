/** The directories of the destination, from their announcement until they are complete. */
import { RcopyError } from "../../base/errors.ts";
import { openDirectoriesMax } from "../../wire/limits.ts";
import { hasOwnPrefix } from "../../entry/temporary_name.ts";
import { copyName, type EntryName, noName } from "../../entry/name.ts";
import type { EntryKind, Timestamp } from "../../entry/metadata.ts";
import type { Directory, EntryLookup, Replaceable } from "../../io/contract/engine.ts";
import type { FoldedNames, Folding } from "./folded_names.ts";
import { NameSet } from "./name_set.ts";
import type { PathNode } from "../../entry/path_prefixes.ts";

/** An entry whose settlement may come after that of its batch. Holds copies: the batch's memory goes with the batch. */
export interface HeldTarget {
  batch: number;
  entry: number;
  kind: EntryKind;
  mode: number;
  size: number;
  mtime: Timestamp;
  directory: TargetDirectory;
  name: EntryName;
  /** What the plan found under its name, and what it may replace. */
  replaces?: Replaceable | undefined;
  /** What it replaces is a whole file or link. */
  isReplacing?: boolean;
  /** The sender's stamp of a large file. */
  stamp?: Uint8Array | undefined;
  /** It has grown at the sender; its content is that of the scan. */
  hasGrown?: boolean | undefined;
  /** Its content is compared with what is there. */
  isCompared?: boolean;
}

/** A held link and its text. It is deferred until everything else in its directory is there. */
export interface HeldLink {
  held: HeldTarget;
  text: Uint8Array;
}

export class TargetDirectory implements PathNode {
  readonly number: number;
  readonly parent: TargetDirectory | undefined;
  /** The destination itself. */
  readonly root: TargetDirectory;
  readonly name: EntryName;
  readonly mode: number;
  readonly mtime: Timestamp;
  /**
   * `announced`: not planned yet. `existing`: was there before. `fresh`: made by this run.
   * `failed`: cannot be had, and nothing below it either. `imagined`: would be made, were this not a dry run.
   */
  origin: "announced" | "existing" | "fresh" | "failed" | "imagined" = "announced";
  handle: Directory | undefined;
  /** Device of its file system. */
  device = 0;
  /** What it was when this run found it; `undefined` of one that this run has made. */
  found: EntryLookup | undefined;
  /** It is ours and had not every permission for its owner: those it has until its end, and this was its mode. */
  lentFrom: number | undefined;
  /** Why nothing can be made in it; `undefined` before it has been asked. */
  refusal: RcopyError | "none" | undefined;
  /** Whether it takes several names for one, as far as that has been asked, and then the names in it. */
  folding: Folding | undefined;
  folded: FoldedNames | undefined;
  /** Its own entry, if it is to be settled with it; the root, failed directories and those of a dry run have none. */
  held: HeldTarget | undefined;
  /** Files and subdirectories in it that are not settled. */
  pending = 0;
  /** A batch has arrived that closes the directory: no later entry may name it. */
  sealed = false;
  /** The batch that closes the directory has been planned: once nothing is pending, it is complete. */
  closed = false;
  completed = false;
  links: HeldLink[] | undefined;
  /** The names that the manifest has listed in it; made with the first. */
  names: NameSet | undefined;
  /** Those among them that begin as names of rcopy's own files do: no such file may have them. */
  ownNames: NameSet | undefined;

  constructor(place: {
    number: number;
    parent: TargetDirectory | undefined;
    name: EntryName;
    mode: number;
    mtime: Timestamp;
  }) {
    this.number = place.number;
    this.parent = place.parent;
    this.root = place.parent?.root ?? this;
    this.name = place.name;
    this.mode = place.mode;
    this.mtime = place.mtime;
  }

  /** Takes note of a name that the manifest lists in it, and that lies in other bytes; false if it was there. */
  addName(bytes: Uint8Array, start: number, end: number): boolean {
    if (hasOwnPrefix(bytes, start)) (this.ownNames ??= new NameSet()).addIn(bytes, start, end);
    return (this.names ??= new NameSet()).addIn(bytes, start, end);
  }
}

/** A directory as the manifest announces it. */
export interface AnnouncedDirectory {
  parent: TargetDirectory;
  name: EntryName;
  mode: number;
  mtime: Timestamp;
}

/** Directories by number; one leaves when it is complete. */
export class TargetTree {
  readonly root: TargetDirectory;
  readonly #open = new Map<number, TargetDirectory>();
  #nextNumber = 1;
  /** Directories that the manifest may still name. */
  #unsealed = 1;

  /** Without a handle the destination does not exist and this is a dry run. */
  constructor(handle: Directory | undefined, device: number) {
    this.root = new TargetDirectory({
      number: 0,
      parent: undefined,
      name: noName,
      mode: 0,
      mtime: { seconds: 0, nanos: 0 },
    });
    this.root.handle = handle;
    this.root.device = device;
    this.root.origin = handle ? "existing" : "imagined";
    this.#open.set(0, this.root);
  }

  /** A directory that the peer may still name. @throws {RcopyError} `protocol` */
  open(number: number): TargetDirectory {
    const directory = this.#open.get(number);
    if (!directory || directory.sealed) {
      const why = number < this.#nextNumber ? "which is closed" : "which was never announced";
      throw new RcopyError("protocol", `the peer names directory ${number}, ${why}`);
    }
    return directory;
  }

  /** The manifest closes a directory. @throws {RcopyError} `protocol` */
  seal(number: number): void {
    const directory = this.open(number);
    directory.sealed = true;
    directory.names = undefined;
    this.#unsealed--;
  }

  /** Whether the manifest has closed every directory that it announced. */
  get isSealed(): boolean {
    return this.#unsealed === 0;
  }

  /** Any directory that is not complete, for reports. */
  find(number: number): TargetDirectory | undefined {
    return this.#open.get(number);
  }

  /**
   * Gives the next number to a directory that the manifest announces; its name is copied.
   * @throws {RcopyError} `protocol` where too many are open
   */
  announce({ parent, name, mode, mtime }: AnnouncedDirectory): TargetDirectory {
    if (this.#open.size > openDirectoriesMax) {
      throw new RcopyError("protocol", `the peer keeps more than ${openDirectoriesMax} directories open`);
    }
    const number = this.#nextNumber++;
    const directory = new TargetDirectory({ number, parent, name: copyName(name), mode, mtime });
    this.#open.set(directory.number, directory);
    this.#unsealed++;
    return directory;
  }

  remove(directory: TargetDirectory): void {
    this.#open.delete(directory.number);
  }

  /** Directories that are not complete, deepest first. */
  deepestFirst(): TargetDirectory[] {
    return [...this.#open.values()].sort((a, b) => b.number - a.number);
  }
}
