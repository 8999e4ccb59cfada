/**
 * How entries get their final names, only whole and verified.
 * - In a directory that was there before: built in the private area, then renamed over the final name.
 * - In a fresh directory: under their own names, since the directory itself is private until it is complete.
 *   The topmost fresh directory is made in the private area and renamed into place.
 * Links come last in their directory, then the rename, then the directory's own mode and time.
 */
import type { EntryName } from "../../entry/name.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { asEntryError, destinationError } from "./errors.ts";
import { distrust, type Distrusted } from "./distrust.ts";
import { PrivateArea, removeLeftovers } from "./private_area.ts";
import type { Settlement } from "./settlement.ts";
import type { HeldLink, HeldTarget, TargetDirectory, TargetTree } from "./tree.ts";

/** Bytes of links that may wait for their directories; links beyond are made at once. */
const deferredLinkBytesMax = 8 * 1024 * 1024;
const linkOverheadBytes = 256;

/** Where a file or link is built, and what it is called in the end. */
export interface BuildPlace {
  directory: Directory;
  name: EntryName;
  /** Where it must be renamed to; `undefined` where it is built in its place. */
  rename: { directory: TargetDirectory; name: EntryName } | undefined;
}

export class Placement {
  readonly #engine: Engine;
  readonly #tree: TargetTree;
  readonly #areas = new Map<number, PrivateArea>();
  /** By device: the ctime of the first area that was made there, in nanoseconds. Everything placed there is younger. */
  readonly #since = new Map<number, bigint>();
  readonly #syncing: Promise<void>[] = [];
  /** Whether the disk is waited for in the end. */
  readonly isDurable: boolean;
  #deferredLinkBytes = 0;

  constructor(engine: Engine, tree: TargetTree, options: { durable: boolean; dryRun: boolean }) {
    this.#engine = engine;
    this.isDurable = options.durable;
    this.#tree = tree;
    if (options.dryRun) return;
    removeLeftovers(engine, tree.root.handle!);
    this.#areas.set(tree.root.device, this.#newArea(tree.root));
  }

  #newArea({ device, handle }: TargetDirectory): PrivateArea {
    return new PrivateArea(this.#engine, handle!, (ctimeNs) => {
      if (!this.#since.has(device)) this.#since.set(device, ctimeNs);
    });
  }

  /** The area on the file system of a directory; one in that directory itself where it is not the destination's. */
  #area(directory: TargetDirectory): PrivateArea {
    let area = this.#areas.get(directory.device);
    if (!area) this.#areas.set(directory.device, area = this.#newArea(directory));
    return area;
  }

  /** Makes sure that the destination can be written to. @throws {RcopyError} `destination`, `no-space`, `read-only` */
  prepare(): void {
    void this.#area(this.#tree.root).directory;
  }

  // ---- directories

  /** Opens what is there already under a directory's name. */
  openExisting(directory: TargetDirectory): void {
    directory.handle = this.#engine.openDirectory(directory.parent!.handle!, directory.name);
    directory.device = this.#engine.identityOf(directory.handle).device;
    directory.origin = "existing";
  }

  /** Makes a directory that is not there. */
  makeFresh(directory: TargetDirectory): void {
    const parent = directory.parent!;
    if (parent.origin === "fresh") {
      directory.handle = this.#engine.makeDirectory(parent.handle!, directory.name);
    } else {
      const area = this.#area(parent);
      directory.stagedAs = area.nextName();
      directory.handle = this.#engine.makeDirectory(area.directory, directory.stagedAs);
    }
    directory.device = parent.device;
    directory.origin = "fresh";
  }

  // ---- files

  /** Where a file or link of `directory` is to be built. */
  buildPlace(directory: TargetDirectory, name: EntryName): BuildPlace {
    if (directory.origin === "fresh") return { directory: directory.handle!, name, rename: undefined };
    const area = this.#area(directory);
    return { directory: area.directory, name: area.nextName(), rename: { directory, name } };
  }

  /** Gives a file that is whole and verified its final name. @throws {RcopyError} and leaves nothing behind */
  publish(built: BuildPlace): void {
    if (!built.rename) return;
    const { directory, name } = built.rename;
    try {
      this.#engine.rename(built.directory, built.name, directory.handle!, name, { replace: true });
    } catch (error) {
      this.discard(built);
      throw error;
    }
  }

  /** Removes a file that will not be published. */
  discard(built: BuildPlace): void {
    try {
      this.#engine.unlink(built.directory, built.name);
    } catch {
      // It was never made, or goes with the private area.
    }
  }

  // ---- links

  /** Keeps a link for the end of its directory; false if too many wait, and it must be made now. */
  deferLink(link: HeldLink): boolean {
    const bytes = bytesOfLink(link);
    if (this.#deferredLinkBytes + bytes > deferredLinkBytesMax) return false;
    this.#deferredLinkBytes += bytes;
    link.held.directory.links.push(link);
    return true;
  }

  /** Makes a link now. @throws {RcopyError} and leaves nothing behind */
  makeLink({ held, text }: HeldLink): void {
    const built = this.buildPlace(held.directory, held.name);
    this.#engine.createLink(built.directory, built.name, text, held.mtime);
    this.publish(built);
  }

  // ---- completion

  /**
   * Completes a directory if nothing in it is pending, and then its parents as far as that goes.
   * @throws {RcopyError} `destination` … when a fresh directory cannot be put into place: the run cannot go on
   */
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
    for (const link of directory.links) this.#placeLink(link, settlement);
    directory.links = [];
    this.#moveIntoPlace(directory);
    const { held } = directory;
    if (held) this.#finishDirectory(directory, held, settlement);
    if (!directory.parent) return;
    const area = this.#areas.get(directory.device);
    if (area && area.within === directory.handle) this.#closeForeignArea(directory.device, area);
    this.#engine.closeDirectory(directory.handle!);
  }

  /** The area of another file system is in the directory that first needed it, and goes with it. */
  #closeForeignArea(device: number, area: PrivateArea): void {
    this.#areas.delete(device);
    area.remove();
    if (this.isDurable) this.#syncing.push(Promise.resolve(this.#engine.syncFileSystem(area.within)));
  }

  #placeLink(link: HeldLink, settlement: Settlement): void {
    const { held, text } = link;
    this.#deferredLinkBytes -= bytesOfLink(link);
    try {
      this.makeLink(link);
      settlement.placeHeld(held, settlement.hashOfLink(text));
    } catch (thrown) {
      settlement.failHeld(held, asEntryError(thrown));
    }
  }

  #moveIntoPlace(directory: TargetDirectory): void {
    const parent = directory.parent;
    if (!directory.stagedAs || !parent) return;
    const area = this.#area(parent).directory;
    try {
      this.#engine.rename(area, directory.stagedAs, parent.handle!, directory.name, { replace: false });
    } catch (thrown) {
      throw destinationError(thrown, `cannot put ${directory.handle!.shown} into place`);
    }
    this.#engine.movedTo(directory.handle!, parent.handle!, directory.name);
    directory.stagedAs = undefined;
  }

  #finishDirectory(directory: TargetDirectory, held: HeldTarget, settlement: Settlement): void {
    try {
      this.#engine.setDirectoryMetadata(directory.handle!, directory.mode, directory.mtime);
      settlement.placeHeld(held);
    } catch (thrown) {
      settlement.failHeld(held, asEntryError(thrown));
    }
  }

  // ---- the end

  /** After an interruption: what is whole and verified gets its final name, as far as that can be done. Throws nothing. */
  publishWhatIsDone(): void {
    for (const directory of this.#tree.deepestFirst()) {
      if (directory.origin !== "fresh" || directory.completed) continue;
      try {
        for (const link of directory.links) this.makeLink(link);
        this.#moveIntoPlace(directory);
        this.#engine.setDirectoryMetadata(directory.handle!, directory.mode, directory.mtime);
      } catch {
        // The next run copies it again.
      }
    }
  }

  /** Everything on stable storage. */
  async sync(): Promise<void> {
    await Promise.all(this.#syncing);
    for (const area of this.#areas.values()) await this.#engine.syncFileSystem(area.within);
  }

  /** Takes the time of every file that was placed, so that the next run copies it again. Throws nothing. */
  distrust(): Distrusted {
    return distrust(this.#engine, this.#tree.root.handle!, this.#since);
  }

  /** Removes the private areas. Throws nothing: a leftover is removed by the next run. */
  close(): void {
    for (const area of this.#areas.values()) {
      try {
        area.remove();
      } catch {
        // It stays, without its lock.
      }
    }
  }
}

/** Memory that a link takes while it is deferred. */
function bytesOfLink({ held, text }: HeldLink): number {
  return text.length + held.name.length + linkOverheadBytes;
}
