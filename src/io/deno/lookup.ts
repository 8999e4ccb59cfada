/** What the portable engine finds under a name. */
import type { RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import type { EntryLookup } from "../contract/engine.ts";
import { type DenoDirectory, kindOf, timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";

/** What Deno tells of an entry, as the contract has it. */
export function lookupOf(info: Deno.FileInfo): EntryLookup {
  const kind = kindOf(info);
  const mode = info.mode ?? 0;
  return {
    kind,
    mode: mode & 0o777,
    special: mode & 0o7000,
    owner: info.uid ?? -1,
    links: info.nlink ?? 1,
    size: kind === EntryKind.file ? info.size : 0,
    mtime: timestampOf(info.mtime),
    device: info.dev,
    inode: BigInt(info.ino ?? 0),
    ctimeNs: BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n,
  };
}

/** The entry of a name; `undefined` where there is none, an error where it cannot be told. */
export function lookUp(directory: DenoDirectory, name: EntryName): EntryLookup | RcopyError | undefined {
  try {
    return lookupOf(Deno.lstatSync(directory.pathOf(name)));
  } catch (thrown) {
    const error = denoError(`cannot look at "${showName(name)}"`, thrown);
    return error.code === "not-found" ? undefined : error;
  }
}
