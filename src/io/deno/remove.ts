/** Removing a tree with the portable engine. */
import { showText } from "../../base/show.ts";
import { joinPath } from "./directory.ts";
import { denoError } from "./errors.ts";

/** The character that Deno puts in place of bytes of a name that are not UTF-8. */
const replacement = "\ufffd";

/**
 * Removes an entry with all that is in it, without following links. Deno does that by descriptors, whatever the length of the
 * paths. Where it cannot, for a read-only directory or a lack of descriptors, it is done by paths.
 */
export function removeTreeAt(path: string): void {
  try {
    if (!unlessGone(() => Deno.lstatSync(path))?.isDirectory) unlessGone(() => Deno.removeSync(path));
    else if (!removeAtOnce(path)) removeByPaths(path);
  } catch (thrown) {
    throw denoError(`cannot remove "${showText(path)}"`, thrown);
  }
}

/** Whether the directory is gone with all that was in it. */
function removeAtOnce(path: string): boolean {
  try {
    unlessGone(() => Deno.removeSync(path, { recursive: true }));
    return !unlessGone(() => Deno.lstatSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

function removeByPaths(path: string): void {
  // A stack and not a recursion: the tree may be deeper than the call stack.
  const stack = [path];
  const unspellable = new Set<string>();
  while (stack.length > 0) {
    const directory = stack.at(-1)!;
    if (Deno.build.os !== "windows") unlessGone(() => Deno.chmodSync(directory, 0o700));
    const below = emptyOfFiles(directory, unspellable);
    if (below.length > 0) {
      for (const next of below) stack.push(next);
      continue;
    }
    // A name that Deno cannot spell goes with its directory: a recursive removal has the bytes, and follows nothing.
    unlessGone(() => Deno.removeSync(directory, { recursive: unspellable.has(directory) }));
    stack.pop();
  }
}

/** Removes everything but subdirectories, whose paths it returns, and notes names that it cannot spell. */
function emptyOfFiles(directory: string, unspellable: Set<string>): string[] {
  const below: string[] = [];
  for (const entry of unlessGone(() => [...Deno.readDirSync(directory)]) ?? []) {
    const path = joinPath(directory, entry.name);
    if (entry.name.includes(replacement) && !unlessGone(() => Deno.lstatSync(path))) {
      unspellable.add(directory);
    } else if (entry.isDirectory) below.push(path);
    else unlessGone(() => Deno.removeSync(path));
  }
  return below;
}

/** The result of a call; `undefined` when its entry is not there any more. */
function unlessGone<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
