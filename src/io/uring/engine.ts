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
  DirectoryMetadataOptions,
  Engine,
  EntryLookup,
  FileMetadata,
  FileRead,
  FileSystemTraits,
  FileWrite,
  FreeSpace,
  Lent,
  Listing,
  OwnFile,
  Pending,
  Replaceable,
  SourceFile,
  TargetFile,
  TargetOptions,
  WholeFile,
} from "../contract/engine.ts";
import type { FoundEntries, NameRun } from "../contract/found.ts";
import type { SocketOptions } from "../contract/sockets.ts";
import { SystemCalls } from "./system_calls.ts";
import { SmallCreates } from "./create.ts";
import { Destination } from "./destination.ts";
import { Directories } from "./directories.ts";
import { UringDirectory } from "./directory.ts";
import { type LentFile, UringSource } from "./file.ts";
import { Listings, UringListing } from "./listing.ts";
import { UringOwnFile } from "./own_file.ts";
import { PageCache } from "./page_cache.ts";
import { Placing } from "./place.ts";
import { RingQueue } from "./queue.ts";
import { type RangeIo, RangeRead, RangeWrite, readAtOnce, writeAtOnce } from "./range.ts";
import { SmallReads } from "./reads.ts";
import { sendAtOnce } from "./sockets.ts";
import { UringTarget } from "./target.ts";
import { Traits } from "./traits.ts";

/** Operations under way at a time: a full batch of small reads, and ranges of a few large files. */
const ringEntries = 256;

/** A directory whose descriptor another thread has open. */
interface LentDirectory extends Lent {
  fd: number;
  device: number;
  inode: bigint;
  shownPath: string;
  hasPolicy: boolean | undefined;
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
  readonly user: number;
  readonly mtimeResolutionNs = 1;
  readonly lentDirectoriesMax: number;
  readonly #calls: SystemCalls;
  readonly #queue: RingQueue;
  readonly #directories: Directories;
  readonly #listings: Listings;
  readonly #reads: SmallReads;
  readonly #ranges: RangeIo;
  readonly #destination: Destination;
  readonly #traits: Traits;
  readonly #placing: Placing;
  readonly #creates: SmallCreates;
  #isDisposed = false;

  constructor(memoryBytes?: number) {
    this.#calls = openCalls();
    this.user = this.#calls.user;
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
    this.#traits = new Traits(this.#calls, this.#directories);
    this.#destination = new Destination(this.#calls, this.#directories, this.#traits);
    this.#placing = new Placing(this.#calls, this.#directories, this.#traits);
    const parts = { calls: this.#calls, directories: this.#directories, traits: this.#traits };
    this.#creates = new SmallCreates({ ...parts, placing: this.#placing });
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

  makeDirectory(parent: Directory, name: EntryName, mode: number): Directory {
    return this.#destination.makeDirectory(parent as UringDirectory, name, mode);
  }

  closeDirectory(directory: Directory): void {
    this.#directories.close(directory as UringDirectory);
  }

  identityOf(directory: Directory): { device: number; inode: bigint } {
    const { device, inode } = directory as UringDirectory;
    return { device, inode };
  }

  lookAt(directory: Directory): EntryLookup {
    return this.#destination.lookAt(directory as UringDirectory);
  }

  setDirectoryMetadata(
    directory: Directory,
    metadata: FileMetadata,
    options: DirectoryMetadataOptions,
  ): number {
    return this.#destination.setDirectoryMetadata(directory as UringDirectory, metadata, options);
  }

  setDirectoryMode(directory: Directory, mode: number): void {
    this.#destination.setDirectoryMode(directory as UringDirectory, mode);
  }

  whyNotWritable(directory: Directory): RcopyError | undefined {
    return this.#destination.whyNotWritable(directory as UringDirectory);
  }

  // ---- source

  list(directory: Directory): Listing {
    return new UringListing(this.#listings, directory as UringDirectory);
  }

  readLink(directory: Directory, name: EntryName): Uint8Array {
    return this.#destination.readLink(placeOf(directory, name));
  }

  readStart(directory: Directory, name: EntryName, bytesMax: number): Uint8Array {
    return this.#destination.readStart(placeOf(directory, name), bytesMax);
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

  checkUnchanged(file: SourceFile): number | undefined {
    return (file as UringSource).checkUnchanged();
  }

  closeSource(file: SourceFile): void {
    this.#ranges.pageCache.closing((file as UringSource).fd);
    (file as UringSource).close();
  }

  // ---- destination

  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    return this.#destination.lookup(directory as UringDirectory, names);
  }

  lookUpAll(directory: Directory, run: NameRun, found: FoundEntries): void {
    this.#destination.lookUpAll(directory as UringDirectory, run, found);
  }

  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending {
    this.#creates.create(files, memory);
    return done;
  }

  createTarget(directory: Directory, temporary: EntryName, options: TargetOptions): TargetFile {
    const parts = { calls: this.#calls, traits: this.#traits, placing: this.#placing };
    return UringTarget.create(parts, placeOf(directory, temporary), options);
  }

  openTarget(
    directory: Directory,
    temporary: EntryName,
    options: TargetOptions & { whole: WholeFile },
  ): TargetFile | undefined {
    const parts = { calls: this.#calls, traits: this.#traits, placing: this.#placing };
    return UringTarget.open(parts, placeOf(directory, temporary), options);
  }

  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending {
    const target = file as UringTarget;
    target.reserve(offset, source.length);
    if (target.inMemory) return writeAtOnce(this.#calls, target, offset, source);
    return new RangeWrite(this.#ranges, target, offset, source);
  }

  syncTarget(file: TargetFile): Promise<void> {
    return (file as UringTarget).sync();
  }

  finishTarget(file: TargetFile, metadata: FileMetadata): number {
    this.#ranges.pageCache.closing((file as UringTarget).fd);
    return (file as UringTarget).finish(metadata);
  }

  abandonTarget(file: TargetFile): void {
    this.#ranges.pageCache.closing((file as UringTarget).fd);
    (file as UringTarget).close();
  }

  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): number {
    return this.#destination.createLink(placeOf(directory, name), target, mtime);
  }

  setFileMode(directory: Directory, name: EntryName, mode: number): number {
    return this.#destination.setFileMode(placeOf(directory, name), mode);
  }

  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void {
    this.#destination.setFileTime(placeOf(directory, name), mtime);
  }

  place(directory: Directory, temporary: EntryName, name: EntryName, replaces?: Replaceable): void {
    this.#placing.place(directory as UringDirectory, temporary, name, replaces);
  }

  unlink(directory: Directory, name: EntryName): void {
    this.#destination.unlink(placeOf(directory, name));
  }

  removeUnfinished(directory: Directory, temporary: EntryName, whole: WholeFile): boolean {
    return this.#placing.removeUnfinished(directory as UringDirectory, temporary, whole);
  }

  traitsOf(directory: Directory): FileSystemTraits {
    return this.#traits.of(directory as UringDirectory);
  }

  readonly freeSpaceWants = undefined;

  freeSpace(directory: Directory): FreeSpace {
    return this.#destination.freeSpace(directory as UringDirectory);
  }

  createOwn(directory: Directory, name: EntryName): OwnFile {
    return UringOwnFile.create(this.#calls, this.#directories, placeOf(directory, name));
  }

  openOwn(directory: Directory, name: EntryName): OwnFile | undefined {
    return UringOwnFile.open(this.#calls, this.#directories, placeOf(directory, name));
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
    const { id, device, inode, shownPath, hasPolicy } = lent;
    const place: LentDirectory = { id, fd, device, inode, shownPath, hasPolicy };
    return place;
  }

  giveBackDirectory(directory: Directory): void {
    this.#directories.unpin(directory as UringDirectory);
  }

  borrowDirectory(lent: Lent): Directory {
    const { fd, device, inode, shownPath, hasPolicy } = lent as LentDirectory;
    const name = new Uint8Array(0);
    const borrowed = new UringDirectory({ parent: undefined, name, device, inode, lentPath: shownPath });
    borrowed.fd = fd;
    borrowed.hasPolicy = hasPolicy;
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
    return UringTarget.borrow(this.#calls, lent);
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
