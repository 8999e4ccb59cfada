/**
 * The private directory `.rcopy-<id>` in which everything is built before it gets its final name.
 *
 * Its lock tells a run that is alive from one that died, at every moment: a run begins by taking the lock of the directory
 * that it has made; another run takes the lock of what it finds, and holds it until the directory has lost its name. A run
 * that is left without the lock, or without the name, makes another directory.
 */
import { RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { copyName, type EntryName, isReservedName, ownName, reservedPrefix } from "../../entry/name.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Directory, Engine, FileLock } from "../../io/contract/engine.ts";
import { destinationError } from "./errors.ts";

const lockName = ownName("lock");
/** Begins the name of a directory that is being removed; the rest of its old name follows. */
const setAsidePrefix = `${reservedPrefix}gone-`;
const setAsideBytes = new TextEncoder().encode(setAsidePrefix);
/** Directories that a run makes before it gives up: more than others can take away by mistake. */
const attemptsMax = 16;

/** Made when first needed, removed at the end; its lock tells other runs that it is alive. */
export class PrivateArea {
  readonly #engine: Engine;
  /** The directory that holds the area. */
  readonly within: Directory;
  #name = freshName();
  #directory: Directory | undefined;
  #lock: FileLock | undefined;
  #names = 0;
  readonly #onMade: (ctimeNs: bigint) => void;

  /**
   * `within` is on the file system that the area must be on. `onMade` is told the ctime of the area, in nanoseconds: nothing
   * that is built in it, or placed from it, has an earlier one.
   */
  constructor(engine: Engine, within: Directory, onMade: (ctimeNs: bigint) => void = () => {}) {
    this.#engine = engine;
    this.within = within;
    this.#onMade = onMade;
  }

  /** The directory, made now if this is the first use. @throws {RcopyError} `destination`, `no-space`, `read-only` */
  get directory(): Directory {
    if (this.#directory) return this.#directory;
    const what = `cannot write to the destination ${this.within.shown}`;
    try {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const made = this.#make();
        if (made) return made;
        this.#name = freshName();
      }
    } catch (thrown) {
      throw destinationError(thrown, what);
    }
    throw new RcopyError(
      "destination",
      `${what}: other runs keep removing what this one makes there; try again when they have ended`,
    );
  }

  /** Makes the directory and takes its lock; `undefined` where another run took it for a dead one's meanwhile. */
  #make(): Directory | undefined {
    const engine = this.#engine;
    const made = engine.makeDirectory(this.within, this.#name);
    let lock: FileLock | undefined;
    try {
      lock = engine.tryLock(made, lockName);
      if (lock && this.#isStillThere(made)) {
        this.#lock = lock;
        this.#directory = made;
        return made;
      }
    } catch (thrown) {
      if (!(thrown instanceof RcopyError) || thrown.code !== "not-found") {
        this.#directory = made; // to be removed
        throw thrown;
      }
    }
    lock?.[Symbol.dispose]();
    engine.closeDirectory(made);
    return undefined;
  }

  #isStillThere(made: Directory): boolean {
    const [found] = this.#engine.lookup(this.within, [this.#name]);
    if (found === undefined || found instanceof RcopyError) return false;
    const { device, inode } = this.#engine.identityOf(made);
    if (found.device !== device || found.inode !== inode) return false;
    this.#onMade(found.ctimeNs);
    return true;
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
 * Gives a private directory a name that marks it as unused. A run that made it and has no lock yet finds its old name gone;
 * a run that is killed while removing it leaves a directory that any later run may remove.
 * @returns its name now: as before where it cannot be renamed
 */
function setAside(engine: Engine, within: Directory, name: EntryName): EntryName {
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

function freshName(): EntryName {
  const id = Array.from(
    crypto.getRandomValues(new Uint8Array(8)),
    (byte) => byte.toString(16).padStart(2, "0"),
  );
  return ownName(reservedPrefix + id.join(""));
}

/** Removes the private directories of runs that died, whose lock is free. */
export function removeLeftovers(engine: Engine, within: Directory): void {
  const columns = new EntryColumns();
  const found: EntryName[] = [];
  using listing = engine.list(within);
  for (let more = true; more;) {
    columns.clear();
    more = listing.next(columns, 256);
    for (let i = 0; i < columns.count; i++) {
      if (columns.kinds[i] !== EntryKind.directory || !isReservedName(columns.name(i))) continue;
      found.push(copyName(columns.name(i)));
    }
  }
  for (const name of found) {
    try {
      removeIfDead(engine, within, name);
    } catch {
      // It vanished, is another user's, or another run is removing it: that is no reason to fail.
    }
  }
}

function removeIfDead(engine: Engine, within: Directory, name: EntryName): void {
  // The run that gave it this name may still be emptying it: no lock file is put there.
  if (isSetAside(name)) return engine.removeTree(within, name);
  let gone: EntryName;
  const directory = engine.openDirectory(within, name);
  try {
    // A run that has just begun has no lock file yet: it finds this lock taken, and makes another directory.
    using lock = engine.tryLock(directory, lockName);
    if (!lock) return;
    gone = setAside(engine, within, name);
  } finally {
    engine.closeDirectory(directory);
  }
  engine.removeTree(within, gone);
}
