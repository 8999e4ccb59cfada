/** From the PATHs of the command line to what the scan starts with. */
import { sameBytes } from "../../base/bytes.ts";
import { basename, dirname } from "../../base/path.ts";
import { realPathOf } from "../../base/real_path.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { EntryColumns, type EntryStat } from "../../entry/columns.ts";
import { type EntryName, nameOnDisk, noName, parseEntryName, whyUnsafeName } from "../../entry/name.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { Form } from "../../wire/hello.ts";
import { SourceDirectory } from "./directory.ts";

/** A PATH that lands as DEST/NAME. */
export interface NamedSource {
  /** The directory that holds it, as number 0 of the manifest. */
  directory: SourceDirectory;
  /** The one entry, under the name that is sent. */
  entry: EntryColumns;
  /** What it is called in its directory. */
  nameOnDisk: EntryName;
  /** For a directory: opens it under its number. */
  enterAs: ((number: number) => SourceDirectory) | undefined;
}

/** Either one directory whose contents are sent, or PATHs that are sent by name. */
export interface SourceRoots {
  listed: SourceDirectory | undefined;
  named: NamedSource[];
}

/** What a sender brings, as its hello says it. */
export interface SourceOffer {
  form: Form;
  /** Last component of the real path of the one PATH; empty where there is none, or none that is safe. */
  name: Uint8Array;
  /** Of a directory whose contents are sent. */
  mode: number;
  mtime: Timestamp;
}

/** How PATHs are sent. */
export interface SourceOptions {
  /** One directory under its name, as several PATHs are. */
  asFolder?: boolean;
}

/** The PATHs of a sender, opened once where they stay what they are. */
export class SourcePaths implements Disposable {
  readonly paths: readonly string[];
  readonly #options: SourceOptions;
  readonly #engine: Engine;
  /** What the first session takes, and what the PATHs were when it was opened. */
  #ready: { roots: SourceRoots; were: string } | undefined;

  /** Opens them, so that what is wrong with one is said before there is a session. @throws {RcopyError} as {@linkcode openSources} */
  constructor(engine: Engine, paths: readonly string[], options: SourceOptions = {}) {
    this.#engine = engine;
    this.paths = paths;
    this.#options = options;
    const were = identityOf(paths);
    this.#ready = { roots: openSources(engine, paths, options), were };
  }

  /** What the PATHs are at this moment. */
  offer(): SourceOffer {
    const { paths } = this;
    const nothing = { mode: 0, mtime: { seconds: 0, nanos: 0 } };
    const [path] = paths;
    if (paths.length > 1) return { form: "several", name: noName, ...nothing };
    const isListed = isDirectory(this.#engine, path!);
    if (isListed && this.#options.asFolder) return { form: "several", name: noName, ...nothing };
    const name = realName(path!);
    if (!isListed) return { form: "file", name, ...nothing };
    return { form: "contents", name, ...describe(this.#engine, path!) };
  }

  /**
   * The roots of a session, which closes them. They are opened anew for a second session, and where a PATH has become
   * another entry or has changed.
   * @throws {RcopyError} as {@linkcode openSources}
   */
  take(): SourceRoots {
    const ready = this.#ready;
    this.#ready = undefined;
    if (!ready) return openSources(this.#engine, this.paths, this.#options);
    if (identityOf(this.paths) === ready.were) return ready.roots;
    closeSources(ready.roots);
    return openSources(this.#engine, this.paths, this.#options);
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
 * Opens the PATHs of one session: one directory gives its contents, one file or several PATHs give NAMEs, with `asFolder`
 * one directory too.
 * A PATH that is a symbolic link is followed. What was opened is closed where one cannot be.
 * @throws {RcopyError} `source-missing` (absent or unreadable), `usage` (two PATHs of one NAME, a FIFO …)
 */
export function openSources(
  engine: Engine,
  paths: readonly string[],
  { asFolder = false }: SourceOptions = {},
): SourceRoots {
  if (paths.length === 1 && !asFolder && isDirectory(engine, paths[0]!)) {
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

/** Has the one file of a sender sent under another name. @throws {RcopyError} `protocol` where it is not one file */
export function renameSource(roots: SourceRoots, bytes: Uint8Array): void {
  const isOneFile = roots.named.length === 1 && roots.named[0]!.enterAs === undefined;
  if (!isOneFile) throw new RcopyError("protocol", "the peer renames what is not one file");
  const name = parseEntryName(bytes);
  for (const named of roots.named) {
    const { kinds, modes, specials, sizes, devices, inodes, ctimesNs, mtimeSeconds, mtimeNanos } =
      named.entry;
    const renamed = new EntryColumns(1);
    renamed.append(name, {
      kind: kinds[0] as EntryKind,
      mode: modes[0]!,
      special: specials[0]!,
      size: sizes[0]!,
      mtimeSeconds: mtimeSeconds[0]!,
      mtimeNanos: mtimeNanos[0]!,
      device: devices[0]!,
      inode: inodes[0]!,
      ctimeNs: ctimesNs[0]!,
    });
    named.entry = renamed;
  }
}

/** Whether any of the PATHs would land where it is: a directory that is the destination, or an entry of it under its own name. */
export function sourceAt(
  engine: Engine,
  { listed, named }: SourceRoots,
  isDestination: (device: number, inode: bigint) => boolean,
): boolean {
  const isThere = ({ handle }: SourceDirectory) => {
    const { device, inode } = engine.identityOf(handle);
    return isDestination(device, inode);
  };
  if (listed) return isThere(listed);
  return named.some(({ directory, entry, nameOnDisk }) =>
    sameBytes(entry.name(0), nameOnDisk) && isThere(directory)
  );
}

function describe(engine: Engine, path: string): { mode: number; mtime: Timestamp } {
  const directory = engine.openRoot(path);
  try {
    const { mode, mtime } = engine.lookAt(directory);
    return { mode: mode & 0o777, mtime };
  } finally {
    engine.closeDirectory(directory);
  }
}

/** The last component of the real path; none where there is no safe one, or Deno does not let us ask for it. */
function realName(path: string): Uint8Array {
  const name = new TextEncoder().encode(basename(realPathOf(path) ?? path));
  return whyUnsafeName(name) === undefined ? name : noName;
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
    return { name, named: { directory, entry, nameOnDisk: onDisk, enterAs } };
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
  const { mtime, ...rest } = found;
  return { ...rest, mtimeSeconds: mtime.seconds, mtimeNanos: mtime.nanos };
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
