/** Limits of the machine that a copy must keep to: space, descriptors, and when what was written is safe. */
import type { Directory } from "./directories.ts";

/** Room left on a file system. `undefined` where it cannot be known. */
export interface FreeSpace {
  bytes: number | undefined;
  inodes: number | undefined;
}

/** Operations that tell of limits. */
export interface Room {
  /** The flag that Deno must be given before {@linkcode Room.freeSpace} can tell anything, where it was not. */
  readonly freeSpaceWants: string | undefined;
  /** Room on the directory's file system for this user. Throws nothing. */
  freeSpace(directory: Directory): FreeSpace;
  /**
   * Brings everything written to the directory's file system so far to stable storage. May take long, so an engine does
   * it beside the event loop where it can.
   */
  syncFileSystem(directory: Directory): void | Promise<void>;
  /** Descriptors that this process may have, or what every system grants where the engine cannot know. */
  readonly descriptorsMax: number;
  /** Whether this process may open so many descriptors more. */
  hasDescriptors(directory: Directory, count: number): boolean;
}
