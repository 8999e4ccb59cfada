/**
 * The io_uring engine: Linux, with liburing and a kernel that is willing.
 *
 * Whatever waits for a device goes through the ring: small files that are not in the cache, many at a time,
 * and ranges of large files, beside the event loop. Whatever is done by the time a ring would be told of it
 * is a synchronous call of libc: measured, that is faster. Names are bytes, times have nanoseconds, and every
 * path is a descriptor and one component, resolved beneath it and through no link.
 */
import { errnoName, Ring } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import type { FileIdentity, Timestamp } from "../../entry/metadata.ts";
import type {
  Directory,
  Engine,
  EntryLookup,
  FileLock,
  FileRead,
  FileWrite,
  FreeSpace,
  Lent,
  Listing,
  Pending,
  RenameOptions,
  SourceFile,
  TargetFile,
} from "../contract/engine.ts";
import type { SocketOptions } from "../contract/sockets.ts";
import { SystemCalls } from "./system_calls.ts";
import { createFiles } from "./create.ts";
import { Destination } from "./destination.ts";
import { Directories } from "./directories.ts";
import { UringDirectory } from "./directory.ts";
import { type LentFile, UringSource, UringTarget } from "./file.ts";
import { Listings, UringListing } from "./listing.ts";
import { PageCache } from "./page_cache.ts";
import { RingQueue } from "./queue.ts";
import { type RangeIo, RangeRead, RangeWrite, readAtOnce, writeAtOnce } from "./range.ts";
import { SmallReads } from "./reads.ts";
import { removeTree } from "./remove.ts";
import { sendAtOnce } from "./sockets.ts";

/** Operations under way at a time: a full batch of small reads, and ranges of a few large files. */
const ringEntries = 256;

/** A directory whose descriptor another thread has open. */
interface LentDirectory extends Lent {
  fd: number;
  device: number;
  inode: bigint;
  shownPath: string;
}

/** Directories lent for one job: at most so many, and at most this part of what the process may have. */
const lentMax = 16;
const lentPart = 64;

const done: Pending = { finish() {} };

/**
 * Opens the engine. Never asks for a permission. `memoryBytes` is what files are compared with that might fill the page
 * cache: what the machine has, unless a test says otherwise.
 * @throws {RcopyError} `engine-unavailable` with the reason: "cannot use io_uring: …"
 */
export function openUringEngine({ memoryBytes }: { memoryBytes?: number } = {}): Engine & SocketOptions {
  if (Deno.build.os !== "linux") {
    throw unavailable(`io_uring is a part of Linux, and this is ${Deno.build.os}`);
  }
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    throw unavailable("there is no permission to call native code (run with --allow-ffi)");
  }
  const engine = new UringEngine(memoryBytes);
  try {
    engine.probe();
    return engine;
  } catch (thrown) {
    engine[Symbol.dispose]();
    throw thrown;
  }
}

class UringEngine implements Engine, SocketOptions {
  readonly kind = "uring";
  readonly exactNames = true;
  readonly mtimeResolutionNs = 1;
  readonly lentDirectoriesMax: number;
  readonly #calls: SystemCalls;
  readonly #queue: RingQueue;
  readonly #directories: Directories;
  readonly #listings: Listings;
  readonly #reads: SmallReads;
  readonly #ranges: RangeIo;
  readonly #destination: Destination;
  #isDisposed = false;

  constructor(memoryBytes?: number) {
    this.#calls = openCalls();
    memoryBytes ??= this.#calls.libc.memoryBytes();
    try {
      this.#queue = new RingQueue(Ring.open(ringEntries));
    } catch (thrown) {
      this.#calls[Symbol.dispose]();
      throw thrown;
    }
    this.#directories = new Directories(this.#calls);
    this.lentDirectoriesMax = Math.max(1, Math.min(lentMax, Math.floor(this.#calls.fileLimit / lentPart)));
    this.#listings = new Listings(this.#calls, this.#directories, this.#queue);
    this.#reads = new SmallReads(this.#calls, this.#directories, this.#queue);
    this.#ranges = { queue: this.#queue, pageCache: new PageCache(this.#queue, memoryBytes) };
    this.#destination = new Destination(this.#calls, this.#directories);
  }

  /** Tries what an old kernel or a container's profile may refuse. @throws {RcopyError} */
  probe(): void {
    const { ring } = this.#queue;
    const missing = (["openat2", "read", "write"] as const).filter((operation) => !ring.supports(operation));
    if (missing.length > 0) throw unavailable(`the kernel's io_uring has no ${missing.join(", ")}`);
    const root = this.#directories.openRoot("/");
    const { memory, libc } = this.#calls;
    const fd = libc.openat2(this.#directories.fd(root), memory.selfPath, memory.openHow.directory);
    this.#directories.close(root);
    if (fd < 0) throw unavailable(`paths cannot be confined (${errnoName(-fd)} from openat2)`);
    libc.close(fd);
  }

  get descriptorsMax(): number {
    return this.#calls.fileLimit;
  }

  // ---- directories

  openRoot(path: string): Directory {
    return this.#directories.openRoot(path);
  }

  openDirectory(parent: Directory, name: EntryName): Directory {
    return this.#directories.open(parent as UringDirectory, name, this.#calls.memory.openHow.directory);
  }

  makeDirectory(parent: Directory, name: EntryName): Directory {
    return this.#destination.makeDirectory(parent as UringDirectory, name);
  }

  movedTo(directory: Directory, parent: Directory, name: EntryName): void {
    const moved = directory as UringDirectory;
    moved.parent = parent as UringDirectory;
    moved.name = name.slice();
  }

  closeDirectory(directory: Directory): void {
    this.#directories.close(directory as UringDirectory);
  }

  identityOf(directory: Directory): { device: number; inode: bigint } {
    const { device, inode } = directory as UringDirectory;
    return { device, inode };
  }

  setDirectoryMetadata(directory: Directory, mode: number, mtime: Timestamp): void {
    this.#destination.setDirectoryMetadata(directory as UringDirectory, mode, mtime);
  }

  // ---- source

  list(directory: Directory): Listing {
    return new UringListing(this.#listings, directory as UringDirectory);
  }

  readLink(directory: Directory, name: EntryName): Uint8Array {
    return this.#destination.readLink(placeOf(directory, name));
  }

  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending {
    return this.#reads.start(files, memory);
  }

  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile {
    return UringSource.open(this.#calls, this.#directories, placeOf(directory, name), expected);
  }

  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending {
    const source = file as UringSource;
    if (source.inMemory) return readAtOnce(this.#calls, source, offset, target);
    return new RangeRead(this.#ranges, source, offset, target);
  }

  checkUnchanged(file: SourceFile): void {
    (file as UringSource).checkUnchanged();
  }

  closeSource(file: SourceFile): void {
    this.#ranges.pageCache.closing((file as UringSource).fd);
    (file as UringSource).close();
  }

  // ---- destination

  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    return this.#destination.lookup(directory as UringDirectory, names);
  }

  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending {
    createFiles(this.#calls, this.#directories, files, memory);
    return done;
  }

  createTarget(directory: Directory, name: EntryName, size: number, isDurable = false): TargetFile {
    const target = UringTarget.create(this.#calls, this.#directories, placeOf(directory, name), size);
    target.isDurable = isDurable;
    return target;
  }

  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending {
    const target = file as UringTarget;
    if (target.inMemory) return writeAtOnce(this.#calls, target, offset, source);
    return new RangeWrite(this.#ranges, target, offset, source);
  }

  finishTarget(file: TargetFile, mode: number, mtime: Timestamp): void {
    this.#ranges.pageCache.closing((file as UringTarget).fd);
    (file as UringTarget).finish(mode, mtime);
  }

  abandonTarget(file: TargetFile): void {
    this.#ranges.pageCache.closing((file as UringTarget).fd);
    (file as UringTarget).close();
  }

  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): void {
    this.#destination.createLink(placeOf(directory, name), target, mtime);
  }

  setFileMode(directory: Directory, name: EntryName, mode: number): void {
    this.#destination.setFileMode(placeOf(directory, name), mode);
  }

  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void {
    this.#destination.setFileTime(placeOf(directory, name), mtime);
  }

  rename(
    from: Directory,
    fromName: EntryName,
    to: Directory,
    toName: EntryName,
    options: RenameOptions,
  ): void {
    this.#destination.rename(placeOf(from, fromName), placeOf(to, toName), options);
  }

  unlink(directory: Directory, name: EntryName): void {
    this.#destination.unlink(placeOf(directory, name));
  }

  removeTree(directory: Directory, name: EntryName): void {
    removeTree(this.#calls, this.#directories, directory as UringDirectory, name);
  }

  readonly freeSpaceWants = undefined;

  freeSpace(directory: Directory): FreeSpace {
    return this.#destination.freeSpace(directory as UringDirectory);
  }

  tryLock(directory: Directory, name: EntryName): FileLock | undefined {
    return this.#destination.tryLock(placeOf(directory, name));
  }

  syncFileSystem(directory: Directory): Promise<void> {
    return this.#destination.syncFileSystem(directory as UringDirectory);
  }

  // ---- sockets

  sendAtOnce(port: number): void {
    sendAtOnce(this.#calls, port);
  }

  // ---- other threads: descriptors are the whole process's

  lendDirectory(directory: Directory): Lent {
    const lent = directory as UringDirectory;
    const fd = this.#directories.fd(lent);
    this.#directories.pin(lent);
    const { id, device, inode, shownPath } = lent;
    const place: LentDirectory = { id, fd, device, inode, shownPath };
    return place;
  }

  giveBackDirectory(directory: Directory): void {
    this.#directories.unpin(directory as UringDirectory);
  }

  borrowDirectory(lent: Lent): Directory {
    const { fd, device, inode, shownPath } = lent as LentDirectory;
    const name = new Uint8Array(0);
    const borrowed = new UringDirectory({ parent: undefined, name, device, inode, lentPath: shownPath });
    borrowed.fd = fd;
    return borrowed;
  }

  lendSource(file: SourceFile): Lent {
    return (file as UringSource).lend();
  }

  borrowSource(lent: Lent): SourceFile {
    return UringSource.borrow(this.#calls, lent as LentFile);
  }

  lendTarget(file: TargetFile): Lent {
    return (file as UringTarget).lend();
  }

  borrowTarget(lent: Lent): TargetFile {
    return UringTarget.borrow(this.#calls, lent as LentFile);
  }

  hasDescriptors(directory: Directory, count: number): boolean {
    return this.#directories.hasDescriptors(directory as UringDirectory, count);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#queue[Symbol.dispose]();
    this.#listings.closeAll();
    this.#directories.closeAll();
    this.#calls[Symbol.dispose]();
  }
}

function placeOf(directory: Directory, name: EntryName): { directory: UringDirectory; name: EntryName } {
  return { directory: directory as UringDirectory, name };
}

/** @throws {RcopyError} `engine-unavailable` */
function openCalls(): SystemCalls {
  try {
    return new SystemCalls();
  } catch (cause) {
    throw unavailable("libc.so.6 (glibc 2.28 or later) cannot be loaded", cause);
  }
}

function unavailable(reason: string, cause?: unknown): RcopyError {
  return new RcopyError("engine-unavailable", `cannot use io_uring: ${reason}`, { cause });
}
