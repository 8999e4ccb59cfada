/** Files that one run has for itself: created or opened, locked, and certain to be what the name stands for. */
import { errnoNameOf } from "./errors.ts";

/** How these are said where a file system has no locks. */
const withoutLocks: ReadonlySet<string | undefined> = new Set(["ENOSYS", "ENOLCK", "EOPNOTSUPP"]);

/** Takes the lock: "held" where another process has it, "none" where the file system has no locks. */
export function lock(file: Deno.FsFile): "taken" | "held" | "none" {
  try {
    return file.tryLockSync(true) ? "taken" : "held";
  } catch (error) {
    if (withoutLocks.has(errnoNameOf(error)) || error instanceof Deno.errors.NotSupported) return "none";
    throw error;
  }
}

/** Whether a path leads to this very file, and not to a link or another one. */
function leadsTo(path: string, file: Deno.FsFile): boolean {
  try {
    const there = Deno.lstatSync(path);
    const { dev, ino } = file.statSync();
    return there.isFile && there.dev === dev && there.ino === ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Creates a file for writing under a name that another run may look at, and locks it.
 * @returns `undefined` where something has the name, or another run was faster
 */
export function createLocked(path: string, mode: number): Deno.FsFile | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true, write: true, createNew: true, mode });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
  try {
    if (lock(file) !== "held" && leadsTo(path, file)) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

/** Opens a file that is there, if it is regular; `undefined` where another process has its lock, or the name is another file's now. */
export function openLocked(path: string): { file: Deno.FsFile; isLocked: boolean } | undefined {
  const file = Deno.openSync(path, { read: true, write: true });
  try {
    const locked = lock(file);
    if (locked !== "held" && leadsTo(path, file)) {
      return { file, isLocked: locked === "taken" };
    }
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

/** Removes an empty file that no other run has locked. @returns whether the name is free now, as far as it shows */
export function removeEmpty(path: string): boolean {
  const isEmptyFile = ({ isFile, size, nlink }: Deno.FileInfo) => isFile && size === 0 && (nlink ?? 1) === 1;
  if (!isEmptyFile(Deno.lstatSync(path))) return false;
  const opened = openLocked(path);
  if (!opened) return false;
  using file = opened.file;
  if (!isEmptyFile(file.statSync())) return false;
  Deno.removeSync(path);
  return true;
}
