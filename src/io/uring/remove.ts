/** Removing a tree with the io_uring engine: by handles, following nothing, however deep it is. */
import { atFlag, dirent64, direntType, errno, errnoError, Scratch } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { isDots, nameEnd } from "./listing.ts";

const chunkBytes = 32 * 1024;
/** Names of subdirectories that one level may remember; for more, the directory is read again. */
const belowMax = 1024;
/** How often a directory that is not empty in the end is emptied again: another process may be filling it. */
const passesMax = 16;
const everythingForOwner = 0o700;

/** A directory on the way down to the one that is being emptied. */
interface Level {
  directory: UringDirectory;
  /** Subdirectories to remove before it can be empty. */
  below: Uint8Array[];
  passes: number;
}

/** Removes an entry with all that is in it; that there is none is no error. @throws {RcopyError} */
export function removeTree(
  calls: SystemCalls,
  directories: Directories,
  parent: UringDirectory,
  name: EntryName,
): void {
  const { libc, memory } = calls;
  const result = libc.unlinkat(directories.fd(parent), memory.putName(name), 0);
  if (result >= 0 || result === -errno.noent) return;
  // A directory gives EISDIR on Linux, EPERM by POSIX; but EPERM may also mean a lack of permission.
  const mayBeDirectory = result === -errno.isdir || result === -errno.perm &&
      calls.statName(directories.fd(parent), memory.putName(name)) >= 0 &&
      calls.stat.kind === EntryKind.directory;
  if (!mayBeDirectory) throw errnoError(-result, `cannot remove ${parent.showEntry(name)}`, "unlinkat");
  new TreeRemoval(calls, directories).run(parent, name);
}

class TreeRemoval {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;
  readonly #chunk = new Scratch(chunkBytes);
  readonly #levels: Level[] = [];

  constructor(calls: SystemCalls, directories: Directories) {
    this.#calls = calls;
    this.#directories = directories;
  }

  run(parent: UringDirectory, name: Uint8Array): void {
    const levels = this.#levels;
    try {
      this.#enter(parent, name);
      for (let level = levels.at(-1); level; level = levels.at(-1)) {
        const below = level.below.pop();
        if (below) this.#enter(level.directory, below);
        else if (this.#remove(level.directory)) levels.pop();
        else this.#empty(level);
      }
    } finally {
      for (const { directory } of levels.reverse()) this.#directories.close(directory);
    }
  }

  #enter(parent: UringDirectory, name: Uint8Array): void {
    const directory = this.#openUnlessGone(parent, name);
    if (!directory) return;
    const level: Level = { directory, below: [], passes: 0 };
    this.#levels.push(level);
    const { mode } = this.#calls.stat;
    if ((mode & everythingForOwner) !== everythingForOwner) {
      const result = this.#calls.chmodPlace(this.#directories.fd(directory), mode | everythingForOwner);
      if (result < 0) throw this.#failed(result, directory, "fchmodat2");
    }
    this.#empty(level);
  }

  #openUnlessGone(parent: UringDirectory, name: Uint8Array): UringDirectory | undefined {
    try {
      return this.#directories.open(parent, name, this.#calls.memory.openHow.directoryHere);
    } catch (error) {
      if (error instanceof RcopyError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  /** Removes a directory that should be empty; false if it is not. */
  #remove(directory: UringDirectory): boolean {
    const { libc, memory } = this.#calls;
    const parentFd = this.#directories.fd(directory.parent!);
    const result = libc.unlinkat(parentFd, memory.putName(directory.name), atFlag.removeDirectory);
    const level = this.#levels.at(-1)!;
    const isFilled = result === -errno.notempty || result === -errno.exist;
    if (isFilled && level.passes < passesMax) return false;
    if (result < 0 && result !== -errno.noent) throw this.#failed(result, directory, "unlinkat");
    this.#directories.close(directory);
    return true;
  }

  /** Removes everything but subdirectories, and remembers those. */
  #empty(level: Level): void {
    const { libc, memory } = this.#calls;
    const { directory } = level;
    level.passes += 1;
    const fd = this.#calls.open(this.#directories.fd(directory), memory.selfPath, memory.openHow.listing);
    if (fd < 0) throw this.#failed(fd, directory, "openat2");
    try {
      while (level.below.length < belowMax) {
        const count = libc.getdents64(fd, this.#chunk.bytes);
        if (count < 0) throw this.#failed(count, directory, "getdents64");
        if (count === 0) return;
        this.#removeChunk(level, count);
      }
      level.passes = 0; // there is progress: these are removed before the next pass
    } finally {
      libc.close(fd);
    }
  }

  #removeChunk(level: Level, end: number): void {
    const { bytes, view } = this.#chunk;
    const { directory, below } = level;
    const directoryFd = this.#directories.fd(directory);
    for (let at = 0; at < end; at += view.getUint16(at + dirent64.recordLength, true)) {
      const start = at + dirent64.name;
      if (isDots(bytes, start)) continue;
      const isDirectory = bytes[at + dirent64.type] === direntType.directory;
      const result = isDirectory
        ? -errno.isdir
        : this.#calls.libc.unlinkat(directoryFd, bytes.subarray(start), 0);
      if (result === -errno.isdir) below.push(bytes.slice(start, nameEnd(bytes, start)));
      else if (result < 0 && result !== -errno.noent) {
        const shown = directory.showEntry(bytes.subarray(start, nameEnd(bytes, start)));
        throw errnoError(-result, `cannot remove ${shown}`, "unlinkat");
      }
    }
  }

  #failed(result: number, directory: UringDirectory, call: string): Error {
    return errnoError(-result, `cannot remove directory ${directory.shown}`, call);
  }
}
