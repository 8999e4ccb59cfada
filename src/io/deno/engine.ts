/** The portable engine: synchronous Deno calls, no FFI, any operating system, `--allow-read --allow-write` alone. */
import { RcopyError } from "../../base/errors.ts";
import { showName, showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind, type FileIdentity, type Timestamp } from "../../entry/metadata.ts";
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
import {
  DenoDirectory,
  kindOf,
  type LentDirectory,
  lstat,
  nameText,
  secondsOf,
  stat,
  timestampOf,
} from "./directory.ts";
import { denoError } from "./errors.ts";
import { DenoListing } from "./listing.ts";
import { canOpen, createFile, DenoSource, DenoTarget, type LentFile, readFileWhole } from "./file.ts";
import { removeTreeAt } from "./remove.ts";
import { freeSpaceAt, freeSpaceWants } from "./space.ts";
import { shutsOut, syncTree } from "./sync.ts";

/** What the portable engine cannot promise, for `doctor`. */
export const denoEngineLeavesOpen =
  "paths are checked before use and not bound to descriptors: another process that may write to the destination could " +
  "swap a directory for a symbolic link in the moment between; names that are not UTF-8, and paths longer than the " +
  "system takes, cannot be copied; times are kept to the millisecond; an error that a file server reports only when a " +
  "file is closed goes unnoticed";

const done: Pending = { finish() {} };

/** Opens the engine; needs nothing that Deno has not been given. */
export function openDenoEngine(): Engine {
  return new DenoEngine();
}

class DenoEngine implements Engine {
  readonly kind = "deno";
  readonly exactNames = false;
  readonly mtimeResolutionNs = 1_000_000;
  /** A path holds nothing. */
  readonly lentDirectoriesMax = 1024;
  readonly descriptorsMax = 256;
  /** Counts operations: within one, a directory is checked once. */
  #turn = 0;

  // ---- directories

  openRoot(path: string): Directory {
    const info = stat(path);
    if (!info.isDirectory) throw new RcopyError("type-conflict", `"${showText(path)}" is not a directory`);
    return new DenoDirectory({ parent: undefined, name: path, device: info.dev, inode: info.ino ?? 0 });
  }

  openDirectory(parent: Directory, name: EntryName): Directory {
    const within = this.#checked(parent);
    const path = within.pathOf(name);
    return openAt(within, name, lstat(path));
  }

  makeDirectory(parent: Directory, name: EntryName): Directory {
    const within = this.#checked(parent);
    const path = within.pathOf(name);
    attempt(`cannot make directory "${showText(path)}"`, () => Deno.mkdirSync(path, { mode: 0o700 }));
    const info = lstat(path);
    const made = openAt(within, name, info);
    // An odd umask or a default ACL took something away or gave something.
    if (Deno.build.os !== "windows" && ((info.mode ?? 0) & 0o777) !== 0o700) {
      attempt(`cannot set the mode of "${showText(path)}"`, () => Deno.chmodSync(path, 0o700));
    }
    return made;
  }

  movedTo(directory: Directory, parent: Directory, name: EntryName): void {
    (directory as DenoDirectory).movedTo(parent as DenoDirectory, name);
  }

  closeDirectory(directory: Directory): void {
    (directory as DenoDirectory).isClosed = true;
  }

  identityOf(directory: Directory): { device: number; inode: bigint } {
    const { device, inode } = directory as DenoDirectory;
    return { device, inode: BigInt(inode) };
  }

  setDirectoryMetadata(directory: Directory, mode: number, mtime: Timestamp): void {
    const { path } = this.#checked(directory);
    if (shutsOut(mode, true)) syncTree(path);
    attempt(`cannot set the time of "${showText(path)}"`, () => {
      const seconds = secondsOf(mtime);
      Deno.utimeSync(path, seconds, seconds);
    });
    if (Deno.build.os !== "windows") {
      attempt(`cannot set the mode of "${showText(path)}"`, () => Deno.chmodSync(path, mode & 0o777));
    }
  }

  // ---- source

  list(directory: Directory): Listing {
    return new DenoListing(this.#checked(directory));
  }

  readLink(directory: Directory, name: EntryName): Uint8Array {
    const path = this.#checked(directory).pathOf(name);
    const text = readLinkText(path);
    if (text?.includes("\ufffd") !== false) {
      throw new RcopyError(
        "name-unrepresentable",
        `the text of link "${showText(path)}" may not be UTF-8; io_uring can copy it`,
      );
    }
    return new TextEncoder().encode(text);
  }

  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending {
    this.#turn++;
    for (const file of files) {
      try {
        const directory = file.directory as DenoDirectory;
        directory.check(this.#turn);
        readFileWhole(
          directory.pathOf(file.name),
          file.expected,
          memory.subarray(file.offset, file.offset + file.expected.size),
        );
      } catch (error) {
        file.error = denoError(`cannot read "${showName(file.name)}"`, error);
      }
    }
    return done;
  }

  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile {
    return DenoSource.open(this.#checked(directory).pathOf(name), expected);
  }

  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending {
    (file as DenoSource).read(offset, target);
    return done;
  }

  checkUnchanged(file: SourceFile): void {
    (file as DenoSource).checkUnchanged();
  }

  closeSource(file: SourceFile): void {
    (file as DenoSource).close();
  }

  // ---- destination

  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[] {
    const within = this.#checked(directory);
    return names.map((name) => lookUp(within, name));
  }

  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending {
    this.#turn++;
    for (const file of files) {
      try {
        const directory = file.directory as DenoDirectory;
        directory.check(this.#turn);
        createFile(file, directory, memory.subarray(file.offset, file.offset + file.size));
      } catch (error) {
        file.error = denoError(`cannot create "${showName(file.name)}"`, error);
      }
    }
    return done;
  }

  createTarget(directory: Directory, name: EntryName, size: number): TargetFile {
    return DenoTarget.create(this.#checked(directory).pathOf(name), size);
  }

  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending {
    (file as DenoTarget).write(offset, source);
    return done;
  }

  finishTarget(file: TargetFile, mode: number, mtime: Timestamp): void {
    (file as DenoTarget).finish(mode, mtime);
  }

  abandonTarget(file: TargetFile): void {
    (file as DenoTarget).close();
  }

  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): void {
    const path = this.#checked(directory).pathOf(name);
    const text = nameText(target);
    attempt(`cannot create link "${showText(path)}"`, () => Deno.symlinkSync(text, path));
    setLinkTime(path, mtime);
  }

  setFileMode(directory: Directory, name: EntryName, mode: number): void {
    const path = this.#checked(directory).pathOf(name);
    if (!lstat(path).isFile) {
      throw new RcopyError("type-conflict", `"${showText(path)}" is not a file any more`);
    }
    attempt(`cannot set the mode of "${showText(path)}"`, () => Deno.chmodSync(path, mode & 0o777));
  }

  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void {
    const path = this.#checked(directory).pathOf(name);
    if (!lstat(path).isFile) {
      throw new RcopyError("type-conflict", `"${showText(path)}" is not a file any more`);
    }
    const seconds = secondsOf(mtime);
    attempt(`cannot set the time of "${showText(path)}"`, () => Deno.utimeSync(path, seconds, seconds));
  }

  rename(
    from: Directory,
    fromName: EntryName,
    to: Directory,
    toName: EntryName,
    options: RenameOptions,
  ): void {
    const oldPath = this.#checked(from).pathOf(fromName);
    const newPath = this.#checked(to).pathOf(toName);
    const what = `cannot put "${showText(newPath)}" into place`;
    const found = lookUp(to as DenoDirectory, toName);
    if (found instanceof RcopyError) throw found;
    if (found && !options.replace) throw new RcopyError("exists", `${what}: it exists already`);
    if (found?.kind === EntryKind.directory) {
      throw new RcopyError("type-conflict", `${what}: a directory is in its place`);
    }
    attempt(what, () => Deno.renameSync(oldPath, newPath));
  }

  unlink(directory: Directory, name: EntryName): void {
    const path = this.#checked(directory).pathOf(name);
    if (lstat(path).isDirectory) {
      throw new RcopyError("type-conflict", `cannot remove "${showText(path)}": it is a directory`);
    }
    attempt(`cannot remove "${showText(path)}"`, () => Deno.removeSync(path));
  }

  removeTree(directory: Directory, name: EntryName): void {
    removeTreeAt(this.#checked(directory).pathOf(name));
  }

  get freeSpaceWants(): string | undefined {
    return freeSpaceWants();
  }

  freeSpace(directory: Directory): FreeSpace {
    return freeSpaceAt((directory as DenoDirectory).path);
  }

  tryLock(directory: Directory, name: EntryName): FileLock | undefined {
    const within = this.#checked(directory);
    const path = within.pathOf(name);
    // Deno would follow a link, and create what it leads to.
    const found = lookUp(within, name);
    if (found instanceof RcopyError) throw found;
    if (found && found.kind !== EntryKind.file) {
      throw new RcopyError("type-conflict", `cannot lock "${showText(path)}": it is not a file`);
    }
    const file = attempt(
      `cannot lock "${showText(path)}"`,
      () => Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 }),
    );
    if (!file.tryLockSync(true)) {
      file.close();
      return undefined;
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) file.close();
        isHeld = false;
      },
    };
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
    return DenoSource.borrow(lent as LentFile);
  }

  lendTarget(file: TargetFile): Lent {
    return (file as DenoTarget).lend();
  }

  borrowTarget(lent: Lent): TargetFile {
    return DenoTarget.borrow(lent as LentFile);
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

/** Runs a call of Deno's; what it throws becomes an error that says what was tried. */
function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw denoError(what, error);
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

/** The handle of what was found under a name. @throws {RcopyError} `type-conflict` for anything but a directory */
function openAt(parent: DenoDirectory, name: EntryName, info: Deno.FileInfo): DenoDirectory {
  if (!info.isDirectory) {
    const path = showText(parent.pathOf(name));
    throw new RcopyError("type-conflict", `"${path}" is not a directory`);
  }
  return new DenoDirectory({ parent, name: nameText(name), device: info.dev, inode: info.ino ?? 0 });
}

function lookUp(directory: DenoDirectory, name: EntryName): EntryLookup | RcopyError | undefined {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(directory.pathOf(name));
  } catch (thrown) {
    const error = denoError(`cannot look at "${showName(name)}"`, thrown);
    return error.code === "not-found" ? undefined : error;
  }
  const kind = kindOf(info);
  return {
    kind,
    mode: (info.mode ?? 0) & 0o777,
    size: kind === EntryKind.file ? info.size : 0,
    mtime: timestampOf(info.mtime),
    device: info.dev,
    inode: BigInt(info.ino ?? 0),
    ctimeNs: BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n,
  };
}

/** A link's own time, as far as Deno can set it: to the millisecond, before 1970 to the second. */
function setLinkTime(path: string, mtime: Timestamp): void {
  try {
    // Node takes a negative number for "now", and a fraction before 1970 for an error.
    const time = mtime.seconds < 0 ? new Date(mtime.seconds * 1000) : secondsOf(mtime);
    globalThis.process.getBuiltinModule("node:fs").lutimesSync(path, time, time);
  } catch {
    // The link is right, its time is not: Windows, or no permission.
  }
}
