/** The free space of a file system, by what Deno has of Node. */
import type { FreeSpace } from "../contract/engine.ts";

/** The flag without which it cannot be told, unless it was given. */
export function freeSpaceWants(): string | undefined {
  const isGranted = Deno.permissions.querySync({ name: "sys", kind: "statfs" }).state === "granted";
  return isGranted ? undefined : "--allow-sys=statfs";
}

export function freeSpaceAt(path: string): FreeSpace {
  const unknown: FreeSpace = { bytes: undefined, inodes: undefined };
  if (freeSpaceWants() !== undefined) return unknown;
  try {
    const { bavail, bsize, files, ffree } = globalThis.process.getBuiltinModule("node:fs").statfsSync(path);
    return { bytes: bavail * bsize, inodes: files > 0 ? ffree : undefined };
  } catch {
    return unknown;
  }
}
