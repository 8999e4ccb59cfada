/**
 * Small files of the portable engine.
 *  at once    under the final name, with the mark of an unfinished file until content and time are there
 *  in turn    under the temporary name, locked, and then into place
 */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import { randomTemporaryName, temporaryName } from "../../entry/temporary_name.ts";
import { type FileWrite, Lacks } from "../contract/engine.ts";
import { unfinishedMode, unmarkedMode } from "../contract/unfinished.ts";
import { type DenoDirectory, nodeSecondsOf, secondsOf } from "./directory.ts";
import { createLocked } from "./lock.ts";
import { removeUnfinished } from "./locked_file.ts";
import { attempt, hasMode, hasModes, lacking, setMode } from "./metadata.ts";
import { createExclusively, nodeFs } from "./node_fs.ts";
import { place } from "./place.ts";
import { shutsOut } from "./sync.ts";
import type { Traits } from "./traits.ts";

/** Random names that are tried: more than one is taken only where somebody plants them. */
const namesMax = 8;

/** Creates a small file whole; what fails leaves nothing behind. Fills in `lacks`. */
export function createFile(write: FileWrite, content: Uint8Array, traits: Traits): void {
  const directory = write.directory as DenoDirectory;
  write.lacks = Lacks.nothing;
  if (isAtOnce(write, directory, traits)) {
    createAtOnce(write, directory, content, traits);
  } else createInTurn(write, directory, content, traits);
}

function isAtOnce(write: FileWrite, directory: DenoDirectory, traits: Traits): boolean {
  // Node takes a time before 1970 for the time now.
  if (!hasModes || !write.atOnce || write.replaces !== undefined || write.mtime.seconds < 0) return false;
  return traits.of(directory).keepsModes && !traits.isRuled(directory);
}

function createAtOnce(write: FileWrite, directory: DenoDirectory, content: Uint8Array, traits: Traits): void {
  const path = directory.pathOf(write.name);
  const { fchmodSync, futimesSync, fsyncSync, writeSync, closeSync } = nodeFs();
  const fd = attempt(`cannot create "${showText(path)}"`, () => createExclusively(path, unmarkedMode));
  try {
    attempt(`cannot write "${showText(path)}"`, () => {
      fchmodSync(fd, unfinishedMode);
      for (let at = 0; at < content.length;) {
        at += writeSync(fd, content, at, content.length - at);
      }
      const seconds = nodeSecondsOf(write.mtime);
      write.lacks! |= lacking(Lacks.time, () => futimesSync(fd, seconds, seconds));
      if (shutsOut(write.mode, false) || traits.syncsBeforeClose(directory)) {
        fsyncSync(fd);
      }
      write.lacks! |= lacking(Lacks.mode, () => fchmodSync(fd, write.mode));
    });
  } catch (error) {
    removeCreated(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function createInTurn(write: FileWrite, directory: DenoDirectory, content: Uint8Array, traits: Traits): void {
  const temporary = openTemporary(write, directory, traits);
  const { file, path, name } = temporary;
  try {
    attempt(`cannot write "${showText(path)}"`, () => {
      for (let at = 0; at < content.length;) {
        at += file.writeSync(content.subarray(at));
      }
      const seconds = secondsOf(write.mtime);
      write.lacks! |= lacking(Lacks.time, () => file.utimeSync(seconds, seconds));
      if (shutsOut(write.mode, false) || traits.syncsBeforeClose(directory)) {
        file.syncSync();
      }
      write.lacks! |= giveMode({ file, path, directory }, write.mode, traits);
    });
    // Locked until it has its place: no other run takes it for a leftover.
    place(directory, name, write.name, write.replaces);
  } catch (error) {
    removeCreated(path);
    throw error;
  } finally {
    file.close();
  }
}

/**
 * Gives an open file the mode that it has in the end: exactly this, or, below a default ACL, no more than that gave.
 * @returns what was refused
 */
export function giveMode(
  { file, path, directory }: {
    file: Deno.FsFile;
    path: string;
    directory: DenoDirectory;
  },
  mode: number,
  traits: Traits,
): number {
  if (!hasModes) return Lacks.nothing;
  const { mode: has, dev, ino } = file.statSync();
  const have = (has ?? 0) & 0o7777;
  const wanted = traits.isRuled(directory) ? have & mode & 0o777 : mode & 0o777;
  if (have === wanted) return Lacks.nothing;
  const lacks = lacking(Lacks.mode, () => {
    if (directory.isExposed) {
      setMode(path, wanted, { device: dev, inode: ino ?? 0 });
    } else Deno.chmodSync(path, wanted);
  });
  if (lacks !== Lacks.nothing || !traits.mayDropModes(directory)) return lacks;
  return hasMode(file.statSync(), wanted) ? Lacks.nothing : Lacks.mode;
}

/** A new file under the temporary name; under a random one where something else has that. */
function openTemporary(
  write: FileWrite,
  directory: DenoDirectory,
  traits: Traits,
): { file: Deno.FsFile; name: EntryName; path: string } {
  // What the default ACL makes of the mode is to be kept, and it must be writable.
  const mode = traits.isRuled(directory) ? write.mode | 0o600 : 0o600;
  let name = temporaryName(write.name);
  for (let attempts = 0; attempts < namesMax; attempts++) {
    const path = directory.pathOf(name);
    const what = `cannot create "${showText(path)}"`;
    let file = attempt(what, () => createLocked(path, mode));
    if (!file && attempts === 0 && removeUnfinished(directory, name, write, traits)) {
      file = attempt(what, () => createLocked(path, mode));
    }
    if (file) return { file, name, path };
    name = randomTemporaryName();
  }
  throw new RcopyError(
    "exists",
    `cannot create a file in ${directory.shown}: every temporary name is taken at once`,
  );
}

/** Removes a file that this engine has just created; a failure of that must not hide the error that led here. */
export function removeCreated(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another process was faster, or the file is one that this user may not change.
  }
}
