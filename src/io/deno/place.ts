/** From a temporary name to the final one, in the same directory: nothing is replaced that nobody looked at. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { EntryLookup, Replaceable } from "../contract/engine.ts";
import { type DenoDirectory, secondsOf, timestampOf } from "./directory.ts";
import { errnoNameOf } from "./errors.ts";
import { lookUp, lookupOf } from "./lookup.ts";
import { attempt, lacking } from "./metadata.ts";
import { createExclusively, nodeFs } from "./node_fs.ts";

/** What `link` says where there are no hard links, or not one more: FUSE file systems say it in many ways. */
const withoutLinks: ReadonlySet<string | undefined> = new Set([
  "EPERM",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
  "EROFS",
  "EINVAL",
  "EXDEV",
]);

/** @throws {RcopyError} `exists` where something else has the name, or what may be replaced is another now */
export function place(
  directory: DenoDirectory,
  temporary: EntryName,
  name: EntryName,
  replaces: Replaceable | undefined,
): void {
  const from = directory.pathOf(temporary);
  const to = directory.pathOf(name);
  const what = `cannot put "${showText(to)}" into place`;
  const found = replaces && lookUp(directory, name);
  if (found instanceof RcopyError) throw found;
  if (!replaces || !found) {
    attempt(what, () => placeNew(from, to, what));
    return;
  }
  if (found.kind === EntryKind.directory) {
    throw new RcopyError("type-conflict", `${what}: a directory is in its place`);
  }
  if (!isSame(found, replaces)) {
    throw new RcopyError("exists", `${what}: what was to be replaced there is another now`);
  }
  attempt(what, () => Deno.renameSync(from, to));
}

function isSame(found: EntryLookup, then: Replaceable): boolean {
  return found.kind === then.kind && found.size === then.size &&
    found.mtime.seconds === then.mtime.seconds &&
    found.mtime.nanos === then.mtime.nanos &&
    (found.ctimeNs === 0n || then.ctimeNs === 0n ||
      found.ctimeNs === then.ctimeNs);
}

/** Deno has no rename that does not replace; a second name for the file does not either. */
function placeNew(from: string, to: string, what: string): void {
  try {
    Deno.linkSync(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw existsAlready(what);
    if (!withoutLinks.has(errnoNameOf(error)) || error instanceof Deno.errors.NotCapable) throw error;
    return renameOverStandIn(from, to, what);
  }
  try {
    Deno.removeSync(from);
  } catch (error) {
    Deno.removeSync(to);
    throw error;
  }
}

/** For file systems without links: an empty file of our own takes the name, and is replaced. */
function renameOverStandIn(from: string, to: string, what: string): void {
  const { fstatSync, futimesSync, closeSync } = nodeFs();
  const moved = Deno.lstatSync(from);
  let standIn: { dev: number; ino: number };
  try {
    const fd = createExclusively(to, 0o600);
    try {
      standIn = fstatSync(fd);
      // The mark of a stand-in, where the file system takes it.
      lacking(1, () => futimesSync(fd, 0, 0));
    } catch (error) {
      Deno.removeSync(to);
      throw error;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") {
      throw existsAlready(what);
    }
    throw error;
  }
  try {
    const there = Deno.lstatSync(to);
    if (there.dev !== standIn.dev || there.ino !== standIn.ino) {
      throw existsAlready(what);
    }
    Deno.renameSync(from, to);
  } catch (error) {
    removeStandIn(to, standIn);
    throw error;
  }
  keepTime(to, moved);
}

function removeStandIn(path: string, { dev, ino }: { dev: number; ino: number }): void {
  try {
    const { isFile, size, dev: device, ino: inode } = Deno.lstatSync(path);
    if (isFile && size === 0 && device === dev && inode === ino) {
      Deno.removeSync(path);
    }
  } catch {
    // It is gone already; the error that led here counts.
  }
}

/** Some file systems without links set the time of what is renamed. */
function keepTime(path: string, moved: Deno.FileInfo): void {
  const { kind, mtime } = lookupOf(moved);
  const now = timestampOf(Deno.lstatSync(path).mtime);
  if (kind !== EntryKind.file || (now.seconds === mtime.seconds && now.nanos === mtime.nanos)) return;
  const seconds = secondsOf(mtime);
  try {
    Deno.utimeSync(path, seconds, seconds);
  } catch {
    // Its content is there; the next run finds another time.
  }
}

function existsAlready(what: string): RcopyError {
  return new RcopyError("exists", `${what}: it exists already`);
}
