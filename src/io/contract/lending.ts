/** Handles for an engine of the same kind in another thread of this process. */
import type { Directory } from "./directories.ts";
import type { SourceFile } from "./reading.ts";
import type { TargetFile } from "./writing.ts";

/**
 * A directory or a large file as plain data, for an engine of the same kind in another thread of this process.
 * What else is in it is the engine's own business.
 */
export interface Lent {
  /** A number of the handle: no two handles of one engine have the same. */
  readonly id: number;
}

/** Operations that pass handles from one thread to another. */
export interface Lending {
  /** Directories that may be lent at a time for one job. */
  readonly lentDirectoriesMax: number;
  /** Lends a directory: it is neither closed nor moved before it has been given back as often as it was lent. */
  lendDirectory(directory: Directory): Lent;
  /** Ends one {@linkcode Lending.lendDirectory}. */
  giveBackDirectory(directory: Directory): void;
  /** A handle, in the other thread, for files in the directory. It holds nothing and is not closed. */
  borrowDirectory(lent: Lent): Directory;
  /** Lends a large file, which its owner does not close before the last use of it elsewhere has ended. */
  lendSource(file: SourceFile): Lent;
  /** The file in the other thread, for ranges; the borrower closes it by `closeSource`. */
  borrowSource(lent: Lent): SourceFile;
  /** Lends a large file that is being written, as {@linkcode Lending.lendSource}. */
  lendTarget(file: TargetFile): Lent;
  /** The file in the other thread, to write ranges; the borrower closes it by `abandonTarget`. */
  borrowTarget(lent: Lent): TargetFile;
}
