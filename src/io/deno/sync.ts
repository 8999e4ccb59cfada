/** Stable storage for the portable engine. */
import { showText } from "../../base/show.ts";
import { joinPath } from "./directory.ts";
import { denoError } from "./errors.ts";

/** Whether the owner of an entry of this mode cannot open it again: it must be synced before it gets the mode. */
export function shutsOut(mode: number, isDirectory: boolean): boolean {
  const needed = isDirectory ? 0o500 : 0o400;
  return (mode & needed) !== needed;
}

/**
 * Syncs every file and directory below by itself, since Deno has no `syncfs`. An entry that may not be opened belongs to
 * another user, or was synced before it got its mode.
 */
export function syncTree(path: string): void {
  const entries = unlessShut(path, () => [...Deno.readDirSync(path)]) ?? [];
  for (const entry of entries) {
    const below = joinPath(path, entry.name);
    if (entry.isDirectory) syncTree(below);
    else if (entry.isFile) syncOne(below);
  }
  syncOne(path);
}

function syncOne(path: string): void {
  unlessShut(path, () => {
    using file = Deno.openSync(path);
    file.syncSync();
  });
}

/** The result of a call; `undefined` where it is not permitted, or where the entry is gone. */
function unlessShut<T>(path: string, call: () => T): T | undefined {
  try {
    return call();
  } catch (thrown) {
    const error = denoError(`cannot sync "${showText(path)}"`, thrown);
    const isRefused = error.code === "not-permitted" && !(thrown instanceof Deno.errors.NotCapable);
    if (isRefused || error.code === "not-found") return undefined;
    throw error;
  }
}
