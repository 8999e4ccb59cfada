/** From the PATHs of the command line to what the scan starts with. */
import { basename, dirname } from "../../base/path.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { EntryColumns, type EntryStat } from "../../entry/columns.ts";
import { nameOnDisk, parseEntryName } from "../../entry/name.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { SourceDirectory } from "./directory.ts";

/** A PATH that lands as DEST/NAME. */
export interface NamedSource {
  /** The directory that holds it, as number 0 of the manifest. */
  directory: SourceDirectory;
  /** The one entry, under the name that is sent. */
  entry: EntryColumns;
  /** For a directory: opens it under its number. */
  enterAs: ((number: number) => SourceDirectory) | undefined;
}

/** Either one directory whose contents are sent, or PATHs that are sent by name. */
export interface SourceRoots {
  listed: SourceDirectory | undefined;
  named: NamedSource[];
}

/** The PATHs of a sender, opened once where they stay what they are. */
export class SourcePaths implements Disposable {
  readonly paths: readonly string[];
  readonly #engine: Engine;
  /** What the first session takes, and what the PATHs were when it was opened. */
  #ready: { roots: SourceRoots; were: string } | undefined;

  /** Opens them, so that what is wrong with one is said before there is a session. @throws {RcopyError} as {@linkcode openSources} */
  constructor(engine: Engine, paths: readonly string[]) {
    this.#engine = engine;
    this.paths = paths;
    const were = identityOf(paths);
    this.#ready = { roots: openSources(engine, paths), were };
  }

  /**
   * The roots of a session, which closes them. They are opened anew for a second session, and where a PATH has become
   * another entry or has changed.
   * @throws {RcopyError} as {@linkcode openSources}
   */
  take(): SourceRoots {
    const ready = this.#ready;
    this.#ready = undefined;
    if (!ready) return openSources(this.#engine, this.paths);
    if (identityOf(this.paths) === ready.were) return ready.roots;
    closeSources(ready.roots);
    return openSources(this.#engine, this.paths);
  }

  /** Closes what no session has taken. */
  [Symbol.dispose](): void {
    if (this.#ready) closeSources(this.#ready.roots);
    this.#ready = undefined;
  }
}

/** Tells apart what PATHs lead to now from what they led to before. */
function identityOf(paths: readonly string[]): string {
  return paths.map((path) => {
    try {
      const { dev, ino, size, mtime, ctime } = Deno.statSync(path);
      return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(":");
    } catch {
      return ""; // opening it says what is wrong
    }
  }).join();
}

/**
 * Opens the PATHs of one session: one directory gives its contents, one file or several PATHs give NAMEs.
 * A PATH that is a symbolic link is followed. What was opened is closed where one cannot be.
 * @throws {RcopyError} `source-missing` (absent or unreadable), `usage` (two PATHs of one NAME, a FIFO …)
 */
export function openSources(engine: Engine, paths: readonly string[]): SourceRoots {
  if (paths.length === 1 && isDirectory(engine, paths[0]!)) {
    const handle = engine.openRoot(paths[0]!);
    return { listed: new SourceDirectory(engine, handle, { number: 0 }), named: [] };
  }
  const roots: SourceRoots = { listed: undefined, named: [] };
  try {
    const seen = new Map<string, string>();
    for (const path of paths) {
      const { name, named } = openNamed(engine, path);
      roots.named.push(named);
      const other = seen.get(name);
      if (other !== undefined) {
        throw new RcopyError(
          "usage",
          `"${showText(other)}" and "${showText(path)}" would both land as "${showText(name)}"; ` +
            "send them in two runs",
        );
      }
      seen.set(name, path);
    }
  } catch (error) {
    closeSources(roots);
    throw error;
  }
  return roots;
}

function isDirectory(engine: Engine, path: string): boolean {
  try {
    engine.closeDirectory(engine.openRoot(path));
    return true;
  } catch (thrown) {
    const error = asRcopyError(thrown);
    if (error.code === "type-conflict") return false;
    if (error.code === "internal" || error.code === "permission-flag") throw error;
    throw new RcopyError("source-missing", `cannot send "${showText(path)}": ${error.message}`, {
      cause: error,
    });
  }
}

function openNamed(engine: Engine, path: string): { name: string; named: NamedSource } {
  const directoryItself = isDirectory(engine, path);
  const resolved = resolvePath(path);
  const typed = basename(path);
  const name = typed === "" || typed === "." || typed === ".." ? basename(resolved) : typed;
  if (name === "") {
    throw new RcopyError(
      "usage",
      `cannot send "${showText(path)}" beside other PATHs: it has no name; send it alone`,
    );
  }
  const sent = parseEntryName(new TextEncoder().encode(name));
  const onDisk = nameOnDisk(resolved);
  const parent = engine.openRoot(dirname(resolved));
  const directory = new SourceDirectory(engine, parent, { number: 0, nameOnDisk: onDisk });
  try {
    const entry = new EntryColumns(1);
    entry.append(sent, statOf(engine, directory, path));
    const enterAs = directoryItself
      ? (number: number) => {
        const handle = engine.openDirectory(parent, onDisk);
        const entered = new SourceDirectory(engine, handle, { number, parent: directory, name: sent });
        directory.release();
        return entered;
      }
      : undefined;
    return { name, named: { directory, entry, enterAs } };
  } catch (error) {
    directory.release();
    throw error;
  }
}

/** Metadata of the one entry of `directory`, to which `path` leads. */
function statOf(engine: Engine, { handle, nameOnDisk }: SourceDirectory, path: string): EntryStat {
  const found = engine.lookup(handle, [nameOnDisk!])[0];
  if (found === undefined || found instanceof RcopyError) {
    const reason = found ? found.message : "it is gone";
    throw new RcopyError("source-missing", `cannot send "${showText(path)}": ${reason}`, { cause: found });
  }
  if (found.kind !== EntryKind.file && found.kind !== EntryKind.directory) {
    throw new RcopyError("usage", `cannot send "${showText(path)}": it is neither a file nor a directory`);
  }
  const { kind, mode, size, mtime, device, inode, ctimeNs } = found;
  return { kind, mode, size, mtimeSeconds: mtime.seconds, mtimeNanos: mtime.nanos, device, inode, ctimeNs };
}

function resolvePath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof Deno.errors.NotCapable ? "permission-flag" : "source-missing";
    throw new RcopyError(code, `cannot send "${showText(path)}": ${reason}`, { cause });
  }
}

/** Closes roots that no scan was given. */
export function closeSources(roots: SourceRoots): void {
  roots.listed?.release();
  for (const { directory } of roots.named) directory.release();
}
