/** Directory handles of the io_uring engine: what a handle knows of its directory. */
import { showName, showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Directory } from "../contract/engine.ts";

/** A directory by its parent, its name, and the identity that it had when it was opened. */
export class UringDirectory implements Directory {
  static #made = 0;
  /** Its number among all handles of this thread. */
  readonly id = UringDirectory.#made++;
  /** `undefined` for a root. */
  parent: UringDirectory | undefined;
  /** Of a root: the path that a person typed. */
  name: Uint8Array;
  readonly device: number;
  readonly inode: bigint;
  /** An O_PATH descriptor, or -1. */
  fd = -1;
  /** Operations under way that need `fd` to stay what it is. */
  pins = 0;
  isClosed = false;
  /** Of a directory that is another thread's: its path for messages. `fd` belongs to that thread and stays open. */
  readonly lentPath: string | undefined;
  /** Whether it has a default ACL; `undefined` until something is made in it. */
  hasPolicy: boolean | undefined;
  /** This run made it below a default ACL, which decided about its mode. */
  isUnderPolicy = false;

  constructor(place: {
    parent: UringDirectory | undefined;
    name: Uint8Array;
    device: number;
    inode: bigint;
    lentPath?: string;
  }) {
    this.parent = place.parent;
    this.name = place.name;
    this.device = place.device;
    this.inode = place.inode;
    this.lentPath = place.lentPath;
  }

  get shown(): string {
    return `"${this.shownPath}"`;
  }

  /** An entry of this directory, as `shown` shows the directory itself. */
  showEntry(name: EntryName | Uint8Array): string {
    const path = this.shownPath;
    return `"${path}${path.endsWith("/") ? "" : "/"}${showName(name)}"`;
  }

  /** The escaped path without quotation marks. */
  get shownPath(): string {
    if (this.lentPath !== undefined) return this.lentPath;
    // A loop, because the chain is as deep as the tree.
    const names: string[] = [];
    let { name, parent } = this;
    for (; parent; { name, parent } = parent) names.push(showName(name));
    const root = showText(new TextDecoder().decode(name));
    if (names.length === 0) return root;
    return `${root}${root.endsWith("/") ? "" : "/"}${names.reverse().join("/")}`;
  }
}
