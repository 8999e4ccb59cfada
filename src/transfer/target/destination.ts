/** The destination directory: opening it, and whether anything is in it. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { foreignLinkOn } from "../../base/foreign_link.ts";
import { dirname } from "../../base/path.ts";
import { showText } from "../../base/show.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { type Directory, type Engine, type FileMetadata, Lacks } from "../../io/contract/engine.ts";
import { destinationError } from "./errors.ts";
import { recoverDirectories } from "./recovery.ts";
import type { Found } from "./landing.ts";

/** What is at a path, links followed. */
export function lookAt(path: string): Found {
  try {
    return Deno.statSync(path).isDirectory ? "directory" : "other";
  } catch {
    return "nothing"; // also where it cannot be seen: opening it says so
  }
}

/** What DEST is to be in the end: one that this run has made gets mode and time of the source, another one its time back. */
export class DestinationMetadata {
  readonly #metadata: FileMetadata;
  readonly #isMade: boolean;

  constructor(metadata: FileMetadata, isMade: boolean) {
    this.#metadata = metadata;
    this.#isMade = isMade;
  }

  /**
   * What DEST will lack of its mode, as a sum of `Lacks`: where it has another one, the traits of its file system tell whether
   * the wanted one would stay. Changes nothing.
   */
  lacks(engine: Engine, directory: Directory): number {
    if (!this.#isMade) return Lacks.nothing;
    try {
      const isOther = engine.lookAt(directory).mode !== this.#metadata.mode;
      return isOther && !engine.traitsOf(directory).keepsModes ? Lacks.mode : Lacks.nothing;
    } catch {
      return Lacks.nothing; // it went away: what is in it was told by itself
    }
  }

  /** What DEST is to be, if this run has made it. */
  get made(): FileMetadata | undefined {
    return this.#isMade ? this.#metadata : undefined;
  }

  /** Where it is refused, DEST stays as it is. */
  apply(engine: Engine, directory: Directory): void {
    try {
      // What the journal of the run says of it goes with the journal.
      if (this.#isMade) recoverDirectories(engine, directory);
      const now = engine.lookAt(directory);
      const { seconds, nanos } = this.#metadata.mtime;
      if (!this.#isMade && now.mtime.seconds === seconds && now.mtime.nanos === nanos) return;
      // What is there already keeps its mode, also one that it has got meanwhile.
      const mode = this.#isMade ? this.#metadata.mode : now.mode;
      engine.setDirectoryMetadata(directory, { mode, mtime: this.#metadata.mtime }, {
        mayLoosen: this.#isMade,
      });
    } catch {
      // A file system without modes, or one that went away: what is in it was told by itself.
    }
  }
}

export interface OpenOptions {
  /** Whether it is made if it is missing. */
  create: boolean;
  /** The directory whose mode a new one gets, never more than that; otherwise the umask says. */
  source?: FileMetadata | undefined;
}

/** DEST, and what is to be done with it in the end. */
export interface OpenedDestination {
  directory: Directory;
  metadata: DestinationMetadata | undefined;
}

/** Opens DEST; if it is missing, it is made, or not, as `create` says. @throws {RcopyError} `destination`, `no-space`, `read-only`, `permission-flag` */
export function openDestination(
  engine: Engine,
  dest: string,
  options: OpenOptions,
): OpenedDestination | undefined {
  const what = `cannot use the destination "${showText(dest)}"`;
  refuseForeignLink(dest, what);
  try {
    const directory = engine.openRoot(dest);
    return { directory, metadata: new DestinationMetadata(engine.lookAt(directory), false) };
  } catch (thrown) {
    if (asRcopyError(thrown).code !== "not-found") throw destinationError(thrown, what);
  }
  const { create, source } = options;
  // No directory can be made under the name of a dot.
  const named = dest.replace(/(\/\.?)+$/, "") || dest;
  if (!create) return undefined;
  try {
    // The owner needs it all until everything is in; others get no more than they have at the source.
    makeWithParents(named, source ? { mode: source.mode | 0o700 } : {});
  } catch (cause) {
    // Another run was faster, and then it is not ours to give a mode to.
    if (cause instanceof Deno.errors.AlreadyExists) return openDestination(engine, dest, { create: false });
    if (cause instanceof Deno.errors.NotCapable) {
      throw new RcopyError("permission-flag", `${what}: Deno was not given --allow-write for it`, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RcopyError("destination", `${what}: it cannot be made: ${reason}`, { cause });
  }
  try {
    return { directory: engine.openRoot(dest), metadata: source && new DestinationMetadata(source, true) };
  } catch (thrown) {
    throw destinationError(thrown, what);
  }
}

/** Looks at no parent that is there: a run may be allowed to use DEST alone. @throws what Deno throws */
function makeWithParents(path: string, options: Deno.MkdirOptions): void {
  try {
    Deno.mkdirSync(path, options);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    if (!makeParents(path)) return Deno.mkdirSync(path, { ...options, recursive: true });
    Deno.mkdirSync(path, options);
  }
}

/** False where the run may write to DEST alone: then its parents come with it, and get its mode. */
function makeParents(path: string): boolean {
  const parent = dirname(path);
  if (Deno.permissions.querySync({ name: "write", path: parent }).state !== "granted") return false;
  Deno.mkdirSync(parent, { recursive: true });
  return true;
}

/** Symbolic links on the way to DEST are followed only if they are root's or ours: any other user could have put them there. */
function refuseForeignLink(dest: string, what: string): void {
  if (Deno.build.os === "windows") return;
  if (Deno.permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return;
  const link = foreignLinkOn(dest);
  if (link === undefined) return;
  throw new RcopyError(
    "destination",
    `${what}: "${showText(link)}" is a symbolic link that belongs to another user; name its target`,
  );
}

/** Whether nothing is in a directory. */
export function isEmptyDirectory(engine: Engine, directory: Directory): boolean {
  const columns = new EntryColumns();
  using listing = engine.list(directory);
  for (let more = true; more;) {
    columns.clear();
    more = listing.next(columns, 1);
    if (columns.failures.length > 0) return false;
    if (columns.count > 0) return false;
  }
  return true;
}
