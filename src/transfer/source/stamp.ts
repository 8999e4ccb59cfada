/** The stamp of a source file: what a receiver compares, beside size and time, before it goes on with what it has of a file. */
import type { FileIdentity } from "../../entry/metadata.ts";
import { stampBytes } from "../../wire/limits.ts";

/**
 * 16 bytes that differ where the content may: the change time, which every write moves and nobody can set. Zeros where the
 * engine cannot know it. Neither device nor inode are in it: a file system may number them anew at every mount.
 */
export function stampOf({ ctimeNs }: Pick<FileIdentity, "ctimeNs">): Uint8Array {
  const stamp = new Uint8Array(stampBytes);
  new DataView(stamp.buffer).setBigInt64(0, ctimeNs, true);
  return stamp;
}
