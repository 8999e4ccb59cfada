/** Mode and time of a file whose content is as it should be. */
import { asRcopyError } from "../../base/errors.ts";
import type { EntryName } from "../../entry/name.ts";
import {
  type Directory,
  type Engine,
  type EntryLookup,
  type FileMetadata,
  Lacks,
} from "../../io/contract/engine.ts";
import { sameTime } from "../target/file_systems.ts";

export interface Correction {
  directory: Directory;
  name: EntryName;
  found: EntryLookup;
  wanted: FileMetadata;
  /** Step of times, in nanoseconds, that both ends can keep. */
  mtimeResolutionNs: number;
}

/**
 * Gives a file the wanted mode and time where it has others.
 * @returns what was refused, as a sum of {@linkcode Lacks}
 * @throws {RcopyError} where the file is not there any more, or another is
 */
export function correctMetadata(
  engine: Engine,
  { directory, name, found, wanted, ...options }: Correction,
): number {
  let lacks: number = Lacks.nothing;
  if (found.mode !== wanted.mode) lacks |= engine.setFileMode(directory, name, wanted.mode);
  if (sameTime(found.mtime, wanted.mtime, options.mtimeResolutionNs)) return lacks;
  try {
    engine.setFileTime(directory, name, wanted.mtime);
  } catch (thrown) {
    const { code } = asRcopyError(thrown);
    // What a file system, or its owner, refuses to change is no failure: the content is there.
    if (code !== "not-permitted" && code !== "read-only" && code !== "io") throw thrown;
    lacks |= Lacks.time;
  }
  return lacks;
}
