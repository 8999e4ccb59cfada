/** From a temporary name to the final one, without replacing what nobody looked at; and leftovers under temporary names. */
import { atFlag, errno, errnoError, openFlag, renameFlag } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Replaceable, WholeFile } from "../contract/engine.ts";
import { isUnfinished, unfinishedMode } from "../contract/unfinished.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { createFile } from "./file.ts";
import type { SystemCalls } from "./system_calls.ts";
import { existsError, type Traits } from "./traits.ts";

const lookFlags = openFlag.noFollow | openFlag.nonblock | openFlag.closeOnExec;
const goOnFlags = openFlag.readWrite | openFlag.noFollow | openFlag.nonblock | openFlag.closeOnExec;
/** What linkat says where there are no hard links, or not one more: FUSE file systems say it in many ways. */
const withoutLinks: ReadonlySet<number> = new Set([
  errno.perm,
  errno.opnotsupp,
  errno.nosys,
  errno.mlink,
  errno.rofs,
  errno.inval,
  errno.xdev,
]);
/** Mode of a stand-in, whose time is 1970. */
const standInMode = 0o600;
const noTime = { seconds: 0, nanos: 0 };

export class Placing {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;
  readonly #traits: Traits;

  constructor(calls: SystemCalls, directories: Directories, traits: Traits) {
    this.#calls = calls;
    this.#directories = directories;
    this.#traits = traits;
  }

  /** As the contract's `place`. */
  place(directory: UringDirectory, temporary: EntryName, name: EntryName, replaces?: Replaceable): void {
    const what = `cannot put ${directory.showEntry(name)} into place`;
    const result = replaces && this.#isThere(directory, name, { what, replaces })
      ? this.#rename(directory, temporary, name, 0)
      : this.#placeFree(directory, temporary, name);
    if (result < 0) throw errnoError(-result, what, "renameat2");
  }

  /** Whether there is something to replace. @throws {RcopyError} where it is not what was looked at */
  #isThere(
    directory: UringDirectory,
    name: EntryName,
    { what, replaces }: { what: string; replaces: Replaceable },
  ): boolean {
    const { memory, stat } = this.#calls;
    const found = this.#calls.statName(this.#directories.fd(directory), memory.putName(name));
    if (found === -errno.noent) return false;
    if (found < 0) throw errnoError(-found, what, "statx");
    if (stat.kind === EntryKind.directory) {
      throw new RcopyError("type-conflict", `${what}: a directory is in its place`, { errno: "EISDIR" });
    }
    if (stat.isAsFound(replaces)) return true;
    throw existsError(what, "what is there was changed by somebody else during the copy");
  }

  #rename(directory: UringDirectory, from: EntryName, to: EntryName, flags: number): number {
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    return libc.renameat2(fd, memory.putName(from), fd, memory.putText(to), flags);
  }

  /** 0, or a negated errno. Nothing is replaced. */
  #placeFree(directory: UringDirectory, temporary: EntryName, name: EntryName): number {
    const result = this.#rename(directory, temporary, name, renameFlag.noReplace);
    if (result !== -errno.inval && result !== -errno.nosys) return result;
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    const linked = libc.linkat(fd, memory.putName(temporary), fd, memory.putText(name));
    if (linked >= 0) {
      libc.unlinkat(fd, memory.putName(temporary), 0);
      return 0;
    }
    return withoutLinks.has(-linked) ? this.#placeOverStandIn(directory, temporary, name) : linked;
  }

  #placeOverStandIn(directory: UringDirectory, temporary: EntryName, name: EntryName): number {
    const { libc, memory, stat } = this.#calls;
    const parentFd = this.#directories.fd(directory);
    const fd = createFile(this.#calls, parentFd, name, standInMode);
    if (fd < 0) return fd;
    libc.futimens(fd, memory.putTimes(noTime));
    libc.close(fd);
    const found = this.#calls.statName(parentFd, memory.putName(temporary));
    const mtime = { seconds: stat.mtimeSeconds, nanos: stat.mtimeNanos };
    const result = this.#rename(directory, temporary, name, 0);
    if (result < 0) this.#removeStandIn(directory, name);
    else if (found >= 0 && stat.kind === EntryKind.file) this.#keepTime(directory, name, mtime);
    return result;
  }

  /** Some file systems without links give what is renamed the time of the renaming. */
  #keepTime(directory: UringDirectory, name: EntryName, mtime: Timestamp): void {
    const { libc, memory, stat } = this.#calls;
    const parentFd = this.#directories.fd(directory);
    if (this.#calls.statName(parentFd, memory.putName(name)) < 0 || stat.kind !== EntryKind.file) return;
    if (stat.mtimeSeconds === mtime.seconds && stat.mtimeNanos === mtime.nanos) return;
    libc.utimensat(parentFd, memory.putName(name), memory.putTimes(mtime), atFlag.symlinkNoFollow);
  }

  /** Removes a stand-in, unless something has been written to what has its name. */
  #removeStandIn(directory: UringDirectory, name: EntryName): void {
    const { libc, memory, stat } = this.#calls;
    const parentFd = this.#directories.fd(directory);
    const found = this.#calls.statName(parentFd, memory.putName(name));
    if (found < 0 || stat.kind !== EntryKind.file || stat.bytes > 0) return;
    libc.unlinkat(parentFd, memory.putName(name), 0);
  }

  /** As the contract's `removeUnfinished`. */
  removeUnfinished(directory: UringDirectory, temporary: EntryName, whole: WholeFile): boolean {
    const { libc, memory, stat } = this.#calls;
    const parentFd = this.#directories.fd(directory);
    const terminated = memory.putName(temporary);
    if (this.#calls.statName(parentFd, terminated) < 0 || !this.#isLeftover(directory, whole)) return false;
    const { device, inode, links } = stat;
    // Two names: a run was killed between giving it its final name and taking the temporary one.
    if (links > 1 && !this.#isNamed(directory, whole.name, { device, inode })) return false;
    // A file server may lock only what is open for writing, and its mode may let us read alone.
    let fd = this.#calls.openat(parentFd, memory.putName(temporary), lookFlags | openFlag.readWrite, 0);
    if (fd < 0) {
      fd = this.#calls.openat(parentFd, memory.putName(temporary), lookFlags | openFlag.readOnly, 0);
    }
    if (fd < 0) return false;
    try {
      if (this.#calls.statFd(fd) < 0 || stat.inode !== inode || stat.device !== device) return false;
      if (this.#calls.lock(fd) !== "taken") return false;
      if (!this.#isNamed(directory, temporary, { device, inode })) return false;
      return libc.unlinkat(parentFd, memory.putName(temporary), 0) >= 0;
    } finally {
      libc.close(fd);
    }
  }

  /**
   * Opens and locks what a run that has ended left of a large file.
   * @returns its descriptor, or -1 where there is nothing of ours, or another run has it
   */
  openPart(directory: UringDirectory, temporary: EntryName, whole: WholeFile): number {
    const { libc, memory, stat } = this.#calls;
    const parentFd = this.#directories.fd(directory);
    this.#traits.of(directory);
    if (this.#calls.statName(parentFd, memory.putName(temporary)) < 0) return -1;
    if (stat.links !== 1 || !this.#isLeftover(directory, whole)) return -1;
    const { device, inode } = stat;
    const fd = this.#calls.openat(parentFd, memory.putName(temporary), goOnFlags, 0);
    if (fd < 0) return -1;
    const isOurs = this.#calls.statFd(fd) >= 0 && stat.inode === inode && stat.device === device &&
      stat.links === 1 && this.#calls.lock(fd) === "taken" &&
      this.#isNamed(directory, temporary, { device, inode });
    if (isOurs) return fd;
    libc.close(fd);
    return -1;
  }

  /** Whether the last statx was of a file of ours that is not finished, or not placed. */
  #isLeftover(directory: UringDirectory, whole: WholeFile): boolean {
    const { stat } = this.#calls;
    const found = stat.lookup;
    const owner = this.#traits.ownerOn(directory.device);
    if (found.kind !== EntryKind.file || found.owner !== owner) return false;
    const isWhole = found.size === whole.size && found.mtime.seconds === whole.mtime.seconds &&
      found.mtime.nanos === whole.mtime.nanos;
    // Where modes do not stay, or a default ACL gives them, nothing but the name and the owner tells.
    return isWhole || isUnfinished(found, { owner, keepsModes: true }) ||
      (found.special | found.mode) === standInMode ||
      this.#traits.keepsMark(directory.device) === false || this.#traits.hasPolicy(directory);
  }

  #isNamed(directory: UringDirectory, name: EntryName, file: { device: number; inode: bigint }): boolean {
    const { memory, stat } = this.#calls;
    const found = this.#calls.statName(this.#directories.fd(directory), memory.putName(name));
    return found >= 0 && stat.inode === file.inode && stat.device === file.device;
  }

  /**
   * Creates and locks a file under a temporary name.
   * @returns its descriptor, or a negated errno: -EEXIST also where another run is about to take it away
   */
  createPart(directory: UringDirectory, temporary: EntryName, mode: number): number {
    const { libc, memory, stat } = this.#calls;
    const { device } = directory;
    const isBound = this.#traits.keepsMark(device) === false || this.#traits.hasPolicy(directory);
    const parentFd = this.#directories.fd(directory);
    const fd = createFile(this.#calls, parentFd, temporary, isBound ? mode : unfinishedMode);
    if (fd < 0) return fd;
    const isFree = this.#calls.lock(fd) !== "busy";
    const found = this.#calls.statFd(fd);
    if (isFree && found >= 0 && stat.links > 0) {
      if (isBound || this.#traits.learnMark(device, fd)) return fd;
      // It could look unfinished for good: it is made again with its mode from the start.
      libc.close(fd);
      libc.unlinkat(parentFd, memory.putName(temporary), 0);
      return this.createPart(directory, temporary, mode);
    }
    libc.close(fd);
    if (found < 0) libc.unlinkat(parentFd, memory.putName(temporary), 0);
    return found < 0 ? found : -errno.exist;
  }
}
