/** What the portable engine finds under a name. */
import type { RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { type EntryName, nameIn } from "../../entry/name.ts";
import type { EntryLookup } from "../contract/engine.ts";
import type { FoundEntries, NameRun } from "../contract/found.ts";
import { type DenoDirectory, joinPath, kindOf, timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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

/** What is there under each of many names. */
export function lookUpAll(directory: DenoDirectory, run: NameRun, found: FoundEntries): void {
  const { from, to } = run;
  found.reset(to - from);
  const texts = textsOf(run);
  for (let i = from; i < to; i++) {
    const row = i - from;
    const name = () => nameOf(run, i);
    try {
      const path = texts ? joinPath(directory.path, texts[row]!) : directory.pathOf(name());
      found.put(row, lookupOf(Deno.lstatSync(path)));
    } catch (thrown) {
      const error = denoError(`cannot look at "${showName(name())}"`, thrown);
      if (error.code !== "not-found") found.errors.set(row, error);
    }
  }
}

/** All names of a run, decoded at once; `undefined` where one of them is not UTF-8. */
function textsOf({ names, starts, from, to }: NameRun): string[] | undefined {
  try {
    return decoder.decode(names.subarray(starts[from], starts[to])).split("\0");
  } catch {
    return undefined;
  }
}

function nameOf({ names, starts }: NameRun, index: number): EntryName {
  return nameIn(names, starts[index]!, starts[index + 1]! - 1);
}
