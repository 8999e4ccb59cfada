/** Writing at the destination: many small files at a time, large files by range, links, modes. */
import type { RcopyError } from "../../base/errors.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Directory } from "./directories.ts";
import type { Pending } from "./pending.ts";

/** A large file being written, under a name that no other process knows. */
export interface TargetFile {
  readonly size: number;
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

/** Operations that make files and links. */
export interface Writing {
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
  /** Sets the mtime of a regular file that is already there; of a link nothing is followed. */
  setFileTime(directory: Directory, name: EntryName, mtime: Timestamp): void;
}
