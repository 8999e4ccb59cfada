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
    const last = this.#node;
    if (node === last) return this.#prefix;
    // From a directory to one in it, and back: what a walk does, however deep it is.
    if (node.parent && node.parent === last) return this.#remember(node, this.#below(node.name));
    if (last?.parent === node) {
      return this.#remember(node, this.#prefix.subarray(0, this.#prefix.length - last.name.length - 1));
    }
    let length = 0;
    for (let at = node; at.parent; at = at.parent) length += at.name.length + 1;
    const prefix = new Uint8Array(length);
    let end = length;
    for (let at = node; at.parent; at = at.parent) {
      prefix[--end] = slash;
      end -= at.name.length;
      prefix.set(at.name, end);
    }
    return this.#remember(node, prefix);
  }

  #remember(node: PathNode, prefix: Uint8Array<ArrayBuffer>): Uint8Array {
    this.#node = node;
    this.#prefix = prefix;
    return prefix;
  }

  /** The last prefix with a name behind it. */
  #below(name: Uint8Array): Uint8Array<ArrayBuffer> {
    const start = this.#prefix.length;
    const prefix = new Uint8Array(start + name.length + 1);
    prefix.set(this.#prefix);
    prefix.set(name, start);
    prefix[prefix.length - 1] = slash;
    return prefix;
  }

  /** The path of an entry as people may read it. */
  show(directory: PathNode, name: Uint8Array): string {
    return showName(this.of(directory)) + showName(name);
  }
}
