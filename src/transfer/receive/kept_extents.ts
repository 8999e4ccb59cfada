/** Which extents of a part of an earlier run are there: those on the disk by its journal, and those that hash to what it says. */
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { Codec, type Slice } from "../../codec/codec.ts";
import { sameHash } from "../../codec/hash.ts";
import type { Engine, SourceFile } from "../../io/contract/engine.ts";
import { extentBytes } from "../../wire/limits.ts";
import { SlotState } from "../journal/journal_format.ts";
import { type FoundPart, lookUp } from "../target/part.ts";
import type { HeldTarget } from "../target/tree.ts";

/**
 * A part that was written so much later than its journal was written by somebody else. Between a write and the note of it
 * passes less, unless the disk stands still: then everything is read.
 */
const writtenLaterNs = 2_000_000_000n;

export class KeptExtents {
  readonly #engine: Engine;
  readonly #eventLoopYield: EventLoopYield;
  /** Made with the first extent that must be read. */
  #codec: Codec | undefined;
  #slice: Slice | undefined;

  readonly #mustRead: boolean;

  /** `mustRead`: no journal is believed. */
  constructor(engine: Engine, eventLoopYield: EventLoopYield, mustRead = false) {
    this.#mustRead = mustRead;
    this.#engine = engine;
    this.#eventLoopYield = eventLoopYield;
  }

  /** Calls `onKept` for each extent that is there, in order, until it says that it wants no more. Reads beside everything else. */
  async find(
    part: FoundPart,
    held: HeldTarget,
    onKept: (index: number, hash: Uint8Array) => boolean,
  ): Promise<void> {
    const extents = Math.ceil(held.size / extentBytes);
    const trustsSynced = !this.#mustRead && this.#trustsSynced(part);
    let source: SourceFile | undefined;
    try {
      for (const slots of part.journal.slots(extents)) {
        for (const { index, hash, state } of slots) {
          await this.#eventLoopYield.ifDue();
          const offset = index * extentBytes;
          const bytes = Math.min(extentBytes, held.size - offset);
          if (offset + bytes > part.found.size) continue;
          if (!trustsSynced || state !== SlotState.synced) {
            source ??= this.#open(part);
            if (!source || !await this.#hasHash(source, { offset, bytes, hash })) continue;
          }
          if (!onKept(index, hash)) return;
        }
        await this.#eventLoopYield.ifDue();
      }
    } finally {
      if (source) this.#engine.closeSource(source);
    }
  }

  [Symbol.dispose](): void {
    this.#slice?.[Symbol.dispose]();
    this.#codec?.[Symbol.dispose]();
    this.#slice = this.#codec = undefined;
  }

  /** Whether nobody else can have written to the part, and nobody has. */
  #trustsSynced({ directory, found, journal }: FoundPart): boolean {
    const { owner, keepsModes } = this.#engine.traitsOf(directory);
    const { user } = this.#engine;
    if (user < 0 || owner !== user || !keepsModes) return false;
    const written = nsOf(found.mtime) - nsOf(journal.found.mtime);
    return written <= writtenLaterNs;
  }

  #open({ directory, name }: FoundPart): SourceFile | undefined {
    const found = lookUp(this.#engine, directory, name);
    try {
      return found && this.#engine.openSource(directory, name, found);
    } catch {
      return undefined; // nothing can be said of what is in it
    }
  }

  async #hasHash(
    source: SourceFile,
    { offset, bytes, hash }: { offset: number; bytes: number; hash: Uint8Array },
  ): Promise<boolean> {
    this.#codec ??= Codec.open({ arenaBytes: extentBytes });
    this.#slice ??= this.#codec.arena.take(extentBytes);
    const { memory, scratch } = this.#codec;
    const start = this.#slice.offset;
    try {
      await this.#engine.readRange(source, offset, memory.subarray(start, start + bytes)).finish();
    } catch {
      return false; // it cannot be read: it is sent again
    }
    this.#codec.hash(start, bytes, scratch.offset);
    return sameHash(memory.subarray(scratch.offset, scratch.offset + hash.length), hash);
  }
}

function nsOf({ seconds, nanos }: { seconds: number; nanos: number }): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}
