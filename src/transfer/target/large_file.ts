/** A file above the extent grid while it is being received. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine, Pending, SourceFile, TargetFile } from "../../io/contract/engine.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import { allBlocks, bytesOfBlocks } from "../../codec/blocks.ts";
import { sameHash } from "../../codec/hash.ts";
import { FileHash } from "../../codec/file_hash.ts";
import type { KeptHashes } from "../../codec/kept_hashes.ts";
import { SlotState } from "../journal/journal_format.ts";
import {
  createPart,
  type FoundPart,
  leavePart,
  type Part,
  placePart,
  removePart,
  reopenPart,
} from "./part.ts";
import type { Placement } from "./placement.ts";
import type { Placed } from "./settlement.ts";
import type { HeldTarget } from "./tree.ts";

export interface LargeTargetOptions {
  engine: Engine;
  codec: Codec;
  placement: Placement;
  held: HeldTarget;
}

/** What is to become of the part of a file that is given up. */
export type Leftover = "left" | "removed";

export class LargeTarget {
  readonly held: HeldTarget;
  readonly extents: number;
  readonly #options: LargeTargetOptions;
  readonly #part: Part;
  readonly #hash: FileHash;
  /** Extents that are being written: taken, and not yet in the hash. */
  readonly #writing = new Set<number>();
  readonly #resends = new Map<number, number>();
  /** The file hash that the sender read, once it has said that it found the file unchanged. */
  verifiedHash: Uint8Array | undefined;
  /** Extents that were written since the disk was last waited for. */
  #unsynced: { index: number; hash: Uint8Array }[] = [];
  #isSyncing = false;
  /** The disk was waited for, or an earlier run wrote something. */
  #isPartlyOnDisk = false;
  #keptBytes = 0;
  /** An older version, from which patches take what they do not bring; closed with the part. */
  basis: SourceFile | undefined;
  /** A bit for each extent of which the sender was told blocks; made with the first. */
  #told: Uint8Array | undefined;
  #bytesWritten = 0;
  #ended = false;
  #removed = false;
  #leftover: Leftover = "left";
  #onRemoved: ((isLeft: boolean) => void) | undefined;

  private constructor(options: LargeTargetOptions, part: Part) {
    this.#options = options;
    this.held = options.held;
    this.extents = Math.ceil(options.held.size / extentBytes);
    this.#part = part;
    this.#hash = new FileHash(options.codec, this.extents);
  }

  /** Creates the file. @throws {RcopyError} whatever the engine says */
  static create(options: LargeTargetOptions): LargeTarget {
    const { placement, held } = options;
    placement.willWrite(held.directory);
    return new LargeTarget(options, createPart({ ...options, isDurable: placement.isDurable }, held));
  }

  /**
   * Goes on with what an earlier run left of the file, or creates it. @throws {RcopyError} whatever the engine says
   * @returns the file, and its part where that may have something of it
   */
  static resume(options: LargeTargetOptions): { target: LargeTarget; found: FoundPart | undefined } {
    const { placement, held } = options;
    placement.willWrite(held.directory);
    const parts = { ...options, isDurable: placement.isDurable };
    const found = reopenPart(parts, held);
    if ("file" in found) return { target: new LargeTarget(options, found), found };
    const part = createPart(parts, held, found.hasBase);
    return { target: new LargeTarget(options, part), found: undefined };
  }

  /** Takes extents that are there from an earlier run, before any other. */
  keep(kept: KeptHashes): void {
    this.#hash.keep(kept);
    this.#isPartlyOnDisk = true;
    const isLastKept = kept.has(this.extents - 1);
    const short = isLastKept ? this.extents * extentBytes - this.held.size : 0;
    this.#keptBytes = kept.count * extentBytes - short;
  }

  /** Bytes that are there from an earlier run. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes that are there, from an earlier run or this one. */
  get bytesThere(): number {
    return this.#keptBytes + this.#bytesWritten;
  }

  /** The extent has its place in this file and the right size. @throws {RcopyError} `protocol` */
  check(index: number, payloadBytes: number): void {
    if (index >= this.extents) {
      throw new RcopyError(
        "protocol",
        `extent ${index} is beyond the end of a file of ${this.held.size} bytes`,
      );
    }
    const bytes = this.bytesOf(index);
    if (payloadBytes !== bytes) {
      throw new RcopyError("protocol", `extent ${index} has ${payloadBytes} bytes instead of ${bytes}`);
    }
  }

  /** A patch is of an extent that the sender was told of, and has the blocks that it names. @throws {RcopyError} `protocol` */
  checkPatch(index: number, blocks: number, payloadBytes: number): void {
    if (index >= this.extents || !this.#isTold(index)) {
      throw new RcopyError("protocol", `the peer patches extent ${index}, of which it was told nothing`);
    }
    const bytes = this.bytesOf(index);
    if (blocks > allBlocks(bytes) || payloadBytes !== bytesOfBlocks(blocks, bytes)) {
      throw new RcopyError(
        "protocol",
        `a patch of extent ${index}, which has ${bytes} bytes, has ${payloadBytes} and names blocks ${
          blocks.toString(16)
        }`,
      );
    }
  }

  bytesOf(index: number): number {
    return Math.min(extentBytes, this.held.size - index * extentBytes);
  }

  /** The sender is told of the blocks of an extent. */
  setTold(index: number): void {
    this.#told ??= new Uint8Array(Math.ceil(this.basis!.size / extentBytes / 8));
    this.#told[index >> 3]! |= 1 << (index & 7);
  }

  #isTold(index: number): boolean {
    return this.basis !== undefined && ((this.#told?.[index >> 3] ?? 0) >> (index & 7) & 1) === 1;
  }

  /** Lets go of the older version. Nothing may be patched with it at the moment. */
  dropBasis(): void {
    if (this.basis) this.#options.engine.closeSource(this.basis);
    this.basis = undefined;
  }

  /** Whether an extent is there already, or being written. */
  has(index: number): boolean {
    return this.#hash.has(index) || this.#writing.has(index);
  }

  /** Counts a corrupt arrival; false once it has been asked for again often enough. */
  mayAskAgain(index: number): boolean {
    const times = (this.#resends.get(index) ?? 0) + 1;
    this.#resends.set(index, times);
    return times <= resendsMax;
  }

  /** Starts to write a verified extent at its offset, by whatever moves its bytes. */
  write<T>(index: number, start: (file: TargetFile, offset: number) => Pending<T>): Pending<T> {
    this.#writing.add(index);
    try {
      return start(this.#part.file, index * extentBytes);
    } catch (error) {
      // An engine that writes within the call says so at once: it is the file's failure all the same.
      return {
        finish() {
          throw error;
        },
      };
    }
  }

  /** Takes note of an extent that was not written, as a patch turned out not to fit. */
  notWritten(index: number): void {
    this.#writing.delete(index);
    if (this.#ended && this.#writing.size === 0) this.#remove();
  }

  /** Takes note of an extent whose write has ended, with success or not, and of its hash. */
  written(index: number, hash: Uint8Array): void {
    this.#writing.delete(index);
    if (this.#ended) {
      if (this.#writing.size === 0) this.#remove();
      return;
    }
    this.#hash.add(index, hash);
    this.#bytesWritten += this.bytesOf(index);
    if (!this.#part.journal) return;
    this.#part.journal.note({ index, hash, state: SlotState.written });
    this.#unsynced.push({ index, hash: hash.slice() });
  }

  /** Waits for the disk, and takes note of what it has then. Throws nothing: without the note an extent is read again. */
  async syncWritten(): Promise<void> {
    const { journal, file } = this.#part;
    if (!journal || this.#isSyncing || this.#ended || this.#unsynced.length === 0) return;
    this.#isSyncing = this.#isPartlyOnDisk = true;
    const extents = this.#unsynced;
    this.#unsynced = [];
    try {
      await this.#options.engine.syncTarget(file);
      if (!this.#ended) await journal.noteSynced(extents);
    } catch {
      // The disk says by the next write what is wrong with it.
    } finally {
      this.#isSyncing = false;
    }
  }

  /** Whether every extent is there. */
  get isWhole(): boolean {
    return !this.#ended && this.#hash.complete;
  }

  /** Whether a file that is whole has the hash that the sender read. */
  get isAsVerified(): boolean {
    return this.verifiedHash !== undefined && sameHash(this.#hash.digest(), this.verifiedHash);
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /**
   * Whether its content must reach the disk before it gets its name. Where it replaces another file, a loss of power could take
   * both. Where a part of it is on the disk already, that may be its end: after a loss of power it would have its size and
   * its time, and zeros in between. Any other file ends there where its content does.
   */
  get mustBeSynced(): boolean {
    return this.#isPartlyOnDisk || this.held.replaces?.kind === EntryKind.file;
  }

  /** Waits until the content is on the disk. No write may be under way. @throws {RcopyError} and leaves the part for a later run */
  async sync(): Promise<void> {
    const { engine } = this.#options;
    this.#ended = this.#removed = true;
    try {
      await engine.syncTarget(this.#part.file);
    } catch (error) {
      engine.abandonTarget(this.#part.file);
      this.#endPart(error);
      this.#hash[Symbol.dispose]();
      this.dropBasis();
      throw error;
    }
  }

  /** Gives the file mode, time and its final name. @throws {RcopyError} and leaves the part for a later run */
  finish(): Placed {
    const { engine, placement, held } = this.#options;
    this.#ended = this.#removed = true;
    const content = this.#hash.digest();
    this.#hash[Symbol.dispose]();
    this.dropBasis();
    try {
      const lacks = engine.finishTarget(this.#part.file, held);
      placePart(engine, this.#part, held);
      placement.hasPlaced(held.directory, held.name);
      return { content, lacks, keptBytes: this.#keptBytes };
    } catch (error) {
      this.#endPart(error);
      throw error;
    }
  }

  /** What becomes of a part that was closed, and cannot be placed. */
  #endPart(error: unknown): void {
    const { engine } = this.#options;
    const { code } = asRcopyError(error);
    // Something else has the name now, which every later run would find; or the disk says that it lost what was written.
    if (code === "exists" || code === "io") removePart(engine, this.#part);
    else leavePart(engine, this.#part);
  }

  /**
   * Gives the file up, as soon as no write is under way, and then calls `onRemoved`. What has been written is left for a later
   * run, or removed where it must not be believed. The first call counts.
   */
  abandon(leftover: Leftover, onRemoved: (isLeft: boolean) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leftover = leftover;
    this.#onRemoved = onRemoved;
    if (this.#writing.size === 0) this.#remove();
  }

  /**
   * Leaves what has been written for a later run, at the end of a session: no write is under way, even if one of them never
   * ended well. @returns whether anything is left
   */
  leave(): boolean {
    if (this.#removed) return false;
    this.#ended = true;
    this.#onRemoved = undefined;
    return this.#remove();
  }

  #remove(): boolean {
    const { engine } = this.#options;
    this.#removed = true;
    this.dropBasis();
    engine.abandonTarget(this.#part.file);
    let isLeft = false;
    if (this.#leftover === "left") isLeft = leavePart(engine, this.#part);
    else removePart(engine, this.#part);
    this.#hash[Symbol.dispose]();
    this.#onRemoved?.(isLeft);
    return isLeft;
  }
}
