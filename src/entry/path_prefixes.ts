/** Full paths of entries, made from chains of directories when they are needed: in messages and hashes. */
import { showName } from "../base/show.ts";

/** A directory in a chain up to the root of what is copied. The root has no parent and its name is not used. */
export interface PathNode {
  readonly parent: PathNode | undefined;
  readonly name: Uint8Array;
}

const slash = 0x2f;

/** Makes path prefixes, and remembers the last one: entries of one directory come one after the other. */
export class PathPrefixes {
  #node: PathNode | undefined;
  #prefix = new Uint8Array(0);

  /** The path of a directory relative to the root, with a slash at the end; empty for the root. */
  of(node: PathNode): Uint8Array {
    if (node === this.#node) return this.#prefix;
    let length = 0;
    for (let at = node; at.parent; at = at.parent) length += at.name.length + 1;
    const prefix = new Uint8Array(length);
    let end = length;
    for (let at = node; at.parent; at = at.parent) {
      prefix[--end] = slash;
      end -= at.name.length;
      prefix.set(at.name, end);
    }
    this.#node = node;
    this.#prefix = prefix;
    return prefix;
  }

  /** The path of an entry as people may read it. */
  show(directory: PathNode, name: Uint8Array): string {
    return showName(this.of(directory)) + showName(name);
  }
}
