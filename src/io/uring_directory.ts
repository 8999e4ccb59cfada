/** Directory handles of the io_uring engine: descriptors that are opened on demand, and few at a time. */
import { openFlag } from "../../ffi/mod.ts";
import { RcopyError } from "../base/errors.ts";
import { showName } from "../base/show.ts";
import type { EntryName } from "../fs/entry_name.ts";
import type { Directory } from "./engine.ts";
import type { Calls } from "./uring_calls.ts";

/** Descriptors for directories: at most this many, and at most this part of the process's limit. */
const openDirectoriesMax = 128;
const partOfLimit = 4;

const handleFlags = openFlag.path | openFlag.directory | openFlag.noFollow;

/** A directory by its parent, its name, and the identity that it had when it was first opened. */
export class UringDirectory implements Directory {
  parent: UringDirectory | undefined;
  name: EntryName;
  /** Open descriptor (O_PATH), or -1. */
  fd = -1;
  readonly device: number;
  readonly inode: bigint;
  readonly #rootShown: string | undefined;

  constructor(place: {
    parent: UringDirectory | undefined;
    name: EntryName;
    device: number;
    inode: bigint;
    rootShown?: string;
  }) {
    this.parent = place.parent;
    this.name = place.name;
    this.device = place.device;
    this.inode = place.inode;
    this.#rootShown = place.rootShown;
  }

  get shown(): string {
    return `"${this.shownPath}"`;
  }

  /** The path, escaped, without quotes. */
  get shownPath(): string {
    if (this.#rootShown !== undefined || !this.parent) return this.#rootShown ?? "";
    // A loop, since the chain may be as deep as the tree.
    const names = [showName(this.name)];
    let top = this.parent;
    for (; top.parent; top = top.parent) names.push(showName(top.name));
    const root = top.#rootShown ?? "";
    return (root.endsWith("/") ? root : `${root}/`) + names.reverse().join("/");
  }

  /** An entry of this directory as people may read it, in quotes. */
  showEntry(name: Uint8Array): string {
    const path = this.shownPath;
    return `"${path}${path.endsWith("/") ? "" : "/"}${showName(name)}"`;
  }
}

/** Opens descriptors of directories as they are used, and closes those that were used least lately. */
export class DirectoryDescriptors {
  readonly #calls: Calls;
  readonly #max: number;
  /** Open ones, the least lately used first. Roots are not among them: they stay open. */
  readonly #open = new Set<UringDirectory>();

  constructor(calls: Calls) {
    this.#calls = calls;
    this.#max = Math.max(
      4,
      Math.min(openDirectoriesMax, Math.floor(calls.libc.descriptorLimit() / partOfLimit)),
    );
  }

  /** The descriptor of a directory; valid until the next call. @throws {RcopyError} `type-conflict` if it is not what it was */
  of(directory: UringDirectory): number {
    if (directory.fd >= 0) {
      if (directory.parent) {
        this.#open.delete(directory);
        this.#open.add(directory);
      }
      return directory.fd;
    }
    const chain: UringDirectory[] = [];
    let at: UringDirectory | undefined = directory;
    while (at && at.fd < 0) {
      chain.push(at);
      at = at.parent;
    }
    if (!at) throw new RcopyError("internal", `${directory.shown} is closed`);
    let fd = this.of(at);
    for (const next of chain.reverse()) fd = this.#reopen(next, fd);
    return fd;
  }

  #reopen(directory: UringDirectory, parentFd: number): number {
    const fd = this.#calls.openBelow(parentFd, directory.name, handleFlags);
    if (fd < 0) throw this.#calls.error(`cannot open ${directory.shown} again`, "openat2");
    const stat = this.#calls.statFd(fd);
    if (!stat || stat.device !== directory.device || stat.inode !== directory.inode) {
      this.#calls.close(fd);
      throw new RcopyError("type-conflict", `${directory.shown} is not the directory any more that it was`);
    }
    this.adopt(directory, fd);
    return fd;
  }

  /** Opens a subdirectory for the first time. */
  openBelow(parent: UringDirectory, name: EntryName): UringDirectory {
    const fd = this.#calls.openBelow(this.of(parent), name, handleFlags);
    const what = () => `cannot open directory ${parent.showEntry(name)}`;
    if (fd < 0) throw this.#calls.error(what(), "openat2");
    return this.#take(fd, { parent, name, what });
  }

  /** Opens a directory by a path that a person typed; it stays open until it is closed. */
  openRoot(path: string, shown: string): UringDirectory {
    const bytes = new TextEncoder().encode(path);
    const flags = openFlag.path | openFlag.directory | openFlag.closeOnExec;
    const fd = this.#calls.libc.call.openat(-100, this.#calls.cString(bytes), flags, 0);
    const what = () => `cannot open directory "${shown}"`;
    if (fd < 0) throw this.#calls.error(what(), "openat");
    return this.#take(fd, {
      parent: undefined,
      name: new Uint8Array(0) as Uint8Array as EntryName,
      what,
      rootShown: shown,
    });
  }

  #take(fd: number, place: {
    parent: UringDirectory | undefined;
    name: EntryName;
    what: () => string;
    rootShown?: string;
  }): UringDirectory {
    const stat = this.#calls.statFd(fd);
    if (!stat) {
      const error = this.#calls.error(place.what(), "statx");
      this.#calls.close(fd);
      throw error;
    }
    const { parent, rootShown } = place;
    const name = place.name.slice() as Uint8Array as EntryName;
    const identity = { parent, name, device: stat.device, inode: stat.inode };
    const directory = new UringDirectory(rootShown === undefined ? identity : { ...identity, rootShown });
    this.adopt(directory, fd);
    return directory;
  }

  /** Takes over a descriptor of a directory, and closes another if there are too many. */
  adopt(directory: UringDirectory, fd: number): void {
    directory.fd = fd;
    if (!directory.parent) return;
    this.#open.add(directory);
    if (this.#open.size <= this.#max) return;
    const [oldest] = this.#open;
    this.close(oldest!);
  }

  /** Closes the descriptor; the handle can be used again unless it is a root. */
  close(directory: UringDirectory): void {
    this.#open.delete(directory);
    if (directory.fd >= 0) this.#calls.close(directory.fd);
    directory.fd = -1;
  }

  closeAll(): void {
    for (const directory of [...this.#open]) this.close(directory);
  }
}
