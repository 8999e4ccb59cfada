/**
 * The one contract with the file system. Two engines keep it (`uring`, `deno`), and
 * one suite, `tests/contract/engine_contract.ts`, holds both to it.
 *
 * In words:
 * - **Batch-first.** A directory is listed in chunks, small files are read and created many to a call.
 * - **Directories are handles.** Every operation names a directory handle and one checked component
 *   ({@linkcode EntryName}); there are no paths except the root that a person typed. Handles are cheap:
 *   an engine keeps a bounded number of descriptors open behind them and reopens on demand, so that
 *   neither depth nor the number of handles costs descriptors.
 * - **Nothing is followed.** Only {@linkcode Engine.openRoot} follows symbolic links. A component that is a
 *   symbolic link where a directory or a file is expected is a `type-conflict`.
 * - **Nothing blocks on an odd entry.** Files are opened `O_NOFOLLOW|O_NONBLOCK` and must be regular.
 * - **Errors are typed.** Single operations throw {@linkcode RcopyError}; batches put the error of an
 *   entry beside that entry and go on with the next.
 * - **Whoever calls owns the memory** and leaves it alone between the start of an operation and the end of its
 *   {@linkcode Pending}. `abort` paths finish their Pendings too.
 * - **Errors map the same way everywhere**: ENOENT `not-found`, EACCES/EPERM `not-permitted`, ENOSPC/EDQUOT
 *   `no-space`, EROFS `read-only`, ENOTDIR/EISDIR/ELOOP `type-conflict`, EEXIST/ENOTEMPTY `exists`, anything else
 *   `io`. A source file that is not any more what the listing said is `changed`, one that is gone is `vanished`.
 */
import type { RcopyError } from "../../base/errors.ts";
import type { EntryColumns } from "../../entry/columns.ts";
import type { EntryName } from "../../entry/name.ts";
import type { FileIdentity, Metadata, Timestamp } from "../../entry/metadata.ts";

/** A directory, by handle. Opaque: it belongs to the engine that made it. */
export interface Directory {
  /** The path as a person would write it, escaped, for messages only. */
  readonly shown: string;
}

/** A large file open for reading. */
export interface SourceFile {
  readonly size: number;
  /** Reading a range ends within the call: nothing goes on beside it. */
  readonly isReadAtOnce: boolean;
}

/** A large file being written under a name that nobody else knows. */
export interface TargetFile {
  readonly size: number;
}

/**
 * Work that has been started. `finish` returns at once where the work is already done, else a promise.
 * It must be called exactly once, also when nobody wants the result any more.
 */
export interface Pending<T = void> {
  finish(): T | Promise<T>;
}

/** One small file to read whole. `error` is the outcome, filled in by the engine. */
export interface FileRead {
  directory: Directory;
  name: EntryName;
  /** What the listing said; if it is different after the read, the outcome is `changed`. */
  expected: FileIdentity;
  /** Where in the memory the `expected.size` bytes go. */
  offset: number;
  error?: RcopyError | undefined;
}

/** One small file to create. `error` is the outcome, filled in by the engine. */
export interface FileWrite {
  directory: Directory;
  /** Must not exist: created with O_EXCL. */
  name: EntryName;
  /** Exactly this mode at the end, whatever the umask. */
  mode: number;
  mtime: Timestamp;
  /** Where in the memory the content is. */
  offset: number;
  size: number;
  error?: RcopyError | undefined;
}

/** A directory being listed. */
export interface Listing extends Disposable {
  /**
   * Appends up to `entriesMax` entries (never `.` and `..`), with their metadata, to `columns`; entries that cannot be
   * described go to `columns.failures` (`vanished` ones are left out). The order is the directory's.
   * @returns false once the directory has been listed to its end
   */
  next(columns: EntryColumns, entriesMax: number): boolean;
}

/** Room left on a file system. `undefined` where it cannot be known. */
export interface FreeSpace {
  bytes: number | undefined;
  inodes: number | undefined;
}

/**
 * A directory or a large file as plain data, for an engine of the same kind in another thread of this process.
 * What else is in it is the engine's own business.
 */
export interface Lent {
  /** The same for the same handle, and for no other of its engine. */
  readonly id: number;
}

/** Options of {@linkcode Engine.rename}. */
export interface RenameOptions {
  /** Replace what is there (never a directory); without it an existing target is `exists`. */
  replace: boolean;
}

/** A lock held on a file; disposing releases it. It is gone with the process that held it. */
export type FileLock = Disposable;

/** The file system, as rcopy sees it. */
export interface Engine extends Disposable {
  readonly kind: "uring" | "deno";
  /** Whether every byte of a name is kept. Else names must be UTF-8, others are `name-unrepresentable`. */
  readonly exactNames: boolean;
  /** Coarsest step, in nanoseconds, of the times that this engine reads and sets. */
  readonly mtimeResolutionNs: number;

  // ---- directories
  /** Opens a directory that a person named; symbolic links are followed. `not-found`, `type-conflict`, `not-permitted`. */
  openRoot(path: string): Directory;
  /** A handle for a subdirectory; fails if it is not a directory (a symbolic link is not). */
  openDirectory(parent: Directory, name: EntryName): Directory;
  /** Creates a subdirectory with mode 0700 and opens it. `exists` if there is anything under that name. */
  makeDirectory(parent: Directory, name: EntryName): Directory;
  /**
   * Tells a handle that its directory has been renamed: later operations go to its new place.
   * The rename itself is {@linkcode Engine.rename}.
   */
  movedTo(directory: Directory, parent: Directory, name: EntryName): void;
  /** Lets go of a handle; its children must have been closed before. Twice is harmless. */
  closeDirectory(directory: Directory): void;
  /** Device and inode of the directory itself. */
  identityOf(directory: Directory): { device: number; inode: bigint };
  /** Sets mode (exactly, 0 to 0o777) and mtime of the directory itself, mode last. */
  setDirectoryMetadata(directory: Directory, mode: number, mtime: Timestamp): void;

  // ---- source
  list(directory: Directory): Listing;
  /** The text of a symbolic link, byte for byte. */
  readLink(directory: Directory, name: EntryName): Uint8Array;
  /**
   * Starts to read small files whole into `memory`. The array and its objects belong to the engine until finished.
   * A file that fails leaves the bytes of its range undefined and an `error`.
   */
  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending;
  /** Opens a large file; `changed` or `vanished` if it is not what the listing said. */
  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile;
  /** Starts to read `target.length` bytes at `offset`; fewer are `changed`. */
  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending;
  /** Throws `changed` unless the file still is what the listing said. */
  checkUnchanged(file: SourceFile): void;
  closeSource(file: SourceFile): void;

  // ---- destination
  /** Metadata and identity of entries (links are not followed); `undefined` where there is none, an error where it cannot be told. */
  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[];
  /** Starts to create small files whole, with content, mode and mtime. What fails leaves nothing behind under its name. */
  createFiles(files: readonly FileWrite[], memory: Uint8Array<ArrayBuffer>): Pending;
  /**
   * Creates a large file (O_EXCL) with room reserved for `size` bytes where the file system can; `no-space` if there is none.
   * `isDurable`: the disk will be waited for in the end, so that it had better begin at once.
   */
  createTarget(directory: Directory, name: EntryName, size: number, isDurable?: boolean): TargetFile;
  /** Starts to write all of `source` at `offset`. */
  writeRange(file: TargetFile, offset: number, source: Uint8Array<ArrayBuffer>): Pending;
  /** Sets mode and mtime and closes. */
  finishTarget(file: TargetFile, mode: number, mtime: Timestamp): void;
  /** Closes without finishing; the caller unlinks it. */
  abandonTarget(file: TargetFile): void;
  /** Creates a symbolic link (must not exist) with its own mtime, where the engine can set that. */
  createLink(directory: Directory, name: EntryName, target: Uint8Array, mtime: Timestamp): void;
  /** Sets the mode of a regular file that is already there, through an open descriptor where it can. */
  setFileMode(directory: Directory, name: EntryName, mode: number): void;
  rename(
    from: Directory,
    fromName: EntryName,
    to: Directory,
    toName: EntryName,
    options: RenameOptions,
  ): void;
  unlink(directory: Directory, name: EntryName): void;
  /** Removes a directory with all that is in it, without following anything. `not-found` is not an error. */
  removeTree(directory: Directory, name: EntryName): void;
  /** The flag that Deno must be given before {@linkcode Engine.freeSpace} can tell anything, where it was not. */
  readonly freeSpaceWants: string | undefined;
  freeSpace(directory: Directory): FreeSpace;
  /** Takes the exclusive lock of a file, created if it is missing; `undefined` if somebody has it. */
  tryLock(directory: Directory, name: EntryName): FileLock | undefined;
  /** Everything written to the directory's file system so far is on stable storage at the end; may take
   * long, so an engine does it beside the event loop where it can. */
  syncFileSystem(directory: Directory): void | Promise<void>;

  // ---- connections
  /**
   * Has TLS connections that are accepted at a port of this process send small writes at once, where the engine can say so
   * to the system: Deno cannot. A matter of speed alone.
   */
  sendAtOnce(port: number): void;

  // ---- other threads
  /** Directories that may be lent at a time for one job. */
  readonly lentDirectoriesMax: number;
  /** Descriptors that this process may have, or what every system grants where the engine cannot know. */
  readonly descriptorsMax: number;
  /** Lends a directory: it is neither closed nor moved before it has been given back as often as it was lent. */
  lendDirectory(directory: Directory): Lent;
  giveBackDirectory(directory: Directory): void;
  /** A handle, in the other thread, for files in the directory. It holds nothing and is not closed. */
  borrowDirectory(lent: Lent): Directory;
  /** Lends a large file, which its owner does not close before the last use of it elsewhere has ended. */
  lendSource(file: SourceFile): Lent;
  /** The file in the other thread, for ranges; the borrower closes it by {@linkcode Engine.closeSource}. */
  borrowSource(lent: Lent): SourceFile;
  lendTarget(file: TargetFile): Lent;
  /** The same for writing; the borrower closes it by {@linkcode Engine.abandonTarget}. */
  borrowTarget(lent: Lent): TargetFile;
  /** Whether this process may open so many descriptors more. */
  hasDescriptors(directory: Directory, count: number): boolean;
}

/** What is at the destination already. */
export interface EntryLookup extends Metadata {
  device: number;
  inode: bigint;
  /** 0n where the engine cannot know it. */
  ctimeNs: bigint;
}
