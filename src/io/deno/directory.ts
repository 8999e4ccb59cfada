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
  chain: { name: string; device: number; inode: number }[];
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
  /** Counts moves: a path that was put together before the last one may be another now. */
  static #moves = 0;
  #parent: DenoDirectory | undefined;
  /** Name in the parent; for a root, its path. */
  #name: string;
  #path: string;
  #pathOfMove = DenoDirectory.#moves;
  readonly device: number;
  readonly inode: number;
  isClosed = false;
  /** The operation in which it was last checked, so that one batch does not check a chain again for every file. */
  checkedInTurn = -1;
  /** Which modes a file created here has at once, and which the umask or a default ACL changes. */
  #masked: Map<number, boolean> | undefined;

  constructor(place: { parent: DenoDirectory | undefined; name: string; device: number; inode: number }) {
    this.#parent = place.parent;
    this.#name = place.name;
    this.#path = place.parent ? joinPath(place.parent.path, place.name) : place.name;
    this.device = place.device;
    this.inode = place.inode;
  }

  get path(): string {
    if (this.#pathOfMove !== DenoDirectory.#moves) {
      if (this.#parent) this.#path = joinPath(this.#parent.path, this.#name);
      this.#pathOfMove = DenoDirectory.#moves;
    }
    return this.#path;
  }

  /** The directory has been renamed: its path, and every path below it, is another one from now on. */
  movedTo(parent: DenoDirectory, name: EntryName): void {
    this.#name = nameText(name);
    this.#parent = parent;
    DenoDirectory.#moves++;
  }

  /**
   * Whether a file that was just created here with `mode` has another one. Learnt by a look at the first file of each
   * mode: for `Deno.umask` a permission of its own is needed, and a default ACL changes modes, too.
   */
  masks(mode: number, file: Deno.FsFile): boolean {
    if (Deno.build.os === "windows") return false;
    this.#masked ??= new Map();
    let masks = this.#masked.get(mode);
    if (masks === undefined) {
      masks = ((file.statSync().mode ?? mode) & 0o777) !== mode;
      this.#masked.set(mode, masks);
    }
    return masks;
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
    const chain = [{ name: this.#name, device: this.device, inode: this.inode }];
    for (let at = this.#parent; at; at = at.#parent) {
      chain.push({ name: at.#name, device: at.device, inode: at.inode });
    }
    return { id: this.id, chain: chain.reverse() };
  }

  /** The handle of a lent directory, in another thread. */
  static borrow({ chain }: LentDirectory): DenoDirectory {
    let directory: DenoDirectory | undefined;
    for (const link of chain) directory = new DenoDirectory({ parent: directory, ...link });
    return directory!;
  }

  /** Makes sure that no component of the path is another file than before. @throws {RcopyError} `type-conflict` */
  check(turn: number): void {
    if (this.checkedInTurn === turn) return;
    const chain: DenoDirectory[] = [this];
    for (let at = this.#parent; at && at.checkedInTurn !== turn; at = at.#parent) chain.push(at);
    for (const directory of chain.reverse()) directory.#checkItself(turn);
  }

  #checkItself(turn: number): void {
    // The root may be a symbolic link that a person named; what it leads to must stay the same.
    const info = this.#parent ? lstat(this.path) : stat(this.path);
    if (!info.isDirectory || info.dev !== this.device || (info.ino ?? 0) !== this.inode) {
      throw new RcopyError("type-conflict", `${this.shown} is not the directory any more that it was`);
    }
    this.checkedInTurn = turn;
  }
}

/** A name, or the text of a link, as Deno takes it. @throws {RcopyError} `name-unrepresentable` */
export function nameText(name: Uint8Array): string {
  try {
    return decoder.decode(name);
  } catch (cause) {
    const message = `"${showName(name)}" is not UTF-8, and the portable engine cannot spell it; io_uring can`;
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
  return seconds + (Math.floor(nanos / 1e6) + 0.5) / 1e3;
}
