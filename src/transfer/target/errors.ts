/** Which errors concern one entry, and which the whole destination; and what a file system means by those of entries. */
import { sameBytes } from "../../base/bytes.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showName, showText } from "../../base/show.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { copyName, type EntryName } from "../../entry/name.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { TargetDirectory } from "./tree.ts";

/** An error about the destination as a whole, which ends the run. */
export function destinationError(thrown: unknown, what: string): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal" || error.code === "permission-flag") return error;
  const code = error.code === "no-space" || error.code === "read-only" ? error.code : "destination";
  return new RcopyError(code, `${what}: ${error.message}`, { cause: error });
}

/** The error of an entry that was not there when the copy began. `exists` is the policy by which it stays. */
export function appearedError(exists: string): RcopyError {
  return new RcopyError(
    "exists",
    `it appeared during the copy, and is kept as --exists ${exists} says; run the copy again`,
  );
}

/**
 * The error of one entry in a directory. What ends the run is thrown: a fault of our own, and that there is no room on the file
 * system of the destination itself. A mount inside it that is full, or cannot be written to, fails what belongs there.
 */
export function asEntryError(thrown: unknown, directory: TargetDirectory): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal") throw error;
  if (error.code === "no-space" && directory.device === directory.root.device) throw error;
  return error;
}

/** Listings of a directory in search of the other name, in a run. */
const listingsMax = 20;
/** Entries of such a listing in memory at a time. */
const chunkEntries = 256;
const atSource = "rename it at the source";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The entry that a file system did not take. */
export interface RefusedEntry {
  directory: TargetDirectory;
  name: EntryName;
  kind: EntryKind;
}

/** What a file system means by an error about one entry, where its errno alone would mislead. The one table for both engines. */
export class Refusals {
  readonly #engine: Engine;
  #listings = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The same error with the reason in plain words, the errno behind; the error itself where that says it already. */
  explain(entry: RefusedEntry, error: RcopyError): RcopyError {
    const reason = this.#reasonOf(entry, error);
    if (reason === undefined) return error;
    const { errno } = error;
    return new RcopyError(
      error.code,
      reason,
      errno === undefined ? { cause: error } : { cause: error, errno },
    );
  }

  #reasonOf(entry: RefusedEntry, { errno, code }: RcopyError): string | undefined {
    const { name, kind } = entry;
    const shown = `"${showName(name)}"`;
    const isLink = kind === EntryKind.link;
    const oddity = oddityOf(name);
    switch (errno) {
      case "EILSEQ":
        return `the file system does not take the name ${shown}: ${
          oddity ?? "it has no such character"
        } (EILSEQ); ${atSource}`;
      case "EINVAL":
        return oddity && `the file system does not take the name ${shown}: ${oddity} (EINVAL); ${atSource}`;
      case "ENOENT":
        if (oddity === undefined || !this.#isThere(entry.directory)) return undefined;
        return `the file system, it seems, does not take the name ${shown}: ${oddity} (ENOENT); ${atSource}`;
      case "ENAMETOOLONG":
        return `the file system does not take a name as long as ${shown}, of ${name.length} bytes (ENAMETOOLONG); ${atSource}`;
      case "ENOSYS":
      case "EOPNOTSUPP":
        return isLink ? `the file system has no symbolic links (${errno})` : undefined;
      case "EPERM":
        return isLink
          ? `the file system has no symbolic links, or none may be made in this directory (EPERM)`
          : undefined;
    }
    return code === "exists" ? this.#otherThan(entry, shown, errno) : undefined;
  }

  #isThere({ handle }: TargetDirectory): boolean {
    try {
      return handle !== undefined && this.#engine.lookAt(handle).links !== 0;
    } catch {
      return false;
    }
  }

  /** Where what has a name there is the entry of another name. */
  #otherThan({ directory, name }: RefusedEntry, shown: string, errno?: string): string | undefined {
    const { handle } = directory;
    if (!handle || this.#listings++ >= listingsMax) return undefined;
    try {
      const other = otherNameOf(this.#engine, handle, name);
      if (!other) return undefined;
      const behind = errno === undefined ? "" : ` (${errno})`;
      return `the file system takes ${shown} and "${
        showName(other)
      }" for one name${behind}: only one of them can be there; rename one at the source`;
    } catch {
      return undefined;
    }
  }
}

/** What is there for a name, under another spelling; `undefined` where the name itself is there, or nothing like it. */
function otherNameOf(engine: Engine, directory: Directory, name: EntryName): EntryName | undefined {
  const folded = foldedText(name);
  let other: EntryName | undefined;
  using listing = engine.list(directory);
  const columns = new EntryColumns(chunkEntries);
  for (let more = true; more;) {
    columns.clear();
    more = listing.next(columns, chunkEntries);
    for (let i = 0; i < columns.count; i++) {
      const there = columns.name(i);
      if (sameBytes(there, name)) return undefined;
      if (!other && foldedText(there) === folded) other = copyName(there);
    }
  }
  return other;
}

/** A name as the most tolerant of file systems compares it; one that is not UTF-8 is like no other. */
function foldedText(name: EntryName): string | undefined {
  const text = textOf(name)?.replace(/[. ]+$/, "");
  // Either way alone leaves letters apart that are one: ß and ẞ, ı and I.
  return text?.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/** What about a name some file systems do not take: those of Windows, above all. */
function oddityOf(name: EntryName): string | undefined {
  const text = textOf(name);
  if (text === undefined) return "it is not UTF-8";
  // deno-lint-ignore no-control-regex
  const [character] = /[\u0000-\u001f"*:<>?\\|\u007f]/.exec(text) ?? [];
  if (character !== undefined) return `it holds "${showText(character)}"`;
  if (/[. ]$/.test(text)) return `it ends with a ${text.endsWith(".") ? "dot" : "space"}`;
  return /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(text) ? "Windows has a device of it" : undefined;
}

function textOf(name: EntryName): string | undefined {
  try {
    return decoder.decode(name);
  } catch {
    return undefined;
  }
}
