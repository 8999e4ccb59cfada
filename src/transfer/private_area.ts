/** The private directory `.rcopy-<id>` in which everything is built before it gets its final name. */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import { EntryColumns } from "../fs/entry_columns.ts";
import { type EntryName, isReservedName, ownName, reservedPrefix } from "../fs/entry_name.ts";
import { EntryKind } from "../fs/metadata.ts";
import type { Directory, Engine, FileLock } from "../io/engine.ts";

const lockName = ownName("lock");
/** What is being removed is called by this and the rest of its name. */
const setAsidePrefix = `${reservedPrefix}gone-`;
const setAsideBytes = new TextEncoder().encode(setAsidePrefix);
/** A private directory without a lock file is taken for a dead run's once it is this old. */
const unlockedLeftoverMs = 60_000;

/** Made when first needed, removed at the end; its lock tells other runs that it is alive. */
export class PrivateArea {
  readonly #engine: Engine;
  /** The directory that holds the area. */
  readonly within: Directory;
  readonly #name: EntryName;
  #directory: Directory | undefined;
  #lock: FileLock | undefined;
  #names = 0;

  /** `within` is on the file system that the area must be on. */
  constructor(engine: Engine, within: Directory) {
    this.#engine = engine;
    this.within = within;
    const id = Array.from(
      crypto.getRandomValues(new Uint8Array(8)),
      (byte) => byte.toString(16).padStart(2, "0"),
    );
    this.#name = ownName(reservedPrefix + id.join(""));
  }

  /** The directory, made now if this is the first use. @throws {RcopyError} `destination`, `no-space`, `read-only` */
  get directory(): Directory {
    if (this.#directory) return this.#directory;
    try {
      this.#directory = this.#engine.makeDirectory(this.within, this.#name);
      this.#lock = this.#engine.tryLock(this.#directory, lockName);
      return this.#directory;
    } catch (thrown) {
      throw destinationError(thrown, `cannot write to the destination ${this.within.shown}`);
    }
  }

  /** A name that nothing in the area has yet. */
  nextName(): EntryName {
    return ownName(`t${this.#names++}`);
  }

  /** Removes the area with whatever is left in it. */
  remove(): void {
    if (!this.#directory) return;
    const gone = setAside(this.#engine, this.within, this.#name);
    this.#lock?.[Symbol.dispose]();
    this.#engine.closeDirectory(this.#directory);
    this.#directory = undefined;
    this.#engine.removeTree(this.within, gone);
  }
}

/**
 * Gives a private directory the name of one that nobody needs any more. The lock file goes before the directory does: who is
 * killed between the two leaves nothing that could be taken for a run that has just begun.
 * @returns its name now: as before where it cannot be renamed
 */
function setAside(engine: Engine, within: Directory, name: EntryName): EntryName {
  if (isSetAside(name)) return name;
  const text = new TextDecoder().decode(name);
  const gone = ownName(setAsidePrefix + text.slice(reservedPrefix.length));
  try {
    engine.rename(within, name, within, gone, { replace: false });
    return gone;
  } catch {
    return name;
  }
}

function isSetAside(name: EntryName): boolean {
  return setAsideBytes.every((byte, i) => name[i] === byte);
}

/** Removes the private directories of runs that died: nobody holds their lock. */
export function removeLeftovers(engine: Engine, within: Directory): void {
  const columns = new EntryColumns();
  const leftovers: EntryName[] = [];
  using listing = engine.list(within);
  for (let more = true; more;) {
    columns.clear();
    more = listing.next(columns, 256);
    for (let i = 0; i < columns.count; i++) {
      if (columns.kinds[i] !== EntryKind.directory || !isReservedName(columns.name(i))) continue;
      const ageMs = Date.now() - columns.mtimeSeconds[i]! * 1000;
      const name = columns.name(i).slice() as Uint8Array as EntryName;
      if (isDead(engine, within, name, ageMs)) leftovers.push(name);
    }
  }
  for (const name of leftovers) {
    try {
      engine.removeTree(within, setAside(engine, within, name));
    } catch {
      // Another user's, or somebody else is removing it: no reason to copy nothing.
    }
  }
}

function isDead(engine: Engine, within: Directory, name: EntryName, ageMs: number): boolean {
  if (isSetAside(name)) return true;
  let directory: Directory | undefined;
  try {
    directory = engine.openDirectory(within, name);
    // Between making the directory and taking the lock there is a moment without a lock file.
    if (engine.lookup(directory, [lockName])[0] === undefined && ageMs < unlockedLeftoverMs) return false;
    using lock = engine.tryLock(directory, lockName);
    return lock !== undefined;
  } catch {
    return false; // not ours to judge: it vanished, or belongs to another user
  } finally {
    if (directory) engine.closeDirectory(directory);
  }
}

/** An error about the destination as a whole, which ends the run. */
export function destinationError(thrown: unknown, what: string): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal" || error.code === "permission-flag") return error;
  const code = error.code === "no-space" || error.code === "read-only" ? error.code : "destination";
  return new RcopyError(code, `${what}: ${error.message}`, { cause: error });
}
