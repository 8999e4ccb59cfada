/** Directory handles of the portable engine: paths, checked before use. */
import { RcopyError } from "../../base/errors.ts";
import { showName, showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { Directory, Lent } from "../contract/engine.ts";
import { denoError } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A directory of another thread: names and identities, the root's path first. */
export interface LentDirectory extends Lent {
  chain: {
    name: string;
    device: number;
    inode: number;
    facts: DirectoryFacts;
  }[];
}

/** What is known of a directory before anything is made in it. */
export interface DirectoryFacts {
  /** It has a default ACL, which decides about modes in place of the umask. `undefined` where nobody has looked yet. */
  isRuled: boolean | undefined;
  /** This run has made it. */
  wasMade: boolean;
  /** Where a root was, without links, when it was opened. */
  realPath?: string | undefined;
}

/**
 * A directory by its path, with the identity that it had when it was opened.
 *
 * Deno has no `openat`: between the check of a path and its use another process that may write to the parent can swap
 * a component. The check finds a swap that has happened, not one that happens in that moment. A batch checks a
 * directory once, so that there the moment is as long as the batch. In it a directory can become a link to one
 * elsewhere, a file can become a link or a FIFO (which would keep Deno waiting), and what a rename must not
 * replace can appear. Files that exist are never written to: what is created is created exclusively.
 */
export class DenoDirectory implements Directory {
  static #made = 0;
  /** Its number among all handles of this thread. */
  readonly id = DenoDirectory.#made++;
  readonly parent: DenoDirectory | undefined;
  /** Name in the parent; for a root, its path. */
  readonly #name: string;
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  readonly facts: DirectoryFacts;
  /** Somebody else may put things into it, or another directory into its place; as far as the last check found. */
  isExposed = true;
  /** The operation in which it was last checked, so that one batch does not check a chain again for every file. */
  checkedInTurn = -1;

  constructor(
    place: {
      parent: DenoDirectory | undefined;
      name: string;
      device: number;
      inode: number;
      facts?: DirectoryFacts;
    },
  ) {
    this.parent = place.parent;
    this.#name = place.name;
    this.path = place.parent ? joinPath(place.parent.path, place.name) : place.name;
    this.device = place.device;
    this.inode = place.inode;
    this.facts = place.facts ?? { isRuled: undefined, wasMade: false };
  }

  /** Where it is, without links, unless somebody has moved it. */
  get truePath(): string {
    if (this.parent) return joinPath(this.parent.truePath, this.#name);
    return this.facts.realPath ??= Deno.realPathSync(this.path);
  }

  get shown(): string {
    return `"${showText(this.path)}"`;
  }

  /** The path of an entry. @throws {RcopyError} `name-unrepresentable` */
  pathOf(name: EntryName): string {
    return joinPath(this.path, nameText(name));
  }

  /** As plain data: the chain from the root down to this directory. */
  lend(): LentDirectory {
    const chain = [this.#asPlain()];
    for (let at = this.parent; at; at = at.parent) chain.push(at.#asPlain());
    return { id: this.id, chain: chain.reverse() };
  }

  #asPlain(): LentDirectory["chain"][number] {
    const { device, inode, facts } = this;
    return { name: this.#name, device, inode, facts };
  }

  /** The handle of a lent directory, in another thread. */
  static borrow({ chain }: LentDirectory): DenoDirectory {
    let directory: DenoDirectory | undefined;
    for (const link of chain) {
      directory = new DenoDirectory({ parent: directory, ...link });
    }
    return directory!;
  }

  /** Makes sure that no component of the path is another file than before. @throws {RcopyError} `type-conflict` */
  check(turn: number): void {
    if (this.checkedInTurn === turn) return;
    const chain: DenoDirectory[] = [this];
    for (
      let at = this.parent;
      at && at.checkedInTurn !== turn;
      at = at.parent
    ) chain.push(at);
    for (const directory of chain.reverse()) directory.#checkItself(turn);
  }

  #checkItself(turn: number): void {
    // The root may be a symbolic link that a person named; what it leads to must stay the same.
    const info = this.parent ? lstat(this.path) : stat(this.path);
    if (!info.isDirectory || info.dev !== this.device || (info.ino ?? 0) !== this.inode) {
      throw new RcopyError("type-conflict", `${this.shown} is not the directory any more that it was`);
    }
    this.checkedInTurn = turn;
    this.isExposed = (this.parent?.isExposed ?? false) || othersMayWrite(info);
  }
}

/** Whether users other than root and this one may take away or add entries; also where it is not known who this one is. */
function othersMayWrite({ mode, uid }: Deno.FileInfo): boolean {
  if (mode === null || uid === null) return false;
  const isShared = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  return isShared || (uid !== 0 && uid !== thisUser());
}

let user: number | undefined;

/** The number of the user, -1 where it cannot be known without a question. */
export function thisUser(): number {
  if (user !== undefined) return user;
  const isGranted = Deno.permissions.querySync({ name: "sys", kind: "uid" }).state ===
    "granted";
  return user = isGranted ? Deno.uid() ?? -1 : -1;
}

/** A name, or the text of a link, as Deno takes it. @throws {RcopyError} `name-unrepresentable` */
export function nameText(name: Uint8Array): string {
  try {
    return decoder.decode(name);
  } catch (cause) {
    const message = `"${
      showName(name)
    }" is not UTF-8, and Deno's own file calls cannot spell it; io_uring can`;
    throw new RcopyError("name-unrepresentable", message, { cause });
  }
}

export function joinPath(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

export function lstat(path: string): Deno.FileInfo {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    throw denoError(`cannot look at "${showText(path)}"`, error);
  }
}

export function stat(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    throw denoError(`cannot look at "${showText(path)}"`, error);
  }
}

export function kindOf(info: Deno.FileInfo): EntryKind {
  if (info.isFile) return EntryKind.file;
  if (info.isDirectory) return EntryKind.directory;
  if (info.isSymlink) return EntryKind.link;
  if (info.isFifo) return EntryKind.fifo;
  return info.isSocket ? EntryKind.socket : EntryKind.device;
}

/** A time in milliseconds (which may be before 1970) as seconds and nanoseconds. */
export function timestampOf(date: Date | null): Timestamp {
  const ms = date?.getTime() ?? 0;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}

/**
 * A time as Deno takes it: seconds with a fraction, of which it keeps the whole milliseconds, rounded down. Half a
 * millisecond more than those keeps the rounding of a double from taking or adding one.
 */
export function secondsOf({ seconds, nanos }: Timestamp): number {
  return nanos < 1e6 ? seconds : seconds + (Math.floor(nanos / 1e6) + 0.5) / 1e3;
}

/** A time as Deno's Node layer takes it, which keeps what it is given: a microsecond more than the milliseconds is enough. */
export function nodeSecondsOf({ seconds, nanos }: Timestamp): number {
  return nanos < 1e6 ? seconds : seconds + Math.floor(nanos / 1e6) / 1e3 + 1e-6;
}
