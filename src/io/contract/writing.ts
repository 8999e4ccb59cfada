/** Writing at the destination: many small files at a time, large files by range, links, modes. */
import type { RcopyError } from "../../base/errors.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Directory, FileMetadata, Replaceable, WholeFile } from "./directories.ts";
import type { Pending } from "./pending.ts";

/** A large file being written, under a temporary name. */
export interface TargetFile {
  readonly size: number;
}

/**
 * One small file to create. It gets its final name only when it is whole, or, where that is allowed and the file system
 * keeps modes, is made under it with the mode of an unfinished file (`unfinished.ts`), which goes last. Until then it has
 * `temporaryName` of its name (`entry/temporary_name.ts`) in the same directory. What has that and is no leftover of ours
 * is left alone, and a random name taken.
 */
export interface FileWrite {
  directory: Directory;
  /** Its final name. */
  name: EntryName;
  /** May be made under its final name at once: this run made the directory. */
  atOnce: boolean;
  /** What has the name now and may be replaced. Without it nothing is replaced, and anything of that name is `exists`. */
  replaces?: Replaceable | undefined;
  /** 0 to 0o777. Exactly this at the end, whatever the umask; below a default ACL no more than that gives. */
  mode: number;
  mtime: Timestamp;
  /** Where in the memory the content is. */
  offset: number;
  size: number;
  error?: RcopyError | undefined;
  /** What the file system refused of a file that is there, as a sum of {@linkcode Lacks}; filled in by the engine. */
  lacks?: number | undefined;
}

/** Operations that make files and links. */
export interface Writing {
  /**
   * Starts to create small files whole, with content, mtime and mode, in this order. What fails leaves nothing behind under its
   * name, nor under its temporary one. A file whose mode or time is refused is there all the same, and `lacks` says so.
   */
  createFiles(
    files: readonly FileWrite[],
    memory: Uint8Array<ArrayBuffer>,
  ): Pending;
  /**
   * Creates (exclusively) and locks a large file under a temporary name, with the mode of an unfinished file, or, below a
   * default ACL, with `mode`. `exists` where anything has the name, or another run took it away at once. No room is
   * reserved yet. `isDurable`: the disk will be waited for in the end, so that it had better begin at once.
   */
  createTarget(
    directory: Directory,
    temporary: EntryName,
    options: TargetOptions,
  ): TargetFile;
  /**
   * Opens and locks what a run that has ended left of a large file under its temporary name, to go on with it: a regular file
   * with no other name, of the owner and with the mode that files of this run have there while they are unfinished (or of the
   * size and time of `whole`, with any mode). What is past `size` is cut off.
   * @returns `undefined` where there is nothing, something else, or another run that uses it; nothing has been touched then
   */
  openTarget(
    directory: Directory,
    temporary: EntryName,
    options: TargetOptions & { whole: WholeFile },
  ): TargetFile | undefined;
  /** Starts to write all of `source` at `offset`; reserves room from there on, some extents ahead, where the file system can. */
  writeRange(
    file: TargetFile,
    offset: number,
    source: Uint8Array<ArrayBuffer>,
  ): Pending;
  /** Waits until all that was written is on the disk; beside the event loop where the engine can. */
  syncTarget(file: TargetFile): void | Promise<void>;
  /**
   * Sets mtime and mode, and closes. It has its temporary name still.
   * @returns what was refused, as a sum of {@linkcode Lacks}
   * @throws {RcopyError} also what only the closing tells: that something could not be written
   */
  finishTarget(file: TargetFile, metadata: FileMetadata): number;
  /** Closes without finishing; the caller unlinks it. */
  abandonTarget(file: TargetFile): void;
  /**
   * Creates a symbolic link (`exists` if anything has the name) with its own mtime.
   * @returns what was refused, as a sum of {@linkcode Lacks}
   */
  createLink(
    directory: Directory,
    name: EntryName,
    target: Uint8Array,
    mtime: Timestamp,
  ): number;
  /**
   * Sets the mode of a regular file that is already there, through an open descriptor where it can. Below a default ACL the
   * file gets nothing that it does not have.
   * @returns what was refused, as a sum of {@linkcode Lacks}
   */
  setFileMode(directory: Directory, name: EntryName, mode: number): number;
  /** Sets the mtime of a regular file that is already there; of a link nothing is followed. */
  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void;
}

/** Options of {@linkcode Writing.createTarget}. */
export interface TargetOptions {
  size: number;
  /** The mode that it is to have in the end, 0 to 0o777. */
  mode: number;
  isDurable?: boolean;
}
