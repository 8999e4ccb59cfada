/** The io_uring engine: Linux, native code allowed. Reads go through the ring; the rest is libc, by descriptors. */
import { errno, openFlag, renameFlag, resolveFlag, Ring, type Scratch, whyNoUring } from "../../ffi/mod.ts";
import { atFlag } from "../../ffi/mod.ts";
import { RcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import type { EntryName } from "../fs/entry_name.ts";
import type { FileIdentity, Timestamp } from "../fs/metadata.ts";
import type {
  Directory,
  Engine,
  EntryLookup,
  FileLock,
  FileRead,
  FileWrite,
  FreeSpace,
  Listing,
  Pending,
  RenameOptions,
  SourceFile,
  TargetFile,
} from "./engine.ts";
import { Calls } from "./uring_calls.ts";
import { DirectoryDescriptors, type UringDirectory } from "./uring_directory.ts";
import { readFlags, UringSource, UringTarget } from "./uring_file.ts";
import { UringListing } from "./uring_listing.ts";
import { RingShare } from "./uring_share.ts";
import { UringRangeRead, UringRangeWrite } from "./uring_range.ts";
import { readDepth, readScratchBytes, UringReads } from "./uring_reads.ts";
import { removeTreeBelow } from "./uring_remove.ts";

export { whyNoUring };

const done: Pending = { finish() {} };
const lockExclusiveNow = 2 | 4; // LOCK_EX | LOCK_NB
/** `struct statfs` of x86-64 and aarch64: u64 fields after two of 8 bytes. */
const statfsAt = { blockSize: 8, blocksAvailable: 32, files: 40, filesFree: 48, size: 120 } as const;
const linkBytesMax = 4096;
const selfName = Uint8Array.of(0x2e);

/** Opens the engine. @throws {RcopyError} `engine-unavailable` */
export function openUringEngine(): Engine {
  return new UringEngine();
}

class UringEngine implements Engine {
  readonly kind = "uring";
  readonly exactNames = true;
  readonly mtimeResolutionNs = 1;
  readonly #share: RingShare;
  readonly #calls: Calls;
  readonly #descriptors: DirectoryDescriptors;
  readonly #names: Scratch;
  readonly #how: number;
  readonly #depth: number;
  readonly #umask: number;
  readonly #linkText = new Uint8Array(new ArrayBuffer(linkBytesMax));
  /** There is one batch of small files at a time; the next one waits for it. */
  #reads: UringReads | undefined;

  constructor() {
    const ring = Ring.open({ entries: 2 * readDepth });
    this.#share = new RingShare(ring);
    this.#calls = new Calls();
    this.#descriptors = new DirectoryDescriptors(this.#calls);
    this.#names = ring.scratch(readScratchBytes);
    this.#names.take(readDepth * 256);
    const resolve = resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks;
    this.#how = this.#names.putOpenHow(readFlags | openFlag.closeOnExec, 0, resolve);
    this.#depth = Math.max(4, Math.min(readDepth, Math.floor(this.#calls.libc.descriptorLimit() / 4)));
    this.#umask = this.#calls.libc.readUmask();
  }

  // ---- directories

  openRoot(path: string): Directory {
    return this.#descriptors.openRoot(path, showText(path));
  }

  openDirectory(parent: Directory, name: EntryName): Directory {
    return this.#descriptors.openBelow(parent as UringDirectory, name);
  }

  makeDirectory(parent: Directory, name: EntryName): Directory {
    const within = parent as UringDirectory;
    const fd = this.#descriptors.of(within);
    if (this.#calls.libc.call.mkdirat(fd, this.#calls.cString(name), 0o700) < 0) {
      throw this.#calls.error(`cannot make directory ${within.showEntry(name)}`, "mkdirat");
    }
    return this.#descriptors.openBelow(within, name);
  }

  movedTo(directory: Directory, parent: Directory, name: EntryName): void {
    const moved = directory as UringDirectory;
    moved.parent = parent as UringDirectory;
    moved.name = name.slice() as Uint8Array as EntryName;
  }

  closeDirectory(directory: Directory): void {
    this.#descriptors.close(directory as UringDirectory);
  }

  identityOf(directory: Directory): { device: number; inode: bigint } {
    const { device, inode } = directory as UringDirectory;
    return { device, inode };
  }

  setDirectoryMetadata(directory: Directory, mode: number, mtime: Timestamp): void {
    const { shown } = directory;
    const { call } = this.#calls.libc;
    const fd = this.#openSelf(directory as UringDirectory);
    try {
      if (call.futimens(fd, this.#calls.times(mtime)) < 0) {
        throw this.#calls.error(`cannot set the time of ${shown}`, "futimens");
      }
      if (call.fchmod(fd, mode & 0o777) < 0) {
        throw this.#calls.error(`cannot set the mode of ${shown}`, "fchmod");
      }
    } finally {
      this.#calls.close(fd);
    }
  }

  /** A descriptor of the directory that more can be done with than with a handle's. */
  #openSelf(directory: UringDirectory): number {
    const flags = openFlag.readOnly | openFlag.directory;
    const fd = this.#calls.openBelow(this.#descriptors.of(directory), selfName, flags);
    if (fd < 0) throw this.#calls.error(`cannot open ${directory.shown}`, "openat2");
    return fd;
  }

  // ---- source

  list(directory: Directory): Listing {
    return new UringListing(this.#calls, this.#descriptors, directory as UringDirectory);
  }

  readLink(directory: Directory, name: EntryName): Uint8Array {
    const within = directory as UringDirectory;
    const fd = this.#descriptors.of(within);
    const { call } = this.#calls.libc;
    const count = Number(
      call.readlinkat(fd, this.#calls.cString(name), this.#linkText, BigInt(linkBytesMax)),
    );
    if (count < 0) throw this.#calls.error(`cannot read link ${within.showEntry(name)}`, "readlinkat");
    return this.#linkText.slice(0, count);
  }

  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending {
    const shared = {
      share: this.#share,
      calls: this.#calls,
      descriptors: this.#descriptors,
      names: this.#names,
      how: this.#how,
      depth: this.#depth,
    };
    const start = () => this.#reads = new UringReads(shared, files, memory);
    if (!this.#reads) {
      const reads = start();
      return { finish: () => this.#finished(reads) };
    }
    return {
      finish: async () => {
        while (this.#reads) await this.#finished(this.#reads);
        await this.#finished(start());
      },
    };
  }

  #finished(reads: UringReads): void | Promise<void> {
    const waiting = reads.finish();
    const free = () => {
      if (this.#reads === reads) this.#reads = undefined;
    };
    if (waiting) return waiting.finally(free);
    free();
  }

  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile {
    const within = directory as UringDirectory;
    return UringSource.open(this.#calls, this.#descriptors.of(within), { directory: within, name }, expected);
  }

  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending {
    return new UringRangeRead(this.#share, this.#calls, file as UringSource, { offset, memory: target });
  }

  checkUnchanged(file: SourceFile): void {
    (file as UringSource).checkUnchanged();
  }

  closeSource(file: SourceFile): void {
    (file as UringSource).close();
  }

  // ---- destination

  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    const within = directory as UringDirectory;
    const fd = this.#descriptors.of(within);
    return names.map((name) => {
      const stat = this.#calls.statAt(fd, name);
      if (!stat) {
        if (this.#calls.errno === errno.noEntry) return undefined;
        return this.#calls.error(`cannot look at ${within.showEntry(name)}`, "statx");
      }
      const { kind, mode, size, device, inode, ctimeNs } = stat;
      return {
        kind,
        mode,
        size,
        mtime: { seconds: stat.mtimeSeconds, nanos: stat.mtimeNanos },
        device,
        inode,
        ctimeNs,
      };
    });
  }

  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending {
    for (const file of files) {
      try {
        this.#createFile(file, memory);
      } catch (error) {
        file.error = error instanceof RcopyError
          ? error
          : new RcopyError("internal", String(error), { cause: error });
      }
    }
    return done;
  }

  #createFile(file: FileWrite, memory: Uint8Array<ArrayBuffer>): void {
    const directory = file.directory as UringDirectory;
    const directoryFd = this.#descriptors.of(directory);
    const { call } = this.#calls.libc;
    const fd = this.#calls.createBelow(directoryFd, file.name, file.mode);
    if (fd < 0) throw this.#calls.error(`cannot create ${directory.showEntry(file.name)}`, "openat");
    let failed: string | undefined;
    const content = memory.subarray(file.offset, file.offset + file.size);
    if (file.size > 0 && !this.#calls.writeAll(fd, content)) failed = "write";
    else if ((file.mode & this.#umask) !== 0 && call.fchmod(fd, file.mode) < 0) failed = "fchmod";
    else if (call.futimens(fd, this.#calls.times(file.mtime)) < 0) failed = "futimens";
    if (failed === undefined) {
      this.#calls.close(fd);
      return;
    }
    const error = this.#calls.error(`cannot write ${directory.showEntry(file.name)}`, failed);
    this.#calls.close(fd);
    call.unlinkat(directoryFd, this.#calls.cString(file.name), 0);
    throw error;
  }

  createTarget(directory: Directory, name: EntryName, size: number): TargetFile {
    const within = directory as UringDirectory;
    return UringTarget.create(this.#calls, this.#descriptors.of(within), { directory: within, name }, size);
  }

  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending {
    return new UringRangeWrite(this.#share, this.#calls, file as UringTarget, { offset, memory: source });
  }

  finishTarget(file: TargetFile, mode: number, mtime: Timestamp): void {
    (file as UringTarget).finish(mode, mtime);
  }

  abandonTarget(file: TargetFile): void {
    (file as UringTarget).close();
  }

  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): void {
    const within = directory as UringDirectory;
    const fd = this.#descriptors.of(within);
    const { call } = this.#calls.libc;
    const terminated = this.#calls.cString(name);
    if (call.symlinkat(this.#calls.otherCString(target), fd, terminated) < 0) {
      throw this.#calls.error(`cannot create link ${within.showEntry(name)}`, "symlinkat");
    }
    if (call.utimensat(fd, terminated, this.#calls.times(mtime), atFlag.symlinkNoFollow) < 0) {
      const error = this.#calls.error(`cannot set the time of link ${within.showEntry(name)}`, "utimensat");
      call.unlinkat(fd, terminated, 0);
      throw error;
    }
  }

  setFileMode(directory: Directory, name: EntryName, mode: number): void {
    const within = directory as UringDirectory;
    const fd = this.#calls.openBelow(this.#descriptors.of(within), name, readFlags);
    if (fd < 0) throw this.#calls.error(`cannot open ${within.showEntry(name)}`, "openat2");
    const failed = this.#calls.libc.call.fchmod(fd, mode & 0o777) < 0;
    const error = failed
      ? this.#calls.error(`cannot set the mode of ${within.showEntry(name)}`, "fchmod")
      : undefined;
    this.#calls.close(fd);
    if (error) throw error;
  }

  rename(
    from: Directory,
    fromName: EntryName,
    to: Directory,
    toName: EntryName,
    options: RenameOptions,
  ): void {
    const target = to as UringDirectory;
    // The second look-up could close the first one's descriptor only if there were room for fewer than two.
    this.#descriptors.of(from as UringDirectory);
    const toFd = this.#descriptors.of(target);
    const fromFd = this.#descriptors.of(from as UringDirectory);
    const oldName = this.#calls.cString(fromName);
    const newName = this.#calls.otherCString(toName);
    const flags = options.replace ? 0 : renameFlag.noReplace;
    if (this.#calls.libc.call.renameat2(fromFd, oldName, toFd, newName, flags) < 0) {
      throw this.#calls.error(`cannot put ${target.showEntry(toName)} into place`, "renameat2");
    }
  }

  unlink(directory: Directory, name: EntryName): void {
    const within = directory as UringDirectory;
    if (this.#calls.libc.call.unlinkat(this.#descriptors.of(within), this.#calls.cString(name), 0) < 0) {
      throw this.#calls.error(`cannot remove ${within.showEntry(name)}`, "unlinkat");
    }
  }

  removeTree(directory: Directory, name: EntryName): void {
    const within = directory as UringDirectory;
    removeTreeBelow(this.#calls, this.#descriptors.of(within), name, within.showEntry(name));
  }

  freeSpace(directory: Directory): FreeSpace {
    const within = directory as UringDirectory;
    const buffer = new Uint8Array(new ArrayBuffer(4096), 0, statfsAt.size);
    const fd = this.#openSelf(within);
    const result = this.#calls.libc.call.fstatfs(fd, buffer);
    this.#calls.close(fd);
    if (result < 0) return { bytes: undefined, inodes: undefined };
    const view = new DataView(buffer.buffer);
    const bytes = view.getBigUint64(statfsAt.blockSize, true) *
      view.getBigUint64(statfsAt.blocksAvailable, true);
    const hasInodes = view.getBigUint64(statfsAt.files, true) > 0n;
    return {
      bytes: Number(bytes),
      inodes: hasInodes ? Number(view.getBigUint64(statfsAt.filesFree, true)) : undefined,
    };
  }

  tryLock(directory: Directory, name: EntryName): FileLock | undefined {
    const within = directory as UringDirectory;
    const directoryFd = this.#descriptors.of(within);
    const { call } = this.#calls.libc;
    const flags = openFlag.readWrite | openFlag.create | openFlag.noFollow | openFlag.closeOnExec |
      openFlag.nonblock;
    const fd = call.openat(directoryFd, this.#calls.cString(name), flags, 0o600);
    if (fd < 0) throw this.#calls.error(`cannot lock ${within.showEntry(name)}`, "openat");
    if (call.flock(fd, lockExclusiveNow) < 0) {
      const error = this.#calls.errno === errno.again
        ? undefined
        : this.#calls.error(`cannot lock ${within.showEntry(name)}`, "flock");
      this.#calls.close(fd);
      if (error) throw error;
      return undefined;
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#calls.close(fd);
        isHeld = false;
      },
    };
  }

  async syncFileSystem(directory: Directory): Promise<void> {
    const fd = this.#openSelf(directory as UringDirectory);
    try {
      // errno of the thread that did it cannot be read from here.
      if (await this.#calls.libc.call.syncfs(fd) < 0) {
        throw new RcopyError(
          "destination",
          `cannot bring ${directory.shown} to stable storage (syncfs failed)`,
        );
      }
    } finally {
      this.#calls.close(fd);
    }
  }

  [Symbol.dispose](): void {
    this.#share.ring.drain(() => {});
    this.#share.ring[Symbol.dispose]();
    this.#descriptors.closeAll();
    this.#calls[Symbol.dispose]();
  }
}
