/** The stamp of a source file: what a receiver compares, beside size and time, before it goes on with what it has of a file. */
import type { FileIdentity } from "../../entry/metadata.ts";
import { stampBytes } from "../../wire/limits.ts";

const secondNs = 1_000_000_000n;
/** A tick of the kernel's clock for files, and more. */
const tickNs = 10_000_000n;

/**
 * 16 bytes that differ where the content may: the change time, which every write moves and nobody can set. Zeros where the
 * engine cannot know it, and random bytes, unlike any before, where it lies ahead of this machine's clock and so says nothing.
 * Neither device nor inode are in it: a file system may number them anew at every mount.
 *
 * A write within the same step of the clock moves it no further. Therefore nothing of a file is read before
 * {@linkcode unsettledMs} have passed: what has the stamp of a file is what it was at the end of that step.
 */
export function stampOf({ ctimeNs }: Pick<FileIdentity, "ctimeNs">, nowNs = clockNs()): Uint8Array {
  const stamp = new Uint8Array(stampBytes);
  if (isAhead(ctimeNs, nowNs)) return crypto.getRandomValues(stamp);
  new DataView(stamp.buffer).setBigInt64(0, ctimeNs, true);
  return stamp;
}

/** Milliseconds until another write would move the change time of a file. */
export function unsettledMs({ ctimeNs }: Pick<FileIdentity, "ctimeNs">, nowNs = clockNs()): number {
  if (ctimeNs === 0n || isAhead(ctimeNs, nowNs)) return 0;
  // Deno tells whole seconds, and some file systems too.
  const stepNs = ctimeNs % secondNs === 0n ? secondNs : tickNs;
  const leftNs = ctimeNs + stepNs + tickNs - nowNs;
  return leftNs > 0n ? Math.ceil(Number(leftNs) / 1e6) : 0;
}

function clockNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Our own clock is told in milliseconds, rounded down. */
function isAhead(ctimeNs: bigint, nowNs: bigint): boolean {
  return ctimeNs > nowNs + tickNs;
}
