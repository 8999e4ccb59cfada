/** Changes of single entries by the io_uring engine: each names a directory and one component. */
import { atFlag, errno, errnoError, mayMakeEntries, statfs } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import {
  type DirectoryMetadataOptions,
  type EntryLookup,
  type FileMetadata,
  type FreeSpace,
  Lacks,
} from "../contract/engine.ts";
import type { FoundEntries, NameRun } from "../contract/found.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { pathBytesMax } from "./memory.ts";
import { isRefused, stayed, type Traits } from "./traits.ts";

const everythingForOwner = 0o700;

/** An entry by its directory and its name. */
interface Place {
  directory: UringDirectory;
  name: EntryName;
}

export class Destination {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;
  readonly #traits: Traits;

  constructor(calls: SystemCalls, directories: Directories, traits: Traits) {
    this.#calls = calls;
    this.#directories = directories;
    this.#traits = traits;
  }

  makeDirectory(parent: UringDirectory, name: EntryName, mode: number): UringDirectory {
    const { libc, memory, stat } = this.#calls;
    const hasPolicy = this.#traits.hasPolicy(parent);
    const parentFd = this.#directories.fd(parent);
    const made = libc.mkdirat(parentFd, memory.putName(name), mode & 0o777 | everythingForOwner);
    if (made < 0) throw errnoError(-made, `cannot make directory ${parent.showEntry(name)}`, "mkdirat");
    const directory = this.#directories.open(parent, name, memory.openHow.directory);
    directory.hasPolicy = directory.isUnderPolicy = hasPolicy;
    if ((stat.mode & everythingForOwner) !== everythingForOwner) { // a umask or a default ACL took something
      this.setDirectoryMode(directory, stat.special | stat.mode | everythingForOwner);
    }
    return directory;
  }

  lookAt(directory: UringDirectory): EntryLookup {
    const result = this.#calls.statFd(this.#directories.fd(directory));
    if (result < 0) throw errnoError(-result, `cannot look at ${directory.shown}`, "statx");
    return this.#calls.stat.lookup;
  }

  setDirectoryMetadata(
    directory: UringDirectory,
    { mode, mtime }: FileMetadata,
    { mayLoosen }: DirectoryMetadataOptions,
  ): number {
    let lacks: number = Lacks.nothing;
    const found = this.lookAt(directory);
    const hasTime = found.mtime.seconds === mtime.seconds && found.mtime.nanos === mtime.nanos;
    const timed = hasTime ? 0 : this.#setDirectoryTime(directory, mtime);
    if (isRefused(timed)) lacks |= Lacks.time;
    else if (timed < 0) throw errnoError(-timed, `cannot set the time of ${directory.shown}`, "utimensat");
    const isLoosened = (mode & ~found.mode) !== 0;
    const isBound = !mayLoosen || (isLoosened && this.#isUnderPolicy(directory));
    const wanted = isBound ? found.mode & mode : mode & 0o777;
    if (!mayLoosen && isLoosened) lacks |= Lacks.mode;
    if (wanted === found.mode) return lacks;
    const fd = this.#directories.fd(directory);
    const moded = this.#setMode(directory, fd, found.special | wanted);
    if (isRefused(moded)) lacks |= Lacks.mode;
    else if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${directory.shown}`, "fchmodat2");
    return lacks;
  }

  /** Of a directory, or of an entry in it that is open as a place. */
  #setMode({ device }: UringDirectory, fd: number, mode: number): number {
    const moded = this.#calls.chmodPlace(fd, mode);
    return moded < 0 || !this.#traits.mayDropModes(device) ? moded : stayed(this.#calls, fd, mode);
  }

  /** Whether a default ACL has decided about the mode of a directory, in this run or in an earlier one. */
  #isUnderPolicy({ isUnderPolicy, parent }: UringDirectory): boolean {
    return isUnderPolicy || (parent !== undefined && this.#traits.hasPolicy(parent));
  }

  #setDirectoryTime(directory: UringDirectory, mtime: Timestamp): number {
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    const times = memory.putTimes(mtime);
    const timed = libc.utimensat(fd, memory.emptyPath, times, atFlag.emptyPath);
    // Before Linux 5.8 the empty path is unknown; "." needs a permission that a directory may not give.
    const isUnknown = timed === -errno.inval || timed === -errno.noent;
    return isUnknown ? libc.utimensat(fd, memory.selfPath, times, 0) : timed;
  }

  setDirectoryMode(directory: UringDirectory, mode: number): void {
    const result = this.#calls.chmodPlace(this.#directories.fd(directory), mode & 0o7777);
    if (result < 0) throw errnoError(-result, `cannot set the mode of ${directory.shown}`, "fchmodat2");
  }

  whyNotWritable(directory: UringDirectory): RcopyError | undefined {
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    const result = libc.faccessat(fd, memory.selfPath, mayMakeEntries, atFlag.effectiveAccess);
    if (result >= 0) return undefined;
    return errnoError(-result, `cannot make anything in ${directory.shown}`, "faccessat");
  }

  readLink({ directory, name }: Place): Uint8Array {
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    const count = libc.readlinkat(fd, memory.putName(name), memory.text);
    if (count === -errno.inval) {
      throw new RcopyError("type-conflict", `${directory.showEntry(name)} is not a symbolic link`, {
        errno: "EINVAL",
      });
    }
    if (count < 0) throw errnoError(-count, `cannot read link ${directory.showEntry(name)}`, "readlinkat");
    if (count === pathBytesMax) {
      throw new RcopyError("io", `the text of link ${directory.showEntry(name)} is too long`);
    }
    return memory.text.slice(0, count);
  }

  readStart({ directory, name }: Place, bytesMax: number): Uint8Array {
    const { libc, memory, stat } = this.#calls;
    const shown = directory.showEntry(name);
    const fd = this.#calls.open(this.#directories.fd(directory), memory.putName(name), memory.openHow.read);
    if (fd < 0) throw errnoError(-fd, `cannot open ${shown}`, "openat2");
    try {
      const found = this.#calls.statFd(fd);
      if (found < 0) throw errnoError(-found, `cannot look at ${shown}`, "statx");
      if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${shown} is not a file`);
      const target = new Uint8Array(bytesMax);
      const count = this.#calls.readAll(fd, target, 0);
      if (count < 0) throw errnoError(-count, `cannot read ${shown}`, "pread");
      return target.subarray(0, count);
    } finally {
      libc.close(fd);
    }
  }

  lookup(directory: UringDirectory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    const { memory, stat } = this.#calls;
    const fd = this.#directories.fd(directory);
    return names.map((name) => {
      const result = this.#calls.statName(fd, memory.putName(name));
      if (result === -errno.noent) return undefined;
      if (result < 0) return errnoError(-result, `cannot look at ${directory.showEntry(name)}`, "statx");
      return stat.lookup;
    });
  }

  lookUpAll(directory: UringDirectory, { names, starts, from, to }: NameRun, found: FoundEntries): void {
    const { memory, stat } = this.#calls;
    const fd = this.#directories.fd(directory);
    found.reset(to - from);
    for (let i = from; i < to; i++) {
      const start = starts[i]!;
      const end = starts[i + 1]! - 1;
      const result = this.#calls.statName(fd, memory.putNameIn(names, start, end));
      if (result >= 0) stat.putInto(found, i - from);
      else if (result !== -errno.noent) {
        const what = `cannot look at ${directory.showEntry(names.subarray(start, end))}`;
        found.errors.set(i - from, errnoError(-result, what, "statx"));
      }
    }
  }

  createLink({ directory, name }: Place, target: Uint8Array, mtime: Timestamp): number {
    const { libc, memory } = this.#calls;
    const shown = directory.showEntry(name);
    if (target.includes(0)) {
      throw new RcopyError("io", `cannot create link ${shown}: its text holds a NUL byte`);
    }
    const fd = this.#directories.fd(directory);
    const terminated = memory.putName(name);
    const made = libc.symlinkat(memory.putText(target), fd, terminated);
    if (made < 0) throw errnoError(-made, `cannot create link ${shown}`, "symlinkat");
    const timed = libc.utimensat(fd, terminated, memory.putTimes(mtime), atFlag.symlinkNoFollow);
    // Some file systems look for what the link leads to, and say that it is not there.
    return timed >= 0 ? Lacks.nothing : Lacks.time;
  }

  setFileMode({ directory, name }: Place, mode: number): number {
    const { libc, memory, stat } = this.#calls;
    const shown = directory.showEntry(name);
    // A descriptor that only names it: neither a FIFO nor a device is opened, no read permission is needed.
    const fd = this.#calls.open(this.#directories.fd(directory), memory.putName(name), memory.openHow.place);
    if (fd < 0) throw errnoError(-fd, `cannot open ${shown}`, "openat2");
    try {
      const found = this.#calls.statFd(fd);
      if (found < 0) throw errnoError(-found, `cannot look at ${shown}`, "statx");
      if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${shown} is not a file`);
      const { mode: has } = stat;
      const isBound = (mode & ~has) !== 0 && this.#traits.hasPolicy(directory);
      const moded = this.#setMode(directory, fd, isBound ? has & mode : mode & 0o777);
      if (isRefused(moded)) return Lacks.mode;
      if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${shown}`, "fchmodat2");
      return Lacks.nothing;
    } finally {
      libc.close(fd);
    }
  }

  setFileTime({ directory, name }: Place, mtime: Timestamp): void {
    const { libc, memory, stat } = this.#calls;
    const shown = directory.showEntry(name);
    const parent = this.#directories.fd(directory);
    const fd = this.#calls.open(parent, memory.putName(name), memory.openHow.place);
    if (fd < 0) throw errnoError(-fd, `cannot open ${shown}`, "openat2");
    const found = this.#calls.statFd(fd);
    libc.close(fd);
    if (found < 0) throw errnoError(-found, `cannot look at ${shown}`, "statx");
    if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${shown} is not a file`);
    const times = memory.putTimes(mtime);
    const timed = libc.utimensat(parent, memory.putName(name), times, atFlag.symlinkNoFollow);
    if (timed < 0) throw errnoError(-timed, `cannot set the time of ${shown}`, "utimensat");
  }

  unlink({ directory, name }: Place): void {
    const { libc, memory } = this.#calls;
    const result = libc.unlinkat(this.#directories.fd(directory), memory.putName(name), 0);
    if (result < 0) throw errnoError(-result, `cannot remove ${directory.showEntry(name)}`, "unlinkat");
  }

  freeSpace(directory: UringDirectory): FreeSpace {
    const result = this.#calls.statFileSystem(this.#directories.fd(directory));
    if (result < 0) return { bytes: undefined, inodes: undefined };
    const { memory, freeBytes } = this.#calls;
    // Some file systems (btrfs, a tmpfs without a limit) have no fixed number of inodes and say 0.
    const hasInodes = memory.field(statfs.files) > 0;
    return { bytes: freeBytes, inodes: hasInodes ? memory.field(statfs.filesFree) : undefined };
  }

  async syncFileSystem(directory: UringDirectory): Promise<void> {
    const { libc, memory } = this.#calls;
    // A place cannot be synced, only what is open for reading or writing.
    const fd = this.#calls.open(this.#directories.fd(directory), memory.selfPath, memory.openHow.listing);
    if (fd < 0) throw errnoError(-fd, `cannot open directory ${directory.shown}`, "openat2");
    try {
      if (await libc.syncfs(fd) < 0) {
        // errno belongs to the thread that made the call.
        const message = `cannot bring the file system of ${directory.shown} to stable storage (from syncfs)`;
        throw new RcopyError("io", message);
      }
    } finally {
      libc.close(fd);
    }
  }
}
