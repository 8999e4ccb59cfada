/**
 * The mark of an unfinished file: a mode that no file is given otherwise. A run that is killed leaves it, and every later run
 * takes such a file for absent.
 */
import { EntryKind } from "../../entry/metadata.ts";
import type { FileSystemTraits } from "./directories.ts";
import type { EntryLookup } from "./found.ts";

/** Mode of a file whose content is not whole: its sticky bit, which has no effect on files, and read and write for the owner. */
export const unfinishedMode = 0o1600;
/**
 * What a file has before it can be marked: Deno creates no other mode than up to 0o777. Nobody has an empty file of this mode
 * otherwise, and an open descriptor writes all the same.
 */
export const unmarkedMode = 0o200;
/** 2 January 1980: the times of FAT and exFAT begin a day before. */
const standInSecondsMax = 315_619_200;

type Found = Pick<EntryLookup, "kind" | "special" | "mode" | "mtime" | "size">;

/**
 * Whether an entry is a file that a killed run left under its final name: one with the mark, or a stand-in, over which the
 * file was about to be moved. `traits` are those of its file system.
 */
export function isUnfinished(
  found: Found & Pick<EntryLookup, "owner">,
  { owner, keepsModes }: Pick<FileSystemTraits, "owner" | "keepsModes">,
): boolean {
  if (found.kind !== EntryKind.file || found.owner !== owner || owner < 0) return false;
  if (!keepsModes) return isStandIn(found.size, found.mtime.seconds);
  const mode = found.special | found.mode;
  const { seconds, nanos } = found.mtime;
  if (mode === unfinishedMode || (mode === 0o600 && seconds === 0 && nanos === 0)) return true;
  return mode === unmarkedMode && found.size === 0;
}

/** Whether the traits of its file system would have to be known to tell. */
export function mayBeUnfinished(found: Found): boolean {
  if (found.kind !== EntryKind.file) return false;
  return mayBeUnfinishedFile(found.special | found.mode, found.size, found.mtime.seconds);
}

/** The same of a file by its mode (with set-id and sticky bits), size and time. */
export function mayBeUnfinishedFile(mode: number, size: number, mtimeSeconds: number): boolean {
  return mode === unfinishedMode || mode === unmarkedMode || mtimeSeconds === 0 ||
    isStandIn(size, mtimeSeconds);
}

function isStandIn(size: number, mtimeSeconds: number): boolean {
  return size === 0 && mtimeSeconds >= 0 && mtimeSeconds < standInSecondsMax;
}
