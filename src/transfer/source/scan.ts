/**
 * The scan: walks the source depth first and pours what it finds into manifest batches.
 *  1. list   a chunk of a directory into the staging columns
 *  2. pick   files, directories, links; everything else is reported as skipped
 *  3. pour   into the batch, as much as it has room for; directories get their numbers here
 *  4. enter  the next subdirectory, or say that the directory is complete
 * Its memory is the chunk, the stack of open directories, and the names of subdirectories not yet entered,
 * of which each level keeps a bounded number.
 */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { copyName, type EntryName } from "../../entry/name.ts";
import { EntryKind, kindNames } from "../../entry/metadata.ts";
import { hasOwnName, isOwnFile, ownHeaderBytes, ownNameStart } from "../../entry/own_files.ts";
import { journalName, temporaryKind } from "../../entry/temporary_name.ts";
import type { Directory, Engine, Listing } from "../../io/contract/engine.ts";
import { unfinishedMode } from "../../io/contract/unfinished.ts";
import { fileBytesMax } from "../../wire/limits.ts";
import type { SendBatch } from "./batch.ts";
import type { SourceRoots } from "./roots.ts";
import { SourceDirectory } from "./directory.ts";

/** Entries listed at a time, and subdirectories of one directory that may wait to be entered. */
const chunkEntries = 256;
const waitingDirectoriesMax = 4096;
/** Once so many wait in all, a directory is listed further only when none of its own waits: a receiver takes a bounded number. */
const waitingInAllMax = 8_192;
/** A scan gives way to the lanes after this long, even when its batch is not full. */
const turnMs = 20;

interface OpenDirectory {
  directory: SourceDirectory;
  listing: Listing | undefined;
  listedToEnd: boolean;
  waiting: { number: number; name: EntryName }[];
  nextWaiting: number;
}

/** Callbacks of a scan. */
export interface ScanOptions {
  /** An entry that is not in the manifest, and why. */
  onSkipped: (directory: SourceDirectory, name: Uint8Array, error: RcopyError) => void;
  /** Whether a directory is the receiver's own destination. */
  isDestination: (device: number, inode: bigint) => boolean;
}

export class Scan implements Disposable {
  readonly #engine: Engine;
  readonly #options: ScanOptions;
  readonly #staged = new EntryColumns(chunkEntries);
  #stagedAt = 0;
  readonly #stack: OpenDirectory[] = [];
  readonly #named: SourceRoots["named"];
  /** Whether the directory of the named PATHs, number 0, is still to be completed. */
  #namedOpen = false;
  #nextNumber = 1;
  /** Directories that are complete and of which no batch has said so yet. */
  readonly #toClose: number[] = [];
  /** Directories that wait to be entered, on all levels. */
  #waitingInAll = 0;
  /** Entries that are not in the manifest, until the receiver knows their directory. */
  #toReport: { directory: SourceDirectory; name: Uint8Array; error: RcopyError }[] = [];

  constructor(engine: Engine, roots: SourceRoots, options: ScanOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#named = [...roots.named];
    if (roots.listed) this.#enter(roots.listed);
    else this.#namedOpen = true;
  }

  /** Pours entries into `batch` until it is full or some time has passed; false once there is nothing more. */
  fill(batch: SendBatch): boolean {
    const began = performance.now();
    const announced = this.#nextNumber;
    for (;;) {
      if (this.#toReport.length > 0) {
        // A directory of this batch is not known there before the batch is, nor any more once a batch has closed it.
        if (this.#toReport.some(({ directory }) => directory.number >= announced)) return true;
        for (const { directory, name, error } of this.#toReport) {
          this.#options.onSkipped(directory, name, error);
        }
        this.#toReport = [];
      }
      while (this.#toClose.length > 0) {
        if (!batch.close(this.#toClose[0]!)) return true;
        this.#toClose.shift();
      }
      const top = this.#stack.at(-1);
      if (top === undefined) {
        if (!this.#namedOpen) return false;
        if (!this.#pourNamed(batch)) return true;
      } else if (this.#stagedAt < this.#staged.count) {
        if (!this.#pourStaged(top, batch)) return true;
      } else if (!top.listedToEnd && top.waiting.length - top.nextWaiting < this.#waitingMax) {
        if (performance.now() - began > turnMs && !batch.isEmpty) return true;
        this.#list(top);
      } else if (top.nextWaiting < top.waiting.length) {
        this.#enterNext(top);
      } else {
        this.#toClose.push(top.directory.number);
        this.#leave();
      }
    }
  }

  [Symbol.dispose](): void {
    while (this.#stack.length > 0) this.#leave();
    for (const { directory } of this.#named.splice(0)) directory.release();
  }

  /** The next PATH of the command line; false if the batch has no room for it. */
  #pourNamed(batch: SendBatch): boolean {
    const next = this.#named[0];
    if (!next) {
      this.#namedOpen = false;
      this.#toClose.push(0);
      return true;
    }
    const { directory, entry, enterAs } = next;
    if (!batch.fits(entry.name(0).length, 0)) return false;
    this.#named.shift();
    batch.add(directory, { listed: entry, index: 0 });
    if (enterAs) this.#enter(enterAs(this.#nextNumber++));
    else directory.release();
    return true;
  }

  #list(top: OpenDirectory): void {
    this.#staged.clear();
    this.#stagedAt = 0;
    try {
      top.listing ??= this.#engine.list(top.directory.handle);
      top.listedToEnd = !top.listing.next(this.#staged, chunkEntries);
    } catch (error) {
      top.listedToEnd = true;
      const { parent, name } = top.directory;
      if (!parent) {
        const message = `cannot read ${top.directory.handle.shown}: ${asRcopyError(error).message}`;
        throw new RcopyError("source-missing", message, { cause: error });
      }
      this.#skipped(parent, name, asRcopyError(error));
    }
    for (const failure of this.#staged.failures) this.#skipped(top.directory, failure.name, failure.error);
    if (top.listedToEnd) {
      top.listing?.[Symbol.dispose]();
      top.listing = undefined;
    }
  }

  get #waitingMax(): number {
    return this.#waitingInAll < waitingInAllMax ? waitingDirectoriesMax : 1;
  }

  /** Moves staged entries into the batch; false when it is full. */
  #pourStaged(top: OpenDirectory, batch: SendBatch): boolean {
    const staged = this.#staged;
    for (; this.#stagedAt < staged.count; this.#stagedAt++) {
      const index = this.#stagedAt;
      const kind = staged.kinds[index];
      const error = this.#whySkipped(top.directory, index);
      if (error) {
        this.#skipped(top.directory, staged.name(index), error);
        continue;
      }
      let linkText: Uint8Array | undefined;
      if (kind === EntryKind.link) {
        try {
          linkText = this.#engine.readLink(top.directory.handle, staged.name(index));
        } catch (thrown) {
          this.#skipped(top.directory, staged.name(index), asRcopyError(thrown));
          continue;
        }
      }
      if (!batch.fits(staged.nameLength(index), linkText?.length ?? 0)) return false;
      batch.add(top.directory, { listed: staged, index, linkText });
      if (kind === EntryKind.directory) {
        top.waiting.push({ number: this.#nextNumber++, name: copyName(staged.name(index)) });
        this.#waitingInAll++;
      }
    }
    return true;
  }

  #whySkipped(directory: SourceDirectory, index: number): RcopyError | undefined {
    const staged = this.#staged;
    const kind = staged.kinds[index] as EntryKind;
    if (kind === EntryKind.file) {
      const whyLeft = this.#whyLeft(directory, index);
      if (whyLeft) return whyLeft;
      if (staged.sizes[index]! <= fileBytesMax) return undefined;
      return new RcopyError("io", `not copied: larger than ${fileBytesMax} bytes`);
    }
    if (kind === EntryKind.directory) {
      if (!this.#options.isDestination(staged.devices[index]!, staged.inodes[index]!)) return undefined;
      return new RcopyError("not-sent", "left out: it is the destination of this copy");
    }
    if (kind === EntryKind.link) return undefined;
    return new RcopyError("unsupported-kind", `skipped: it is a ${kindNames[kind]}`);
  }

  /** Why a file is left out that a copy into this directory has left, or is about to finish. */
  #whyLeft({ handle }: SourceDirectory, index: number): RcopyError | undefined {
    const { modes, specials, names, nameStarts } = this.#staged;
    const isMarked = (specials[index]! | modes[index]!) === unfinishedMode;
    // Of almost every file the first byte of its name tells: no view of it is made.
    if (!isMarked && names[nameStarts[index]!] !== ownNameStart) return undefined;
    const name = this.#staged.name(index);
    const kind = temporaryKind(name);
    if (isMarked && !kind) {
      return new RcopyError(
        "io",
        "not copied: a copy to here was interrupted and has left it unfinished, as its mode 1600 says; run that copy " +
          "again, or give the file another mode if it is whole",
      );
    }
    if (!kind && !hasOwnName(name)) return undefined;
    // A part is told by the journal beside it.
    if (!isMarked && !this.#isOwn(handle, kind === "part" ? journalName(name) : name)) return undefined;
    return new RcopyError(
      "not-sent",
      "left out: rcopy's own, of a copy into this directory that is not finished",
    );
  }

  /** Whether a file begins as one that rcopy keeps for itself. */
  #isOwn(handle: Directory, name: EntryName): boolean {
    try {
      return isOwnFile(this.#engine.readStart(handle, name, ownHeaderBytes));
    } catch {
      return false; // it is an entry like any other, which fails by itself; or there is none
    }
  }

  #enterNext(top: OpenDirectory): void {
    const { number, name } = top.waiting[top.nextWaiting++]!;
    this.#waitingInAll--;
    if (top.nextWaiting === top.waiting.length) {
      top.waiting = [];
      top.nextWaiting = 0;
    }
    try {
      const handle = this.#engine.openDirectory(top.directory.handle, name);
      this.#enter(new SourceDirectory(this.#engine, handle, { number, parent: top.directory, name }));
    } catch (error) {
      this.#skipped(top.directory, name, asRcopyError(error));
      // The directory itself is in the manifest; it stays without content and must be closed all the same.
      this.#toClose.push(number);
    }
  }

  #enter(directory: SourceDirectory): void {
    this.#stack.push({ directory, listing: undefined, listedToEnd: false, waiting: [], nextWaiting: 0 });
  }

  #leave(): void {
    const { directory, listing } = this.#stack.pop()!;
    listing?.[Symbol.dispose]();
    directory.release();
  }

  #skipped(directory: SourceDirectory, name: Uint8Array, error: RcopyError): void {
    this.#toReport.push({ directory, name: name.slice(), error });
  }
}
