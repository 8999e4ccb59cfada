/**
 * Where entries are made: in the directories that they belong to.
 * - A directory is made with its own mode, and every permission for its owner until everything in it is settled; then it
 *   gets its own mode and time, children first.
 * - A small file in a directory that this run has made gets its name at once, with the mode of an unfinished file.
 * - Any other file is built under a temporary name beside its final one, and replaces only what the plan has seen.
 * - Links come last in their directory.
 */
import { sameBytes } from "../../base/bytes.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import { journalName, randomTemporaryName, temporaryName } from "../../entry/temporary_name.ts";
import {
  type Directory,
  type Engine,
  type EntryLookup,
  type FileMetadata,
  Lacks,
  type WholeFile,
} from "../../io/contract/engine.ts";
import { unfinishedMode } from "../../io/contract/unfinished.ts";
import { Access, isOpenToOthers } from "./access.ts";
import { asEntryError, destinationError } from "./errors.ts";
import { distrust, type Distrusted } from "./distrust.ts";
import { isAsCut } from "./file_systems.ts";
import { hasExactly } from "./folded_names.ts";
import { lookUp, removeLeftPart, removeSecondName } from "./part.ts";
import { noteDestination, recoverDirectories } from "./recovery.ts";
import { RunJournal } from "./run_journal.ts";
import type { Settlement } from "./settlement.ts";
import type { HeldLink, HeldTarget, TargetDirectory, TargetTree } from "./tree.ts";
import { createLinkOnce } from "./standing.ts";
import { WriteTimes } from "./write_times.ts";

/** Bytes of links that may wait for their directories; links beyond are made at once. */
const deferredLinkBytesMax = 8 * 1024 * 1024;
const linkOverheadBytes = 256;
const everythingForOwner = 0o700;

/** What stands beside the place of a large file. */
export interface LeftOfFile {
  bytes: number;
  hasJournal: boolean;
}

export class Placement {
  readonly #engine: Engine;
  readonly #tree: TargetTree;
  readonly #journal: RunJournal;
  readonly #access: Access;
  readonly #times: WriteTimes;
  readonly #umask: number;
  /** A directory on each file system that something was written to. */
  readonly #synced = new Map<number, TargetDirectory>();
  readonly #syncing: Promise<void>[] = [];
  /** Whether the disk is waited for in the end. */
  readonly isDurable: boolean;
  #deferredLinkBytes = 0;

  /** `made`: what the destination is to be in the end, where this run has made it. */
  constructor(
    engine: Engine,
    tree: TargetTree,
    options: { durable: boolean; dryRun: boolean },
    made?: FileMetadata,
  ) {
    this.#engine = engine;
    this.isDurable = options.durable;
    this.#tree = tree;
    const { root } = tree;
    const isWriting = !options.dryRun && root.handle !== undefined;
    if (isWriting) recoverDirectories(engine, root.handle!);
    this.#journal = new RunJournal(engine, isWriting ? root.handle : undefined);
    this.#umask = umask();
    if (made && isWriting) noteDestination(engine, this.#journal, { root, made, umask: this.#umask });
    if (root.handle) root.found = engine.lookAt(root.handle);
    this.#access = new Access(engine, this.#journal, options);
    this.#times = new WriteTimes(engine);
    if (isWriting) this.#access.opened(root);
    if (isWriting && this.isDurable) this.#synced.set(root.device, root);
  }

  /** Makes sure that a destination in which there is nothing can be written to. @throws {RcopyError} `destination`, `read-only` */
  prepare(): void {
    const error = this.whyUseless();
    if (error) throw error;
  }

  /** Why nothing can be made in the destination itself. */
  whyUseless(): RcopyError | undefined {
    const { root } = this.#tree;
    if (!root.handle) return undefined;
    const why = this.#access.whyNotWritable(root);
    return why && destinationError(why, `cannot write to the destination ${root.handle.shown}`);
  }

  // ---- directories

  /** Why nothing can be made in a directory. */
  whyNotWritable(directory: TargetDirectory): RcopyError | undefined {
    return this.#access.whyNotWritable(directory);
  }

  /** Opens what is there already under a directory's name. */
  openExisting(directory: TargetDirectory, found: EntryLookup): void {
    directory.handle = this.#engine.openDirectory(directory.parent!.handle!, directory.name);
    directory.device = this.#engine.identityOf(directory.handle).device;
    directory.origin = "existing";
    directory.found = found;
    this.#access.opened(directory);
  }

  /** Makes a directory that is not there. @throws {RcopyError} `exists` where another name of the tree has taken its place */
  makeFresh(directory: TargetDirectory): void {
    const parent = directory.parent!;
    this.willWrite(parent);
    try {
      directory.handle = this.#engine.makeDirectory(parent.handle!, directory.name, directory.mode);
    } catch (thrown) {
      if (asRcopyError(thrown).code !== "exists") throw thrown;
      return this.#openAppeared(directory);
    }
    directory.device = parent.device;
    directory.origin = "fresh";
    if (this.#mustBeNoted(directory, parent)) this.#journal.made(directory);
  }

  /** A directory appeared since the plan looked: another run makes the same tree, or the name is another one's here. */
  #openAppeared(directory: TargetDirectory): void {
    const { parent, name } = directory;
    const [found] = this.#engine.lookup(parent!.handle!, [name]);
    const isDirectory = found && !(found instanceof RcopyError) && found.kind === EntryKind.directory;
    if (isDirectory && hasExactly(this.#engine, parent!.handle!, { name, found })) {
      return this.openExisting(directory, found);
    }
    throw takenError("the directory");
  }

  /** After a kill it would have a mode that the next run could not put right by itself. */
  #mustBeNoted({ mode }: TargetDirectory, parent: TargetDirectory): boolean {
    return (mode & everythingForOwner) !== everythingForOwner ||
      ((mode & this.#umask) !== 0 && isOpenToOthers(parent, this.#engine.user));
  }

  /** Entries of the tree are to have these names in a directory: the journal of this run makes way. */
  makeWay(directory: TargetDirectory, names: readonly EntryName[]): void {
    if (directory === this.#tree.root) { for (const name of names) this.#journal.makeWay(name); }
  }

  /** Something is about to be made in a directory. */
  willWrite(directory: TargetDirectory): void {
    this.#times.willWrite(directory.device);
    if (this.isDurable && !this.#synced.has(directory.device)) this.#synced.set(directory.device, directory);
  }

  /** A file has got its final name. */
  hasPlaced(directory: TargetDirectory, name: EntryName): void {
    this.#times.hasWritten(directory, name);
  }

  /** Whether what has got an entry's name meanwhile is as that entry should be: another run copies the same tree. */
  isThereAlready(
    directory: TargetDirectory,
    name: EntryName,
    { size, mtime }: { size: number; mtime: Timestamp },
  ): boolean {
    const [found] = this.#engine.lookup(directory.handle!, [name]);
    if (!found || found instanceof RcopyError || found.kind !== EntryKind.file || found.size !== size) {
      return false;
    }
    if (!isAsCut(mtime, found.mtime)) return false;
    return (found.special | found.mode) !== unfinishedMode &&
      hasExactly(this.#engine, directory.handle!, { name, found });
  }

  /** What an earlier run may have left of a large file: its bytes need no room again. */
  leftOf(directory: TargetDirectory, name: EntryName): LeftOfFile {
    const part = temporaryName(name);
    const [found, journal] = this.#engine.lookup(directory.handle!, [part, journalName(part)]);
    const isFile = (of: typeof found): of is EntryLookup =>
      of !== undefined && !(of instanceof RcopyError) && of.kind === EntryKind.file;
    const isOurs = isFile(found) && found.owner === this.#engine.user;
    return { bytes: isOurs ? found.size : 0, hasJournal: isFile(journal) };
  }

  /** A large file is there whole: what an earlier run left of it is of no use any more. */
  removeLeft(codec: Codec, directory: TargetDirectory, name: EntryName): void {
    const part = temporaryName(name);
    if (!lookUp(this.#engine, directory.handle!, journalName(part))) return;
    removeLeftPart({ engine: this.#engine, codec, directory: directory.handle!, part }, name);
  }

  /** A file is there whole, and has other names: one may be the temporary one of a run that was killed. */
  removeSecondName(directory: TargetDirectory, whole: WholeFile): void {
    removeSecondName(this.#engine, directory.handle!, whole);
  }

  // ---- links

  /** Keeps a link for the end of its directory; false if too many wait, and it must be made now. */
  deferLink(link: HeldLink): boolean {
    const bytes = bytesOfLink(link);
    if (this.#deferredLinkBytes + bytes > deferredLinkBytesMax) return false;
    this.#deferredLinkBytes += bytes;
    (link.held.directory.links ??= []).push(link);
    return true;
  }

  /** Makes a link now. @returns what was refused of it. @throws {RcopyError} and leaves nothing behind */
  makeLink({ held, text }: HeldLink): number {
    const { directory, name, mtime, replaces } = held;
    this.willWrite(directory);
    const handle = directory.handle!;
    if (!replaces) return createLinkOnce(this.#engine, handle, { name, text, mtime });
    const { temporary, lacks } = this.#makeTemporaryLink(handle, { held, text });
    try {
      this.#engine.place(handle, temporary, name, replaces);
      return lacks;
    } catch (thrown) {
      this.#engine.unlink(handle, temporary);
      throw thrown;
    }
  }

  #makeTemporaryLink(handle: Directory, { held, text }: HeldLink): { temporary: EntryName; lacks: number } {
    const temporary = temporaryName(held.name);
    const create = (name: EntryName) => ({
      temporary: name,
      lacks: this.#engine.createLink(handle, name, text, held.mtime),
    });
    try {
      return create(temporary);
    } catch (thrown) {
      if (asRcopyError(thrown).code !== "exists") throw thrown;
    }
    if (!this.#isOwnLink(handle, temporary, text)) return create(randomTemporaryName());
    this.#engine.unlink(handle, temporary);
    return create(temporary);
  }

  /** Whether a run that was killed left this very link. */
  #isOwnLink(handle: Directory, temporary: EntryName, text: Uint8Array): boolean {
    const found = lookUp(this.#engine, handle, temporary);
    return found?.kind === EntryKind.link && found.owner === this.#engine.user &&
      sameBytes(this.#engine.readLink(handle, temporary), text);
  }

  // ---- completion

  /** Completes a directory if nothing in it is pending, and then its parents as far as that goes. */
  completeFrom(start: TargetDirectory, settlement: Settlement): void {
    let directory: TargetDirectory | undefined = start;
    while (directory && directory.closed && directory.pending === 0 && !directory.completed) {
      directory.completed = true;
      if (directory.handle) this.#complete(directory, settlement);
      this.#tree.remove(directory);
      // Without an entry to settle, the parent does not wait for it any more.
      if (directory.held) directory.parent!.pending--;
      directory = directory.parent;
    }
  }

  #complete(directory: TargetDirectory, settlement: Settlement): void {
    for (const link of directory.links ?? []) this.#placeLink(link, settlement);
    directory.links = undefined;
    this.#access.giveBack(directory);
    const { held } = directory;
    if (held) this.#finishDirectory(directory, held, settlement);
    if (!directory.parent) return;
    this.#syncIfForeign(directory);
    this.#engine.closeDirectory(directory.handle!);
  }

  /** A file system that is mounted inside the destination is waited for while one of its directories is open. */
  #syncIfForeign(directory: TargetDirectory): void {
    if (this.#synced.get(directory.device) !== directory) return;
    this.#synced.delete(directory.device);
    const parent = directory.parent!;
    if (parent.device === directory.device) this.#synced.set(parent.device, parent);
    else this.#syncing.push(Promise.resolve(this.#engine.syncFileSystem(directory.handle!)));
  }

  #placeLink(link: HeldLink, settlement: Settlement): void {
    const { held, text } = link;
    this.#deferredLinkBytes -= bytesOfLink(link);
    try {
      const lacks = this.makeLink(link);
      settlement.placeHeld(held, { content: settlement.hashOfLink(text), lacks });
    } catch (thrown) {
      settlement.failHeld(held, asEntryError(thrown, held.directory));
    }
  }

  #finishDirectory(directory: TargetDirectory, held: HeldTarget, settlement: Settlement): void {
    try {
      settlement.placeHeld(held, { lacks: this.#setMetadata(directory) });
    } catch (thrown) {
      settlement.failHeld(held, asEntryError(thrown, directory.parent ?? directory));
    }
  }

  /** @returns what was refused */
  #setMetadata(directory: TargetDirectory): number {
    const { parent, origin, handle } = directory;
    const mayLoosen = origin === "fresh" || !parent || !isOpenToOthers(parent, this.#engine.user);
    try {
      const lacks = this.#engine.setDirectoryMetadata(handle!, directory, { mayLoosen });
      this.#journal.finished(directory);
      return lacks;
    } catch (thrown) {
      const lacks = lacksUntouched(directory, asRcopyError(thrown));
      if (lacks === undefined) throw thrown;
      return lacks;
    }
  }

  // ---- the end

  /** After an interruption: directories get their modes and times, and links are made, as far as that can be done. Throws nothing. */
  settleWhatIsThere(settlement: Settlement): void {
    for (const directory of this.#tree.deepestFirst()) {
      if (directory.completed || !directory.handle) continue;
      try {
        for (const link of directory.links ?? []) {
          const lacks = this.makeLink(link);
          // The peer hears of it if it comes back.
          settlement.placeHeld(link.held, { content: settlement.hashOfLink(link.text), lacks });
        }
      } catch {
        // The next run makes it.
      }
      try {
        this.#access.giveBack(directory);
        if (directory.origin === "fresh") this.#setMetadata(directory);
      } catch {
        // The next run sets it.
      }
    }
  }

  /** Everything on stable storage. */
  async sync(): Promise<void> {
    await Promise.all(this.#syncing);
    for (const { handle } of this.#synced.values()) await this.#engine.syncFileSystem(handle!);
  }

  /** Takes the time of every file that was placed, so that the next run copies it again. Throws nothing. */
  distrust(): Distrusted {
    return distrust(this.#engine, this.#tree.root.handle!, this.#times.since);
  }

  /** Gives back what was lent of the destination itself, and removes the journal. Throws nothing. */
  close(): void {
    this.#access.giveBack(this.#tree.root);
    this.#journal.close();
  }
}

/** The error of an entry whose name something else has got. */
export function takenError(what: string): RcopyError {
  return new RcopyError(
    "exists",
    `cannot make ${what}: something appeared under its name during the copy, or the file system takes the name for another ` +
      "one that is there",
    { errno: "EEXIST" },
  );
}

/** What a directory lacks that was there, on a file system that is read-only, if nothing was to be made in it; else `undefined`. */
function lacksUntouched(
  { origin, found, mode, mtime, refusal }: TargetDirectory,
  { code }: RcopyError,
): number | undefined {
  if (code !== "read-only" || origin !== "existing" || !found || refusal !== undefined) return undefined;
  const hasTime = found.mtime.seconds === mtime.seconds && found.mtime.nanos === mtime.nanos;
  return (found.mode === mode ? 0 : Lacks.mode) | (hasTime ? 0 : Lacks.time);
}

/** What the process takes from every mode; 0 where it cannot be known without a question to a person. */
function umask(): number {
  if (Deno.build.os === "windows") return 0;
  // The name of the permission is newer than the types of some versions.
  const needed = { name: "sys", kind: "umask" } as unknown as Deno.SysPermissionDescriptor;
  try {
    return Deno.permissions.querySync(needed).state === "granted" ? Deno.umask() : 0;
  } catch {
    return 0;
  }
}

/** Memory that a link takes while it is deferred. */
function bytesOfLink({ held, text }: HeldLink): number {
  return text.length + held.name.length + linkOverheadBytes;
}
