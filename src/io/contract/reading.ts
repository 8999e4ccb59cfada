/** Reading at the source: links, many small files at a time, large files by range. */
import type { RcopyError } from "../../base/errors.ts";
import type { FileIdentity } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { Directory } from "./directories.ts";
import type { Pending } from "./pending.ts";

/** A large file open for reading. */
export interface SourceFile {
  readonly size: number;
  /** Reading a range ends within the call: nothing goes on beside it. */
  readonly isReadAtOnce: boolean;
}

/** One small file to read whole. `error` is the outcome, filled in by the engine. */
export interface FileRead {
  directory: Directory;
  name: EntryName;
  /** What the listing said; if it is different after the read, and not just longer, the outcome is `changed`. */
  expected: FileIdentity;
  /** Where in the memory the `expected.size` bytes go. */
  offset: number;
  /** Set for a file that says another size than it has: it is read to its end, which must come after at most so many bytes. */
  bytesMax?: number | undefined;
  error?: RcopyError | undefined;
  /** Bytes that were read of a file with `bytesMax`. */
  bytesRead?: number | undefined;
  /** The file is unchanged but for bytes that were added at its end: its size now. What was read is what it had before. */
  grownTo?: number | undefined;
  /** Beside an error `changed`: the file is unchanged, and ends at another place than it says. Only `bytesMax` reads it. */
  isUnsized?: boolean | undefined;
}

/** Operations that read content. */
export interface Reading {
  /** The text of a symbolic link, byte for byte. */
  readLink(directory: Directory, name: EntryName): Uint8Array;
  /** The first bytes of a regular file, at most so many, read within the call. `type-conflict` for anything else. */
  readStart(directory: Directory, name: EntryName, bytesMax: number): Uint8Array;
  /**
   * Starts to read small files whole into `memory`. The array and its objects belong to the engine until finished.
   * A file that fails leaves the bytes of its range undefined and an `error`.
   */
  readFiles(files: readonly FileRead[], memory: Uint8Array<ArrayBuffer>): Pending;
  /** Opens a large file; `changed` or `vanished` if it is not what the listing said, nor that with more behind it. */
  openSource(directory: Directory, name: EntryName, expected: FileIdentity): SourceFile;
  /** Starts to read `target.length` bytes at `offset`; fewer are `changed`. */
  readRange(file: SourceFile, offset: number, target: Uint8Array<ArrayBuffer>): Pending;
  /** Throws `changed` unless the file still is what the listing said; if it is just longer, the size that it has now. */
  checkUnchanged(file: SourceFile): number | undefined;
  /** Lets go of a large file. Twice is harmless. */
  closeSource(file: SourceFile): void;
}
