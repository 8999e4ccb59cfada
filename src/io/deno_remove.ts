/** Removing a tree with the portable engine. */
import { showText } from "../base/show.ts";
import { joinPath } from "./deno_directory.ts";
import { denoError } from "./deno_errors.ts";

/** Removes a directory with all that is in it; links are removed, never followed; read-only directories are opened first. */
export function removeTreeAt(path: string): void {
  try {
    const info = Deno.lstatSync(path);
    if (!info.isDirectory) {
      Deno.removeSync(path);
      return;
    }
    // A stack and not a recursion: the tree may be deeper than the call stack.
    const stack = [path];
    while (stack.length > 0) {
      const directory = stack.at(-1)!;
      if (Deno.build.os !== "windows") Deno.chmodSync(directory, 0o700);
      const below = emptyOfFiles(directory);
      if (below.length > 0) stack.push(...below);
      else Deno.removeSync(stack.pop()!);
    }
  } catch (thrown) {
    const error = denoError(`cannot remove "${showText(path)}"`, thrown);
    if (error.code !== "not-found") throw error;
  }
}

/** Removes everything but subdirectories, whose paths it returns. */
function emptyOfFiles(directory: string): string[] {
  const below: string[] = [];
  for (const entry of Deno.readDirSync(directory)) {
    const path = joinPath(directory, entry.name);
    if (entry.isDirectory) below.push(path);
    else Deno.removeSync(path);
  }
  return below;
}
