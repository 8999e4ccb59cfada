/** The descriptors behind directory handles: opened on demand, few at a time. */
import { atFlag, errnoError, openFlag } from "../../../ffi/mod.ts";
import { assert, RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import type { SystemCalls } from "./system_calls.ts";
import { UringDirectory } from "./directory.ts";
import { pathBytesMax } from "./memory.ts";

/** Descriptors for directories: at most so many, and at most this part of what the process may have. */
const openMax = 64;
const partOfLimit = 8;
/** Descriptors that the engine needs at the same time: both directories of a rename, and two more. */
const openMin = 4;

const rootFlags = openFlag.path | openFlag.directory | openFlag.closeOnExec;
const slash = 0x2f;

/**
 * Opens descriptors of directories as they are used, and closes those that were used least lately. Roots and
 * subdirectories are bounded apart, so that a root, which is reopened by its path, is rarely closed.
 */
export class Directories {
  readonly #calls: SystemCalls;
  readonly #max: number;
  /** The least lately used first. */
  readonly #roots = new Set<UringDirectory>();
  readonly #below = new Set<UringDirectory>();
  #latest: UringDirectory | undefined;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
    this.#max = Math.max(openMin, Math.min(openMax, Math.floor(calls.fileLimit / partOfLimit)));
    calls.relieve = () => this.#closeAllBut(this.#latest);
  }

  /** @throws {RcopyError} as the contract's openRoot says */
  openRoot(path: string): UringDirectory {
    const name = new TextEncoder().encode(path);
    if (name.includes(0)) throw new RcopyError("not-found", "a path with a NUL byte leads nowhere");
    const fd = this.#openRootFd(name);
    const directory = this.#describe(fd, undefined, name);
    this.#adopt(directory, fd);
    return directory;
  }

  #openRootFd(path: Uint8Array): number {
    return this.#calls.openat(atFlag.workingDirectory, this.#calls.memory.putName(path), rootFlags, 0);
  }

  /** Opens a subdirectory for the first time; `openHow` is one of the memory's. */
  open(parent: UringDirectory, name: EntryName | Uint8Array, openHow: Deno.PointerObject): UringDirectory {
    const parentFd = this.fd(parent);
    const fd = this.#calls.open(parentFd, this.#calls.memory.putName(name), openHow);
    const directory = this.#describe(fd, parent, name.slice());
    this.#adopt(directory, fd);
    return directory;
  }

  #describe(fd: number, parent: UringDirectory | undefined, name: Uint8Array): UringDirectory {
    const { stat } = this.#calls;
    const found = fd < 0 ? fd : this.#calls.statFd(fd);
    if (found >= 0) return new UringDirectory({ parent, name, device: stat.device, inode: stat.inode });
    const { shown } = new UringDirectory({ parent, name, device: 0, inode: 0n });
    const call = fd >= 0 ? "statx" : parent ? "openat2" : "openat";
    if (fd >= 0) this.#calls.libc.close(fd);
    throw errnoError(-found, `cannot open directory ${shown}`, call);
  }

  /**
   * The descriptor of a directory. It stays valid while fewer than {@linkcode openMin} others are asked for,
   * or as long as the directory is pinned.
   * @throws {RcopyError} `type-conflict` if what is in its place now is another directory
   */
  fd(directory: UringDirectory): number {
    if (directory === this.#latest || directory.lentPath !== undefined) return directory.fd;
    assert(!directory.isClosed, "a directory handle is used before it is closed");
    if (directory.fd < 0) {
      this.#adopt(directory, this.#reopen(directory));
    } else {
      const open = this.#openOf(directory);
      open.delete(directory);
      open.add(directory);
      this.#latest = directory;
    }
    return directory.fd;
  }

  /** Keeps the descriptor of a directory open until {@linkcode unpin}. */
  pin(directory: UringDirectory): void {
    directory.pins += 1;
  }

  unpin(directory: UringDirectory): void {
    directory.pins -= 1;
    if (directory.pins === 0 && directory.isClosed) this.#closeFd(directory);
  }

  /** Lets go of a handle. */
  close(directory: UringDirectory): void {
    if (!directory.isClosed) this.#openParentOf(directory);
    directory.isClosed = true;
    if (directory.pins === 0) this.#closeFd(directory);
    else this.#openOf(directory).delete(directory);
    if (this.#latest === directory) this.#latest = undefined;
  }

  /**
   * Opens the directory above one that is about to be closed, where its descriptor was closed to make room: a tree is completed
   * from below, and the way from the root would be as long as the tree is deep.
   */
  #openParentOf({ fd, parent }: UringDirectory): void {
    if (fd < 0 || !parent || parent.fd >= 0 || parent.isClosed || parent.lentPath !== undefined) return;
    const { libc, memory, stat } = this.#calls;
    const parentFd = libc.openat(fd, memory.parentPath, rootFlags, 0);
    if (parentFd < 0) return;
    // Whatever was moved meanwhile, it is the directory that it was, or it is not used.
    const isSame = this.#calls.statFd(parentFd) >= 0 && stat.inode === parent.inode &&
      stat.device === parent.device;
    if (isSame) this.#adopt(parent, parentFd);
    else libc.close(parentFd);
  }

  /** Tries whether so many descriptors more can be had. */
  hasDescriptors(directory: UringDirectory, count: number): boolean {
    const fds: number[] = [];
    const { memory, libc } = this.#calls;
    const within = this.fd(directory);
    while (fds.length < count) {
      const fd = libc.openat2(within, memory.selfPath, memory.openHow.directory);
      if (fd < 0) break;
      fds.push(fd);
    }
    for (const fd of fds) libc.close(fd);
    return fds.length === count;
  }

  /** Lets go of all descriptors. */
  closeAll(): void {
    this.#closeAllBut(undefined);
  }

  /** From the nearest directory above that is open, in as few steps as the length of paths allows. */
  #reopen(directory: UringDirectory): number {
    const chain: UringDirectory[] = [];
    let top: UringDirectory | undefined = directory;
    for (; top && top.fd < 0; top = top.parent) {
      assert(!top.isClosed, "a directory handle is closed after those below it");
      chain.push(top);
    }
    const root = top ? undefined : chain.pop()!;
    const rootFd = root ? this.#openRootFd(root.name) : -1;
    if (root && rootFd < 0) throw this.#gone(directory, rootFd, "openat");
    let fd = top ? top.fd : rootFd;
    let owned = rootFd;
    while (chain.length > 0) {
      const next = this.#calls.open(
        fd,
        this.#calls.memory.putName(joinedName(chain)),
        this.#openHow.directory,
      );
      if (owned >= 0) this.#calls.libc.close(owned);
      if (next < 0) throw this.#gone(directory, next, "openat2");
      fd = owned = next;
    }
    const { stat } = this.#calls;
    const found = this.#calls.statFd(fd);
    if (found >= 0 && stat.inode === directory.inode && stat.device === directory.device) return fd;
    this.#calls.libc.close(fd);
    if (found < 0) throw this.#gone(directory, found, "statx");
    throw new RcopyError("type-conflict", `${directory.shown} is not the directory any more that it was`);
  }

  get #openHow() {
    return this.#calls.memory.openHow;
  }

  #gone(directory: UringDirectory, result: number, call: string): RcopyError {
    return errnoError(-result, `cannot open directory ${directory.shown} again`, call);
  }

  #adopt(directory: UringDirectory, fd: number): void {
    const open = this.#openOf(directory);
    directory.fd = fd;
    open.add(directory);
    this.#latest = directory;
    if (open.size <= this.#max) return;
    for (const oldest of open) {
      // Where every other one is in use there are more for a while: not more than small files that are read at a time.
      if (oldest.pins > 0 || oldest === directory) continue;
      this.#closeFd(oldest);
      return;
    }
  }

  #openOf(directory: UringDirectory): Set<UringDirectory> {
    return directory.parent ? this.#below : this.#roots;
  }

  #closeAllBut(kept: UringDirectory | undefined): void {
    for (const open of [this.#below, this.#roots]) {
      for (const directory of open) {
        if (directory !== kept && directory.pins === 0) this.#closeFd(directory);
      }
    }
  }

  #closeFd(directory: UringDirectory): void {
    this.#openOf(directory).delete(directory);
    if (directory.fd >= 0) this.#calls.libc.close(directory.fd);
    directory.fd = -1;
    if (this.#latest === directory) this.#latest = undefined;
  }
}

/** Takes names from the end of a chain, the topmost directory, as long as they fit into one path. */
function joinedName(chain: UringDirectory[]): Uint8Array {
  const path = new Uint8Array(pathBytesMax - 1);
  let length = 0;
  while (chain.length > 0) {
    const { name } = chain[chain.length - 1]!;
    const start = length === 0 ? 0 : length + 1;
    if (start + name.length > path.length) break;
    if (length > 0) path[length] = slash;
    path.set(name, start);
    length = start + name.length;
    chain.pop();
  }
  return path.subarray(0, length);
}
