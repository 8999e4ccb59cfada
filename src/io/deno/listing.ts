/** Listings of the portable engine. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { EntryColumns } from "../../entry/columns.ts";
import type { Listing } from "../contract/engine.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { type DenoDirectory, joinPath, kindOf, timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";

const encoder = new TextEncoder();
/** The character that Deno puts in place of bytes of a name that are not UTF-8. */
const replacement = "\ufffd";

export class DenoListing implements Listing {
  readonly #directory: DenoDirectory;
  readonly #entries: Iterator<Deno.DirEntry>;
  /** Names with a replacement character that were seen: a second one of the same spelling is another file. */
  readonly #doubtful = new Set<string>();

  /** Makes sure that the directory is still the one that was opened. */
  readonly #check: () => void;

  constructor(directory: DenoDirectory, check: () => void) {
    this.#directory = directory;
    this.#check = check;
    try {
      this.#entries = Deno.readDirSync(directory.path)[Symbol.iterator]();
    } catch (error) {
      throw denoError(`cannot list ${directory.shown}`, error);
    }
  }

  next(columns: EntryColumns, entriesMax: number): boolean {
    let isOver = false;
    for (let i = 0; i < entriesMax && !isOver; i++) {
      const { value, done } = this.#step();
      if (done) isOver = true;
      else this.#add(columns, value.name);
    }
    // What was swapped in while it was listed is not of it.
    if (this.#directory.isExposed) this.#check();
    return !isOver;
  }

  #step(): IteratorResult<Deno.DirEntry> {
    try {
      return this.#entries.next();
    } catch (error) {
      throw denoError(`cannot list ${this.#directory.shown}`, error);
    }
  }

  #add(columns: EntryColumns, name: string): void {
    const path = joinPath(this.#directory.path, name);
    let info: Deno.FileInfo;
    try {
      info = Deno.lstatSync(path);
    } catch (thrown) {
      const error = denoError(`cannot look at "${showText(path)}"`, thrown);
      if (name.includes(replacement)) this.#addUnrepresentable(columns, name);
      else if (error.code !== "not-found") columns.failures.push({ name: encoder.encode(name), error });
      return;
    }
    if (name.includes(replacement)) {
      if (this.#doubtful.has(name)) {
        this.#addUnrepresentable(columns, name);
        return;
      }
      this.#doubtful.add(name);
    }
    const kind = kindOf(info);
    const mtime = timestampOf(info.mtime);
    columns.append(encoder.encode(name), {
      kind,
      mode: (info.mode ?? 0) & 0o777,
      special: (info.mode ?? 0) & 0o7000,
      size: kind === EntryKind.file ? info.size : 0,
      mtimeSeconds: mtime.seconds,
      mtimeNanos: mtime.nanos,
      device: info.dev,
      inode: BigInt(info.ino ?? 0),
      ctimeNs: BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n,
    });
  }

  #addUnrepresentable(columns: EntryColumns, name: string): void {
    const message = `the bytes of "${
      showText(name)
    }" are not UTF-8, and Deno's own file calls cannot spell them; io_uring can`;
    columns.failures.push({
      name: encoder.encode(name),
      error: new RcopyError("name-unrepresentable", message),
    });
  }

  [Symbol.dispose](): void {
    this.#entries.return?.();
  }
}
