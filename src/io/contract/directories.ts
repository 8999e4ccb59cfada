/** Directories by handle: what is in them, and changes of single entries by name. */
import type { RcopyError } from "../../base/errors.ts";
import type { EntryColumns } from "../../entry/columns.ts";
import type { Metadata, Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";

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

/** What is at the destination already. */
export interface EntryLookup extends Metadata {
  device: number;
  inode: bigint;
  /** 0n where the engine cannot know it. */
  ctimeNs: bigint;
}

/** Options of {@linkcode Directories.rename}. */
export interface RenameOptions {
  /** Replace what is there (never a directory); without it an existing target is `exists`. */
  replace: boolean;
}

/** A lock held on a file; disposing releases it. It is gone with the process that held it. */
export type FileLock = Disposable;

/** Operations on directories and on the entries in them. */
export interface Directories {
  /** Opens a directory that a person named; symbolic links are followed. `not-found`, `type-conflict`, `not-permitted`. */
  openRoot(path: string): Directory;
  /** A handle for a subdirectory; fails if it is not a directory (a symbolic link is not). */
  openDirectory(parent: Directory, name: EntryName): Directory;
  /** Creates a subdirectory with mode 0700 and opens it. `exists` if there is anything under that name. */
  makeDirectory(parent: Directory, name: EntryName): Directory;
  /**
   * Tells a handle that its directory has been renamed: later operations go to its new place.
   * The rename itself is {@linkcode Directories.rename}.
   */
  movedTo(directory: Directory, parent: Directory, name: EntryName): void;
  /** Lets go of a handle; its children must have been closed before. Twice is harmless. */
  closeDirectory(directory: Directory): void;
  /** Device and inode of the directory itself. */
  identityOf(directory: Directory): { device: number; inode: bigint };
  /** Sets mode (exactly, 0 to 0o777) and mtime of the directory itself, mode last. */
  setDirectoryMetadata(directory: Directory, mode: number, mtime: Timestamp): void;
  /** Begins to list a directory. Disposing of the listing ends it early. */
  list(directory: Directory): Listing;
  /** Metadata and identity of entries (links are not followed); `undefined` where there is none, an error where it cannot be told. */
  lookup(directory: Directory, names: readonly EntryName[]): (EntryLookup | RcopyError | undefined)[];
  /** Moves an entry, never over a directory. `exists` or `type-conflict` where it may not replace what is there. */
  rename(
    from: Directory,
    fromName: EntryName,
    to: Directory,
    toName: EntryName,
    options: RenameOptions,
  ): void;
  /** Removes a name that is not a directory's: `type-conflict` for a directory. */
  unlink(directory: Directory, name: EntryName): void;
  /** Removes a directory with all that is in it, without following anything. `not-found` is not an error. */
  removeTree(directory: Directory, name: EntryName): void;
  /** Takes the exclusive lock of a file, created if it is missing; `undefined` where another process has it. */
  tryLock(directory: Directory, name: EntryName): FileLock | undefined;
}
