/** The directories that a sender reads from, each open as long as there is a reference to it. */
import { type EntryName, noName } from "../../entry/name.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { PathNode } from "../../entry/path_prefixes.ts";

/**
 * One directory of the source, with its number on the wire. The scan, every batch whose files are still to be
 * read, and every open subdirectory keep a reference; the handle is closed with the last of them.
 */
export class SourceDirectory implements PathNode {
  readonly number: number;
  readonly parent: SourceDirectory | undefined;
  readonly name: EntryName;
  readonly handle: Directory;
  /** Set where the name on disk is not the name sent: a PATH that is a symbolic link. The directory then has one entry. */
  readonly nameOnDisk: EntryName | undefined;
  readonly #engine: Engine;
  #references = 1;

  constructor(engine: Engine, handle: Directory, place: {
    number: number;
    parent?: SourceDirectory | undefined;
    name?: EntryName;
    nameOnDisk?: EntryName | undefined;
  }) {
    this.#engine = engine;
    this.handle = handle;
    this.number = place.number;
    this.parent = place.parent;
    this.name = place.name ?? noName;
    this.nameOnDisk = place.nameOnDisk;
    this.parent?.retain();
  }

  /** Adds a reference; {@linkcode release} takes one away. */
  retain(): void {
    this.#references++;
  }

  /** Takes a reference away; the last one closes the handle, and its reference to the parent goes too. */
  release(): void {
    // A loop, since the chain may be as deep as the tree.
    let parent = this.#drop();
    while (parent) parent = parent.#drop();
  }

  /** One reference less. @returns the parent, if that was the last one */
  #drop(): SourceDirectory | undefined {
    if (--this.#references > 0) return undefined;
    this.#engine.closeDirectory(this.handle);
    return this.parent;
  }
}
