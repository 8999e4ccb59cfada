/** System calls of the engine: libc with fixed memory for arguments, and a second try where descriptors run out. Results below zero are a negated errno. */
import { atFlag, errno, Libc, limitOfFiles, lockFlag, statfs, statxMask } from "../../../ffi/mod.ts";
import { CallMemory, type Memory } from "./memory.ts";

/** Fields of a statx that tell one entry from another. */
const statMask = statxMask.type | statxMask.mode | statxMask.links | statxMask.owner | statxMask.mtime |
  statxMask.ctime | statxMask.inode | statxMask.size;
/** A limit on descriptors where the system names none. */
const fileLimitUnknown = 1024;

const encoder = new TextEncoder();
const defaultAcl = encoder.encode("system.posix_acl_default\0");

/** libc with memory for its arguments; one a thread. Disposing lets go of libc. */
export class SystemCalls implements Disposable {
  readonly libc = Libc.open();
  readonly memory = new CallMemory();
  readonly stat = this.memory.stat;
  /** User number that files of this process have. */
  readonly user: number;
  /** Descriptors that this process may have. */
  readonly fileLimit: number;
  /** Called where there are too many descriptors, before the second and last try. */
  relieve: () => void = () => {};
  #hasChmodAt = true;

  constructor() {
    const found = this.libc.getrlimit(limitOfFiles, this.memory.fieldsPointer);
    this.user = this.libc.effectiveUser();
    this.libc.ignoreFileTooLarge();
    this.fileLimit = found < 0 ? fileLimitUnknown : this.memory.field(0);
  }

  /** openat2 of one component, or a path of them, below a directory; `openHow` is one of the memory's. */
  open(directoryFd: number, path: Memory, openHow: Deno.PointerObject): number {
    const fd = this.libc.openat2(directoryFd, path, openHow);
    if (fd !== -errno.mfile && fd !== -errno.nfile) return fd;
    this.relieve();
    return this.libc.openat2(directoryFd, path, openHow);
  }

  /** openat of one component, for what openat2 is not needed: with O_EXCL or O_NOFOLLOW. */
  openat(directoryFd: number, path: Memory, flags: number, mode: number): number {
    const fd = this.libc.openat(directoryFd, path, flags, mode);
    if (fd !== -errno.mfile && fd !== -errno.nfile) return fd;
    this.relieve();
    return this.libc.openat(directoryFd, path, flags, mode);
  }

  /** statx of a name in a directory, links not followed. */
  statName(directoryFd: number, name: Memory): number {
    return this.libc.statx(directoryFd, name, atFlag.symlinkNoFollow, statMask, this.memory.statPointer);
  }

  /** statx of what a descriptor is open on. */
  statFd(fd: number): number {
    const { emptyPath, statPointer } = this.memory;
    return this.libc.statx(fd, emptyPath, atFlag.emptyPath, statMask, statPointer);
  }

  /** fstatfs: what it tells is in the memory's fields. */
  statFileSystem(fd: number): number {
    return this.libc.fstatfs(fd, this.memory.fieldsPointer);
  }

  /** Bytes that the last {@linkcode statFileSystem} found free; `undefined` where there is no limit. */
  get freeBytes(): number | undefined {
    const { memory } = this;
    if (memory.field(statfs.blocks) === 0) return undefined;
    return memory.field(statfs.available) * memory.field(statfs.blockSize);
  }

  /** Whether a directory, open as a place, has a default ACL, which decides about the modes of what is made in it. */
  hasDefaultAcl(fd: number): boolean {
    const path = this.memory.putName(encoder.encode(`/proc/self/fd/${fd}`));
    return this.libc.attributeSize(path, defaultAcl) > 0;
  }

  /** flock without waiting: whether the lock is there now, is another's, or cannot be had on this file system. */
  lock(fd: number): "taken" | "busy" | "none" {
    const result = this.libc.flock(fd, lockFlag.exclusive | lockFlag.nonBlocking);
    if (result >= 0) return "taken";
    return result === -errno.again ? "busy" : "none";
  }

  /** chmod of what an O_PATH descriptor names; it must not be a symbolic link. */
  chmodPlace(fd: number, mode: number): number {
    if (this.#hasChmodAt) {
      const result = this.libc.fchmodat2(fd, this.memory.emptyPath, mode, atFlag.emptyPath);
      // Before Linux 6.6 there is no such call; some containers answer EPERM to what they do not know.
      if (result !== -errno.nosys && result !== -errno.perm) return result;
      if (result === -errno.nosys) this.#hasChmodAt = false;
    }
    const path = this.memory.putName(encoder.encode(`/proc/self/fd/${fd}`));
    return this.libc.fchmodat(atFlag.workingDirectory, path, mode);
  }

  /** Reads until `target` is full or the file ends: how many bytes there are. */
  readAll(fd: number, target: Memory, offset: number): number {
    let at = 0;
    while (at < target.length) {
      const count = this.libc.pread(fd, at === 0 ? target : target.subarray(at), offset + at);
      if (count === -errno.intr) continue;
      if (count < 0) return count;
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  /** Writes all of it. */
  writeAll(fd: number, source: Memory, offset: number): number {
    let at = 0;
    while (at < source.length) {
      const count = this.libc.pwrite(fd, at === 0 ? source : source.subarray(at), offset + at);
      if (count === -errno.intr) continue;
      if (count < 0) return count;
      at += count;
    }
    return at;
  }

  [Symbol.dispose](): void {
    this.libc[Symbol.dispose]();
  }
}
