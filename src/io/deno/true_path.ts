/**
 * What a path was opened as. A component of a path can be swapped between a check and the open; where `/proc` may be read, the
 * system tells afterwards where the opened file is.
 */
import { RcopyError } from "../../base/errors.ts";
import { hasEveryPermission } from "../../base/permission.ts";
import { showText } from "../../base/show.ts";
import { type DenoDirectory, joinPath, nameText } from "./directory.ts";
import type { EntryName } from "../../entry/name.ts";
import { nodeFs, openToRead } from "./node_fs.ts";

let tells: boolean | undefined;

/** Whether the system tells: on Linux, with leave to read `/proc` (which Deno gives with `--allow-all` only). */
export function tellsTruePaths(): boolean {
  if (tells === undefined) {
    try {
      tells = Deno.build.os === "linux" && hasEveryPermission();
      if (tells) Deno.readLinkSync("/proc/self/cwd");
    } catch {
      tells = false;
    }
  }
  return tells;
}

/**
 * Makes sure that a descriptor is of the entry of this name in this directory, and not of something elsewhere that a swapped
 * component led to. Where the system does not tell, or nobody else may write there, there is nothing to find.
 * @throws {RcopyError} `changed`
 */
export function checkTruePath(fd: number, directory: DenoDirectory, name: EntryName): void {
  if (!directory.isExposed || !tellsTruePaths()) return;
  const wanted = joinPath(directory.truePath, nameText(name));
  if (Deno.readLinkSync(`/proc/self/fd/${fd}`) === wanted) return;
  throw new RcopyError("changed", `"${showText(wanted)}" was somewhere else when it was opened`);
}

/**
 * As {@linkcode checkTruePath}, of a file that Deno has open: another descriptor of the path must lead to the same file, which
 * keeps its number as long as it is open, and be in its place.
 */
export function checkTruePathOf(file: Deno.FsFile, directory: DenoDirectory, name: EntryName): void {
  if (!directory.isExposed || !tellsTruePaths()) return;
  const { fstatSync, closeSync } = nodeFs();
  const path = directory.pathOf(name);
  const fd = openToRead(path);
  try {
    const { dev, ino } = fstatSync(fd);
    const info = file.statSync();
    if (info.dev !== dev || info.ino !== ino) {
      throw new RcopyError("changed", `"${showText(path)}" was another file when it was opened again`);
    }
    checkTruePath(fd, directory, name);
  } finally {
    closeSync(fd);
  }
}
