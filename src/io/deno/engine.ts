/** The portable engine: synchronous Deno calls, no FFI, any operating system, `--allow-read --allow-write` alone. */
import { RcopyError } from "../../base/errors.ts";
import { showName, showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import type { FileIdentity, Timestamp } from "../../entry/metadata.ts";
import {
  type Directory,
  type DirectoryMetadataOptions,
  type Engine,
  type EntryLookup,
  type FileMetadata,
  type FileRead,
  type FileSystemTraits,
  type FileWrite,
  type FreeSpace,
  Lacks,
  type Lent,
  type Listing,
  type OwnFile,
  type Pending,
  type Replaceable,
  type SourceFile,
  type TargetFile,
  type TargetOptions,
  type WholeFile,
} from "../contract/engine.ts";
import type { FoundEntries, NameRun } from "../contract/found.ts";
import { createFile } from "./create.ts";
import { DenoDirectory, type LentDirectory, lstat, nameText, stat, thisUser } from "./directory.ts";
import {
  makeDirectory,
  openDirectory,
  setDirectoryMetadata,
  setDirectoryMode,
  whyNotWritable,
} from "./directory_modes.ts";
import { denoError } from "./errors.ts";
import { canOpen, DenoSource, type LentSource, readFileWhole, readStart } from "./file.ts";
import { DenoListing } from "./listing.ts";
import { createOwn, openOwn, removeUnfinished } from "./locked_file.ts";
import { lookUp, lookUpAll, lookupOf } from "./lookup.ts";
import { attempt, hasModes, lacking, setFileMode, setFileTime, setLinkTime } from "./metadata.ts";
import { place } from "./place.ts";
import { freeSpaceAt, freeSpaceWants } from "./space.ts";
import { syncTree } from "./sync.ts";
import { DenoTarget, type LentTarget } from "./target.ts";
import { tellsTruePaths } from "./true_path.ts";
import { Traits } from "./traits.ts";

/** What the portable engine cannot promise, for `doctor`. */
export const denoEngineLeavesOpen =
  "paths are checked before use and not bound to descriptors: another process that may write to the destination could " +
  "swap a directory for a symbolic link in the moment between, and show other names and link texts to a sender (files are " +
  "checked again once they are open, where /proc may be read); names that are not UTF-8, and paths longer than the " +
  "system takes, cannot be copied; times are kept to the millisecond; an error that a file system reports only when a " +
  "file is closed, and not when it is synced, goes unnoticed";

const done: Pending = { finish() {} };

/** Opens the engine; needs nothing that Deno has not been given. `isAsked`: a person wants this one, with what it leaves open. */
export function openDenoEngine({ isAsked = false }: { isAsked?: boolean } = {}): Engine {
  outliveLimits();
  return new DenoEngine(isAsked);
}

let outlives = false;

/** A file that becomes larger than the process may write (`ulimit -f`) is an error of that file, and not the end of the process. */
function outliveLimits(): void {
  if (outlives || Deno.build.os === "windows") return;
  outlives = true;
  try {
    Deno.addSignalListener("SIGXFSZ", () => {});
  } catch {
    // The system has no such signal.
  }
}

class DenoEngine implements Engine {
  readonly kind = "deno";
  readonly exactNames = false;
  readonly mtimeResolutionNs = 1_000_000;
  /** A path holds nothing. */
  readonly lentDirectoriesMax = 1024;
  readonly descriptorsMax = 256;
  readonly user = thisUser();
  readonly #traits = new Traits();
  readonly #isAsked: boolean;
  /** Counts operations: within one, a directory is checked once. */
  #turn = 0;

  constructor(isAsked: boolean) {
    this.#isAsked = isAsked;
  }

  // ---- directories

  openRoot(path: string): Directory {
    const info = stat(path);
    if (!info.isDirectory) {
      throw new RcopyError("type-conflict", `"${showText(path)}" is not a directory`);
    }
    return new DenoDirectory({ parent: undefined, name: path, device: info.dev, inode: info.ino ?? 0 });
  }

  openDirectory(parent: Directory, name: EntryName): Directory {
    return openDirectory(this.#checked(parent), name);
  }

  makeDirectory(parent: Directory, name: EntryName, mode: number): Directory {
    return makeDirectory(this.#checked(parent), name, mode);
  }

  closeDirectory(_directory: Directory): void {
    // A path holds nothing.
  }

  identityOf(directory: Directory): { device: number; inode: bigint } {
    const { device, inode } = directory as DenoDirectory;
    return { device, inode: BigInt(inode) };
  }

  lookAt(directory: Directory): EntryLookup {
    return lookupOf(stat(this.#checked(directory).path));
  }

  setDirectoryMetadata(
    directory: Directory,
    metadata: FileMetadata,
    options: DirectoryMetadataOptions,
  ): number {
    return setDirectoryMetadata(this.#checked(directory), metadata, options, this.#traits);
  }

  setDirectoryMode(directory: Directory, mode: number): void {
    setDirectoryMode(this.#checked(directory), mode);
  }

  whyNotWritable(directory: Directory): RcopyError | undefined {
    return whyNotWritable(this.#checked(directory), this.user);
  }

  // ---- source

  list(directory: Directory): Listing {
    const checked = this.#checked(directory);
    this.#mustBeSafe(checked);
    return new DenoListing(checked, () => void this.#checked(directory));
  }

  /** What root may read is not to be had by whoever swaps directories. */
  #mustBeSafe({ isExposed, shown }: DenoDirectory): void {
    if (!isExposed || this.user !== 0 || this.#isAsked || tellsTruePaths()) return;
    throw new RcopyError(
      "not-permitted",
      `cannot read ${shown} as root: other users may change what is on the way to it, and Deno's own file calls cannot tell ` +
        "without --allow-all on Linux; --io uring is safe, --io deno reads it all the same",
    );
  }

  readLink(directory: Directory, name: EntryName): Uint8Array {
    const checked = this.#checked(directory);
    const path = checked.pathOf(name);
    const text = readLinkText(path);
    // Of what was swapped in for a moment nothing is to be had either, unless for exactly that moment.
    if (checked.isExposed) this.#checked(directory);
    if (text?.includes("\ufffd") !== false) {
      throw new RcopyError(
        "name-unrepresentable",
        `the text of link "${showText(path)}" may not be UTF-8; io_uring can copy it`,
      );
    }
    return new TextEncoder().encode(text);
  }

  readStart(directory: Directory, name: EntryName, bytesMax: number): Uint8Array {
    return readStart(this.#checked(directory).pathOf(name), bytesMax);
  }

  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending {
    this.#turn++;
    for (const file of files) {
      try {
        (file.directory as DenoDirectory).check(this.#turn);
        readFileWhole(file, memory);
      } catch (error) {
        file.error = denoError(`cannot read "${showName(file.name)}"`, error);
      }
    }
    return done;
  }

  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile {
    return DenoSource.open({ directory: this.#checked(directory), name }, expected);
  }

  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending {
    (file as DenoSource).read(offset, target);
    return done;
  }

  checkUnchanged(file: SourceFile): number | undefined {
    return (file as DenoSource).checkUnchanged();
  }

  closeSource(file: SourceFile): void {
    (file as DenoSource).close();
  }

  // ---- destination

  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    const within = this.#checked(directory);
    return names.map((name) => lookUp(within, name));
  }

  lookUpAll(directory: Directory, run: NameRun, found: FoundEntries): void {
    lookUpAll(this.#checked(directory), run, found);
  }

  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending {
    this.#turn++;
    for (const file of files) {
      try {
        (file.directory as DenoDirectory).check(this.#turn);
        createFile(file, memory.subarray(file.offset, file.offset + file.size), this.#traits);
      } catch (error) {
        file.error = denoError(`cannot create "${showName(file.name)}"`, error);
      }
    }
    return done;
  }

  createTarget(directory: Directory, temporary: EntryName, options: TargetOptions): TargetFile {
    return DenoTarget.create(this.#checked(directory), temporary, options, this.#traits);
  }

  openTarget(
    directory: Directory,
    temporary: EntryName,
    options: TargetOptions & { whole: WholeFile },
  ): TargetFile | undefined {
    return DenoTarget.open(this.#checked(directory), temporary, options, this.#traits);
  }

  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending {
    (file as DenoTarget).write(offset, source);
    return done;
  }

  syncTarget(file: TargetFile): Promise<void> {
    return (file as DenoTarget).sync();
  }

  finishTarget(file: TargetFile, metadata: FileMetadata): number {
    return (file as DenoTarget).finish(metadata, this.#traits);
  }

  abandonTarget(file: TargetFile): void {
    (file as DenoTarget).close();
  }

  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): number {
    const path = this.#checked(directory).pathOf(name);
    const text = nameText(target);
    attempt(`cannot create link "${showText(path)}"`, () => makeLink(text, path));
    try {
      setLinkTime(path, mtime);
      return Lacks.nothing;
    } catch {
      return Lacks.time;
    }
  }

  setFileMode(directory: Directory, name: EntryName, mode: number): number {
    const checked = this.#checked(directory);
    const path = checked.pathOf(name);
    if (!hasModes) return Lacks.nothing;
    const isBound = () => this.#traits.decides(checked);
    return attempt(`cannot set the mode of "${showText(path)}"`, () => {
      let isThere = true;
      const lacks = lacking(Lacks.mode, () => {
        isThere = setFileMode(path, mode & 0o777, isBound);
      });
      return isThere ? lacks : Lacks.mode;
    });
  }

  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void {
    const path = this.#checked(directory).pathOf(name);
    attempt(`cannot set the time of "${showText(path)}"`, () => setFileTime(path, mtime));
  }

  place(directory: Directory, temporary: EntryName, name: EntryName, replaces?: Replaceable): void {
    place(this.#checked(directory), temporary, name, replaces);
  }

  unlink(directory: Directory, name: EntryName): void {
    const path = this.#checked(directory).pathOf(name);
    if (lstat(path).isDirectory) {
      throw new RcopyError("type-conflict", `cannot remove "${showText(path)}": it is a directory`);
    }
    attempt(`cannot remove "${showText(path)}"`, () => Deno.removeSync(path));
  }

  // ---- files of rcopy's own

  traitsOf(directory: Directory): FileSystemTraits {
    return this.#traits.of(this.#checked(directory));
  }

  removeUnfinished(directory: Directory, temporary: EntryName, whole: WholeFile): boolean {
    return removeUnfinished(this.#checked(directory), temporary, whole, this.#traits);
  }

  createOwn(directory: Directory, name: EntryName): OwnFile {
    return createOwn(this.#checked(directory), name);
  }

  openOwn(directory: Directory, name: EntryName): OwnFile | undefined {
    return openOwn(this.#checked(directory), name);
  }

  // ---- limits of the machine

  get freeSpaceWants(): string | undefined {
    return freeSpaceWants();
  }

  freeSpace(directory: Directory): FreeSpace {
    return freeSpaceAt((directory as DenoDirectory).path);
  }

  syncFileSystem(directory: Directory): void {
    syncTree(this.#checked(directory).path);
  }

  // ---- other threads: paths, which are checked there as they are here

  lendDirectory(directory: Directory): Lent {
    return (directory as DenoDirectory).lend();
  }

  giveBackDirectory(_directory: Directory): void {
    // A path holds nothing.
  }

  borrowDirectory(lent: Lent): Directory {
    return DenoDirectory.borrow(lent as LentDirectory);
  }

  lendSource(file: SourceFile): Lent {
    return (file as DenoSource).lend();
  }

  borrowSource(lent: Lent): SourceFile {
    return DenoSource.borrow(lent as LentSource);
  }

  lendTarget(file: TargetFile): Lent {
    return (file as DenoTarget).lend();
  }

  borrowTarget(lent: Lent): TargetFile {
    return DenoTarget.borrow(lent as LentTarget);
  }

  hasDescriptors(directory: Directory, count: number): boolean {
    return canOpen((directory as DenoDirectory).path, count);
  }

  [Symbol.dispose](): void {}

  #checked(directory: Directory): DenoDirectory {
    const checked = directory as DenoDirectory;
    checked.check(++this.#turn);
    return checked;
  }
}

/** The text of a link; `undefined` where Deno says that it is not UTF-8. */
function readLinkText(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return undefined;
    throw denoError(`cannot read link "${showText(path)}"`, error);
  }
}

/** Deno makes links with leave to read and write everything alone; without it, it would ask a person in the middle of a copy. */
function makeLink(text: string, path: string): void {
  for (const name of ["read", "write"] as const) {
    if (Deno.permissions.querySync({ name }).state === "granted") continue;
    throw new Deno.errors.NotCapable(`Requires --allow-${name} access to all paths`);
  }
  Deno.symlinkSync(text, path);
}
