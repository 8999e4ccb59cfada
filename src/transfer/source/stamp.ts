/** The stamp of a source file: what a receiver compares, beside size and time, before it goes on with what it has of a file. */
import type { FileIdentity } from "../../entry/metadata.ts";
import { stampBytes } from "../../wire/limits.ts";

const secondNs = 1_000_000_000n;
/** A tick of the kernel's clock for files, and more. */
const tickNs = 10_000_000n;

/**
 * 16 bytes that differ where the content may: the change time, which every write moves and nobody can set. Zeros where the
 * engine cannot know it. Neither device nor inode are in it: a file system may number them anew at every mount.
 *
 * A write within the same step of the clock moves it no further. So a file that changed just now has random bytes, unlike any
 * before, and does not go on from what a receiver has of it. Deno tells whole seconds of this time, and some file systems too.
 */
export function stampOf(
  { ctimeNs }: Pick<FileIdentity, "ctimeNs">,
  nowNs = BigInt(Date.now()) * 1_000_000n,
): Uint8Array {
  const stamp = new Uint8Array(stampBytes);
  const stepNs = ctimeNs % secondNs === 0n ? secondNs : tickNs;
  if (ctimeNs !== 0n && nowNs - ctimeNs < 2n * stepNs) return crypto.getRandomValues(stamp);
  new DataView(stamp.buffer).setBigInt64(0, ctimeNs, true);
  return stamp;
}
