/** A file above the extent grid while it is being received. */
import { RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { Engine, Pending, TargetFile } from "../../io/contract/engine.ts";
import { extentBytes, resendsMax } from "../../wire/limits.ts";
import { sameHash } from "../../codec/hash.ts";
import { FileHash } from "../../codec/file_hash.ts";
import { createPart, type Part, placePart, removePart } from "./part.ts";
import type { Placement } from "./placement.ts";
import type { Placed } from "./settlement.ts";
import type { HeldTarget } from "./tree.ts";

export interface LargeTargetOptions {
  engine: Engine;
  codec: Codec;
  placement: Placement;
  held: HeldTarget;
}

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
  #ended = false;
  #removed = false;
  #onRemoved: (() => void) | undefined;

  /** Creates the file. @throws {RcopyError} whatever the engine says */
  constructor(options: LargeTargetOptions) {
    const { engine, codec, placement, held } = options;
    this.#options = options;
    this.held = held;
    this.extents = Math.ceil(held.size / extentBytes);
    placement.willWrite(held.directory);
    this.#part = createPart(engine, held, { isDurable: placement.isDurable });
    this.#hash = new FileHash(codec, this.extents);
  }

  /** The extent has its place in this file and the right size. @throws {RcopyError} `protocol` */
  check(index: number, payloadBytes: number): void {
    if (index >= this.extents) {
      throw new RcopyError(
        "protocol",
        `extent ${index} is beyond the end of a file of ${this.held.size} bytes`,
      );
    }
    const bytes = Math.min(extentBytes, this.held.size - index * extentBytes);
    if (payloadBytes !== bytes) {
      throw new RcopyError("protocol", `extent ${index} has ${payloadBytes} bytes instead of ${bytes}`);
    }
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
  write(index: number, start: (file: TargetFile, offset: number) => Pending): Pending {
    this.#writing.add(index);
    return start(this.#part.file, index * extentBytes);
  }

  /** Takes note of an extent whose write has ended, with success or not, and of its hash. */
  written(index: number, hash: Uint8Array): void {
    this.#writing.delete(index);
    if (this.#ended) {
      if (this.#writing.size === 0) this.#remove();
      return;
    }
    this.#hash.add(index, hash);
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

  /** Whether it replaces another file: then its content must reach the disk before, else a loss of power could take both. */
  get mustBeSynced(): boolean {
    return this.held.replaces?.kind === EntryKind.file;
  }

  /** Waits until the content is on the disk. No write may be under way. @throws {RcopyError} and leaves nothing behind */
  async sync(): Promise<void> {
    const { engine } = this.#options;
    this.#ended = this.#removed = true;
    try {
      await engine.syncTarget(this.#part.file);
    } catch (error) {
      engine.abandonTarget(this.#part.file);
      removePart(engine, this.#part);
      this.#hash[Symbol.dispose]();
      throw error;
    }
  }

  /** Gives the file mode, time and its final name. @throws {RcopyError} and leaves nothing behind */
  finish(): Placed {
    const { engine, placement, held } = this.#options;
    this.#ended = this.#removed = true;
    const content = this.#hash.digest();
    this.#hash[Symbol.dispose]();
    try {
      const lacks = engine.finishTarget(this.#part.file, held);
      placePart(engine, this.#part, held);
      placement.hasPlaced(held.directory, held.name);
      return { content, lacks };
    } catch (error) {
      removePart(engine, this.#part);
      throw error;
    }
  }

  /**
   * Removes what has been written, as soon as no write is under way, and then calls `onRemoved`: before that the entry is
   * not settled, so that its directory is not put into place with half a file in it. The first call counts.
   */
  abandon(onRemoved: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onRemoved = onRemoved;
    if (this.#writing.size === 0) this.#remove();
  }

  /** Removes what has been written, at the end of a session: no write is under way, even if one of them never ended well. */
  abandonUnsettled(): void {
    if (this.#removed) return;
    this.#ended = true;
    this.#onRemoved = undefined;
    this.#remove();
  }

  #remove(): void {
    this.#removed = true;
    this.#options.engine.abandonTarget(this.#part.file);
    removePart(this.#options.engine, this.#part);
    this.#hash[Symbol.dispose]();
    this.#onRemoved?.();
  }
}
