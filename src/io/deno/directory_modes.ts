/** Directories that the portable engine makes, and the modes and times that directories get. */
import type { Timestamp } from "../../entry/metadata.ts";
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import { type DirectoryMetadataOptions, type FileMetadata, Lacks } from "../contract/engine.ts";
import { DenoDirectory, lstat, nameText, secondsOf, stat, timestampOf } from "./directory.ts";
import { attempt, hasMode, hasModes, lacking, setMode } from "./metadata.ts";
import { shutsOut, syncTree } from "./sync.ts";
import type { Traits } from "./traits.ts";

/** The handle of a directory that was found under a name. @throws {RcopyError} `type-conflict` for anything else */
export function openDirectory(parent: DenoDirectory, name: EntryName, wasMade = false): DenoDirectory {
  const path = parent.pathOf(name);
  const info = lstat(path);
  if (!info.isDirectory) {
    throw new RcopyError("type-conflict", `"${showText(path)}" is not a directory`);
  }
  return new DenoDirectory({
    parent,
    name: nameText(name),
    device: info.dev,
    inode: info.ino ?? 0,
    facts: { isRuled: undefined, wasMade },
  });
}

export function makeDirectory(parent: DenoDirectory, name: EntryName, mode: number): DenoDirectory {
  const path = parent.pathOf(name);
  const what = `cannot make directory "${showText(path)}"`;
  attempt(what, () => Deno.mkdirSync(path, { mode: mode & 0o777 | 0o700 }));
  const made = openDirectory(parent, name, true);
  if (!hasModes) return made;
  const has = (lstat(path).mode ?? 0) & 0o7777;
  if ((has & 0o700) !== 0o700) {
    // An odd umask or a default ACL took something away that is needed until the directory is finished.
    attempt(what, () => lacking(Lacks.mode, () => setMode(path, has | 0o700, made)));
  }
  return made;
}

/** Sets the time, and the mode where it is another; what was refused. */
export function setDirectoryMetadata(
  directory: DenoDirectory,
  { mode, mtime }: FileMetadata,
  { mayLoosen }: DirectoryMetadataOptions,
  traits: Traits,
): number {
  const { path, shown } = directory;
  if (shutsOut(mode, true)) syncTree(path);
  const info = stat(path);
  let lacks: number = Lacks.nothing;
  if (!hasTime(info, mtime)) {
    const seconds = secondsOf(mtime);
    lacks = attempt(
      `cannot set the time of ${shown}`,
      () => lacking(Lacks.time, () => Deno.utimeSync(path, seconds, seconds)),
    );
  }
  if (!hasModes) return lacks;
  const have = (info.mode ?? 0) & 0o7777;
  const isLoosened = (mode & ~have & 0o777) !== 0;
  const isKept = !mayLoosen ||
    (isLoosened && directory.parent !== undefined && traits.decides(directory.parent));
  const wanted = have & 0o7000 | (isKept ? have & mode : mode) & 0o777;
  if (!mayLoosen && isLoosened) lacks |= Lacks.mode;
  if (wanted === have) return lacks;
  return lacks | attempt(`cannot set the mode of ${shown}`, () => {
    const refused = lacking(Lacks.mode, () => setMode(path, wanted, directory));
    const isThere = refused === Lacks.nothing &&
      (!traits.mayDropModes(directory) || hasMode(stat(path), wanted));
    return isThere ? Lacks.nothing : Lacks.mode;
  });
}

/** To the millisecond, as Deno tells and sets it. */
function hasTime(info: Deno.FileInfo, { seconds, nanos }: Timestamp): boolean {
  const found = timestampOf(info.mtime);
  return found.seconds === seconds && found.nanos === Math.floor(nanos / 1e6) * 1e6;
}

export function setDirectoryMode(directory: DenoDirectory, mode: number): void {
  if (!hasModes) return;
  attempt(
    `cannot set the mode of ${directory.shown}`,
    () => setMode(directory.path, mode & 0o7777, directory),
  );
}

/** Why nothing can be made in a directory, where that is certain: what group and others may do depends on groups and ACLs. */
export function whyNotWritable(directory: DenoDirectory, user: number): RcopyError | undefined {
  const { uid, mode } = stat(directory.path);
  // Root may write anywhere.
  if (user <= 0 || uid !== user || mode === null || (mode & 0o300) === 0o300) {
    return undefined;
  }
  return new RcopyError("not-permitted", `cannot write in ${directory.shown}: permission denied`);
}
