/** Directories by handle: what is in them, and changes of single entries by name. */
import type { RcopyError } from "../../base/errors.ts";
import type { EntryColumns } from "../../entry/columns.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { EntryLookup, FoundEntries, NameRun } from "./found.ts";

/** A directory, by handle. Opaque: it belongs to the engine that made it. */
export interface Directory {
  /** The path as a person would write it, escaped, for messages only. */
  readonly shown: string;
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

/**
 * What may be replaced: only what is still as it was when it was looked at. A `ctimeNs` of 0n is not compared: where a file has
 * several names, replacing it under one of them changes its ctime under the others.
 */
export type Replaceable = Pick<EntryLookup, "kind" | "size" | "mtime" | "ctimeNs">;

/** Mode and time that an entry is to have in the end. */
export interface FileMetadata {
  /** 0 to 0o777. */
  mode: number;
  mtime: Timestamp;
}

/** What a file is in the end. */
export interface WholeFile {
  name: EntryName;
  size: number;
  mtime: Timestamp;
}

/** What a file system did not take of an entry whose content is there: a sum of these. */
export const Lacks = { nothing: 0, mode: 1, time: 2 } as const;

/** How files of this run come out on a file system. */
export interface FileSystemTraits {
  /** User number that they have; -1 where the engine cannot know it. */
  owner: number;
  /** Modes stay as they are given, with the sticky bit of a file: an unfinished file can be told by its mode. */
  keepsModes: boolean;
  /** Coarsest step of the times that stay, in nanoseconds; 0 where a time that is given does not stay at all. */
  timeStepNs: number;
}

/**
 * A small file of rcopy's own, locked as long as it is open. The lock is gone with the process that held it. Disposing
 * closes it; twice is harmless.
 */
export interface OwnFile extends Disposable {
  /** False where the file system has no locks: nothing tells then whether another run uses the file. */
  readonly isLocked: boolean;
  /** What it was when it was opened. */
  readonly found: EntryLookup;
  /** Its content from `offset` on, at most so many bytes. */
  read(bytesMax: number, offset?: number): Uint8Array<ArrayBuffer>;
  /** Writes all of `source` at `offset`, within the call. */
  write(offset: number, source: Uint8Array<ArrayBuffer>): void;
  /** Cuts it, or makes it longer. */
  setSize(bytes: number): void;
  /** Waits until all that was written is on the disk; beside the event loop where the engine can. */
  sync(): void | Promise<void>;
}

/** Options of {@linkcode Directories.setDirectoryMetadata}. */
export interface DirectoryMetadataOptions {
  /** False: the directory gets no permission that it does not have, since somebody else may have put it there. */
  mayLoosen: boolean;
}

/** Operations on directories and on the entries in them. */
export interface Directories {
  /** User number of this process, to which what it makes belongs; -1 where the engine cannot know it. */
  readonly user: number;
  /** Opens a directory that a person named; symbolic links are followed. `not-found`, `type-conflict`, `not-permitted`. */
  openRoot(path: string): Directory;
  /** A handle for a subdirectory; fails if it is not a directory (a symbolic link is not). */
  openDirectory(parent: Directory, name: EntryName): Directory;
  /**
   * Creates a subdirectory and opens it. It has `mode` (0 to 0o777) as far as umask and the parent's default ACL leave it, and
   * in any case read, write and search for its owner, until {@linkcode setDirectoryMetadata}. The set-group bit is the
   * parent's matter. `exists` if there is anything under that name.
   */
  makeDirectory(parent: Directory, name: EntryName, mode: number): Directory;
  /** Lets go of a handle; its children must have been closed before. Twice is harmless. */
  closeDirectory(directory: Directory): void;
  /** Device and inode of the directory itself. */
  identityOf(directory: Directory): { device: number; inode: bigint };
  /** What a directory itself is now. */
  lookAt(directory: Directory): EntryLookup;
  /**
   * Sets mtime and mode of the directory itself, mode last, each only where it is not right already: a directory in which nothing
   * changed is not written to. Set-id and sticky bits stay. Below a default ACL it gets nothing that it does not have, since that ACL gave it, and no more than
   * `mode`.
   * @returns what was refused, as a sum of {@linkcode Lacks}
   */
  setDirectoryMetadata(
    directory: Directory,
    metadata: FileMetadata,
    options: DirectoryMetadataOptions,
  ): number;
  /** Sets the mode of the directory itself to exactly this, 0 to 0o7777. */
  setDirectoryMode(directory: Directory, mode: number): void;
  /** Why nothing can be made in a directory; `undefined` where something can, or where only trying would tell. */
  whyNotWritable(directory: Directory): RcopyError | undefined;
  /** Begins to list a directory. Disposing of the listing ends it early. */
  list(directory: Directory): Listing;
  /** Metadata and identity of entries (links are not followed); `undefined` where there is none, an error where it cannot be told. */
  lookup(
    directory: Directory,
    names: readonly EntryName[],
  ): (EntryLookup | RcopyError | undefined)[];
  /** The same for many names that lie in a blob; what is found goes into columns. */
  lookUpAll(directory: Directory, run: NameRun, found: FoundEntries): void;
  /**
   * Gives what stands under a temporary name its final name in the same directory; it is no directory.
   * Without `replaces` nothing is ever replaced: `exists` where anything has that name. With it, what is there must be the
   * same as then (kind, size, mtime, ctime), or be gone: else `exists`.
   * When it throws, the temporary name is as it was.
   */
  place(
    directory: Directory,
    temporary: EntryName,
    name: EntryName,
    replaces?: Replaceable,
  ): void;
  /** Removes a name that is not a directory's: `type-conflict` for a directory. */
  unlink(directory: Directory, name: EntryName): void;
  /**
   * Removes what a run that has ended left of a file under its temporary name: a regular file of the owner that files of this run
   * have there, whose lock is free, and that is either marked as unfinished (where the file system keeps modes), or whole.
   * It has no other name, or `whole.name`.
   * @returns false where there is something else, or a run that uses it; nothing has been touched then
   */
  removeUnfinished(directory: Directory, temporary: EntryName, whole: WholeFile): boolean;
  /**
   * Learns how files of this run come out on the directory's file system, once for each file system. Makes a file under a
   * random temporary name for it, and removes it.
   * @throws {RcopyError} where none can be made
   */
  traitsOf(directory: Directory): FileSystemTraits;
  /** Creates (exclusively, mode 0600) and locks a file of rcopy's own, for reading and writing. */
  createOwn(directory: Directory, name: EntryName): OwnFile;
  /**
   * Opens and locks such a file. Looks before, since a FIFO would keep some engines waiting, and after, that the name still is
   * the file that was opened and locked.
   * @returns `undefined` where another process has the lock, or the name is gone or another file's meanwhile
   * @throws {RcopyError} `type-conflict` for anything but a regular file
   */
  openOwn(directory: Directory, name: EntryName): OwnFile | undefined;
}
