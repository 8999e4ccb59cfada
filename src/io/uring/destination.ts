/** Changes of single entries by the io_uring engine: each names a directory and one component. */
import { atFlag, errno, errnoError, lockFlag, openFlag, renameFlag, statfs } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { EntryLookup, FileLock, FreeSpace, RenameOptions } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { pathBytesMax } from "./memory.ts";

const privateMode = 0o700;
const lockFlags = openFlag.readWrite | openFlag.create | openFlag.noFollow | openFlag.nonblock |
  openFlag.closeOnExec;

/** An entry by its directory and its name. */
interface Place {
  directory: UringDirectory;
  name: EntryName;
}

export class Destination {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;

  constructor(calls: SystemCalls, directories: Directories) {
    this.#calls = calls;
    this.#directories = directories;
  }

  makeDirectory(parent: UringDirectory, name: EntryName): UringDirectory {
    const { libc, memory, stat } = this.#calls;
    const made = libc.mkdirat(this.#directories.fd(parent), memory.putName(name), privateMode);
    if (made < 0) throw errnoError(-made, `cannot make directory ${parent.showEntry(name)}`, "mkdirat");
    const directory = this.#directories.open(parent, name, memory.openHow.directory);
    if (stat.mode !== privateMode) { // a umask or a default ACL took or gave something
      const result = this.#calls.chmodPlace(this.#directories.fd(directory), privateMode);
      if (result < 0) throw errnoError(-result, `cannot set the mode of ${directory.shown}`, "fchmodat2");
    }
    return directory;
  }

  setDirectoryMetadata(directory: UringDirectory, mode: number, mtime: Timestamp): void {
    const { libc, memory } = this.#calls;
    const fd = this.#directories.fd(directory);
    const times = memory.putTimes(mtime);
    let timed = libc.utimensat(fd, memory.emptyPath, times, atFlag.emptyPath);
    // Before Linux 5.8 the empty path is unknown; "." needs a permission that a directory may not give.
    if (timed === -errno.inval || timed === -errno.noent) {
      timed = libc.utimensat(fd, memory.selfPath, times, 0);
    }
    if (timed < 0) throw errnoError(-timed, `cannot set the time of ${directory.shown}`, "utimensat");
    const moded = this.#calls.chmodPlace(fd, mode & 0o777);
    if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${directory.shown}`, "fchmodat2");
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

  lookup(directory: UringDirectory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    const { memory, stat } = this.#calls;
    const fd = this.#directories.fd(directory);
    return names.map((name) => {
      const result = this.#calls.statName(fd, memory.putName(name));
      if (result === -errno.noent) return undefined;
      if (result < 0) return errnoError(-result, `cannot look at ${directory.showEntry(name)}`, "statx");
      const { kind, mode, size, mtimeSeconds, mtimeNanos, device, inode, ctimeNs } = stat.entry;
      return {
        kind,
        mode,
        size,
        mtime: { seconds: mtimeSeconds, nanos: mtimeNanos },
        device,
        inode,
        ctimeNs,
      };
    });
  }

  createLink({ directory, name }: Place, target: Uint8Array, mtime: Timestamp): void {
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
    if (timed >= 0 || timed === -errno.opnotsupp) return;
    libc.unlinkat(fd, terminated, 0);
    throw errnoError(-timed, `cannot set the time of link ${shown}`, "utimensat");
  }

  setFileMode({ directory, name }: Place, mode: number): void {
    const { libc, memory, stat } = this.#calls;
    const shown = directory.showEntry(name);
    // A descriptor that only names it: neither a FIFO nor a device is opened, no read permission is needed.
    const fd = this.#calls.open(this.#directories.fd(directory), memory.putName(name), memory.openHow.place);
    if (fd < 0) throw errnoError(-fd, `cannot open ${shown}`, "openat2");
    try {
      const found = this.#calls.statFd(fd);
      if (found < 0) throw errnoError(-found, `cannot look at ${shown}`, "statx");
      if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${shown} is not a file`);
      const moded = this.#calls.chmodPlace(fd, mode & 0o777);
      if (moded < 0) throw errnoError(-moded, `cannot set the mode of ${shown}`, "fchmodat2");
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

  rename(from: Place, to: Place, { replace }: RenameOptions): void {
    const { libc, memory, stat } = this.#calls;
    const fromFd = this.#directories.fd(from.directory);
    const toFd = this.#directories.fd(to.directory);
    const fromName = memory.putName(from.name);
    const toName = memory.putText(to.name);
    let result = libc.renameat2(fromFd, fromName, toFd, toName, renameFlag.noReplace);
    if (result >= 0) return;
    const what = `cannot put ${to.directory.showEntry(to.name)} into place`;
    const mayReplace = replace && result === -errno.exist;
    // EINVAL: the file system cannot refuse to replace, so that we look before.
    if (mayReplace || result === -errno.inval) {
      const found = this.#calls.statName(toFd, toName);
      if (found >= 0 && !replace) throw errnoError(errno.exist, what, "renameat2");
      if (found >= 0 && stat.kind === EntryKind.directory) {
        throw new RcopyError("type-conflict", `${what}: a directory is in its place`, { errno: "EISDIR" });
      }
      result = libc.renameat2(fromFd, fromName, toFd, toName, 0);
    }
    if (result < 0) throw errnoError(-result, what, "renameat2");
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

  tryLock({ directory, name }: Place): FileLock | undefined {
    const { libc, memory, stat } = this.#calls;
    const what = `cannot lock ${directory.showEntry(name)}`;
    const fd = this.#calls.openat(this.#directories.fd(directory), memory.putName(name), lockFlags, 0o600);
    if (fd < 0) throw errnoError(-fd, what, "openat");
    let isHeld = false;
    try {
      const found = this.#calls.statFd(fd);
      if (found < 0) throw errnoError(-found, what, "statx");
      if (stat.kind !== EntryKind.file) throw new RcopyError("type-conflict", `${what}: it is not a file`);
      const locked = libc.flock(fd, lockFlag.exclusive | lockFlag.nonBlocking);
      if (locked === -errno.again) return undefined;
      if (locked < 0) throw errnoError(-locked, what, "flock");
      isHeld = true;
    } finally {
      if (!isHeld) libc.close(fd);
    }
    return {
      [Symbol.dispose]: () => {
        if (isHeld) libc.close(fd);
        isHeld = false;
      },
    };
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
