/** Modes and times of the portable engine: set on what was looked at, and on nothing that took its name since. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import { nodeSecondsOf, secondsOf } from "./directory.ts";
import { denoError, errnoNameOf } from "./errors.ts";
import { type Identity, nodeFs, openForMetadata } from "./node_fs.ts";

export const hasModes = Deno.build.os !== "windows";

/** Whether a mode has stayed: some file systems drop it in silence (exFAT, NTFS, CIFS). */
export function hasMode({ mode }: Deno.FileInfo, wanted: number): boolean {
  return ((mode ?? 0) & 0o777) === (wanted & 0o777);
}

/** What a chmod or utimes says that the file system, or its owner, does not let one do at all. */
const refusals: ReadonlySet<string | undefined> = new Set(["EPERM", "EOPNOTSUPP", "ENOSYS"]);

/** Does what a file system may refuse: `lack` where it did, 0 where it is done. */
export function lacking(lack: number, call: () => void): number {
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !refusals.has(errnoNameOf(error))) throw error;
    return lack;
  }
}

/**
 * Sets the mode of an entry that is a certain one, by a descriptor. Where its owner may neither read nor write it there is
 * none to be had, and it is done by the path.
 * @throws {RcopyError} `type-conflict` where it is another one now
 */
export function setMode(path: string, mode: number, { device, inode }: Identity): void {
  const { fstatSync, fchmodSync, closeSync } = nodeFs();
  let fd: number;
  try {
    fd = openForMetadata(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") throw error;
    const info = Deno.lstatSync(path);
    if (info.dev !== device || (info.ino ?? 0) !== inode) throw isAnother(path);
    Deno.chmodSync(path, mode);
    return;
  }
  try {
    const found = fstatSync(fd);
    if (found.dev !== device || found.ino !== inode) throw isAnother(path);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

/**
 * Sets the mode of a regular file that is there; of a link or anything else nothing is changed. Where `isBound` says so, the
 * file gets nothing that it does not have.
 * @returns whether the mode has stayed
 */
export function setFileMode(path: string, mode: number, isBound: () => boolean): boolean {
  const info = Deno.lstatSync(path);
  if (!info.isFile) throw isNoFile(path);
  const has = (info.mode ?? 0) & 0o777;
  const wanted = (mode & ~has) !== 0 && isBound() ? has & mode : mode;
  setMode(path, wanted, { device: info.dev, inode: info.ino ?? 0 });
  return hasMode(Deno.lstatSync(path), wanted);
}

/** Sets the mtime of a regular file that is there; of a link or anything else nothing is changed. */
export function setFileTime(path: string, mtime: Timestamp): void {
  const info = Deno.lstatSync(path);
  if (!info.isFile) throw isNoFile(path);
  // Node takes a time before 1970 for the time now.
  if (mtime.seconds < 0) return Deno.utimeSync(path, secondsOf(mtime), secondsOf(mtime));
  const seconds = nodeSecondsOf(mtime);
  const { fstatSync, futimesSync, closeSync } = nodeFs();
  const fd = openForMetadata(path);
  try {
    const found = fstatSync(fd);
    if (found.dev !== info.dev || found.ino !== (info.ino ?? 0)) {
      throw isAnother(path);
    }
    futimesSync(fd, seconds, seconds);
  } finally {
    closeSync(fd);
  }
}

function isAnother(path: string): RcopyError {
  return new RcopyError("type-conflict", `"${showText(path)}" is another file now`);
}

function isNoFile(path: string): RcopyError {
  return new RcopyError("type-conflict", `"${showText(path)}" is not a file any more`);
}

/** A link's own time, as far as Deno can set it: to the millisecond, before 1970 to the second. */
export function setLinkTime(path: string, mtime: Timestamp): void {
  // Node takes a negative number for "now", and a fraction before 1970 for an error.
  const time = mtime.seconds < 0 ? new Date(mtime.seconds * 1000) : secondsOf(mtime);
  nodeFs().lutimesSync(path, time, time);
}

/** Runs a call of Deno's; what it throws becomes an error that says what was tried. */
export function attempt<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw denoError(what, error);
  }
}
