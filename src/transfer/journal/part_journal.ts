/**
 * The journal beside the part of a large file: which of its extents are written, which are on the disk, and their hashes. What
 * is in it is only believed as far as its own checks go, and only in a file of ours. Where it cannot be written any more, the
 * copy goes on without it.
 */
import { asRcopyError } from "../../base/errors.ts";
import { sameBytes } from "../../base/bytes.ts";
import type { Codec } from "../../codec/codec.ts";
import { EntryKind } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import { isOwnFile, isOwnFileCut, ownHeaderBytes } from "../../entry/own_files.ts";
import { journalName } from "../../entry/temporary_name.ts";
import type { Directory, Engine, EntryLookup, FileSystemTraits, OwnFile } from "../../io/contract/engine.ts";
import {
  decodeHeader,
  encodeHeader,
  type JournalHeader,
  journalHeaderBytes,
  type Slot,
  slotBytes,
  slotOffset,
  Slots,
  SlotState,
} from "./journal_format.ts";

/** Slots that are read at a time. */
const chunkSlots = 1024;
/** A slot is written so far behind the end of the journal at most: what an honest sender runs ahead is less. */
const gapBytesMax = 64 * 1024;
/** Mode of a journal. */
const ownMode = 0o600;

/** Where a part is, and what is needed to read the journal beside it. */
export interface PartPlace {
  engine: Engine;
  /** Of the session. */
  codec: Codec;
  directory: Directory;
  /** Temporary name of the part. */
  part: EntryName;
}

export class PartJournal {
  readonly header: JournalHeader;
  readonly #engine: Engine;
  readonly #directory: Directory;
  readonly #name: EntryName;
  readonly #own: OwnFile;
  readonly #slots: Slots;
  #isBroken = false;
  #isEmpty: boolean;
  #size: number;

  private constructor(place: PartPlace, own: OwnFile, header: JournalHeader, sealed: Uint8Array) {
    this.header = header;
    this.#engine = place.engine;
    this.#directory = place.directory;
    this.#name = journalName(place.part);
    this.#own = own;
    this.#slots = new Slots(place.codec, sealed);
    this.#size = Math.max(own.found.size, journalHeaderBytes);
    this.#isEmpty = this.#size === journalHeaderBytes;
  }

  /**
   * A new journal, in place of one of ours that no run uses. `undefined` where something else has its name, another run has
   * the lock, there are no locks, or it cannot be written: then nothing is kept of the file.
   */
  static create(place: PartPlace, header: Omit<JournalHeader, "part">): PartJournal | undefined {
    const { engine, codec, directory, part } = place;
    const name = journalName(part);
    let own = createOwn(engine, directory, name);
    if (own === "exists" && removeOurs(place)) own = createOwn(engine, directory, name);
    if (!own || own === "exists") return undefined;
    const whole = { ...header, part };
    try {
      if (own.isLocked) {
        const sealed = encodeHeader(codec, whole);
        own.write(0, sealed);
        return new PartJournal(place, own, whole, sealed);
      }
    } catch {
      // No room, for one: the copy itself will say so.
    }
    removeName(engine, directory, name);
    own[Symbol.dispose]();
    return undefined;
  }

  /** The journal that an earlier run left, if it is ours, sound, names the part, and no run uses it. Throws nothing. */
  static find(place: PartPlace): PartJournal | undefined {
    const own = openOurs(place);
    if (!own) return undefined;
    try {
      const sealed = own.read(journalHeaderBytes);
      const header = decodeHeader(place.codec, sealed);
      if (header && sameBytes(header.part, place.part)) return new PartJournal(place, own, header, sealed);
    } catch {
      // It cannot be read.
    }
    own[Symbol.dispose]();
    return undefined;
  }

  /** What it was when it was opened. */
  get found(): EntryLookup {
    return this.#own.found;
  }

  /** Whether it tells of no extent. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Its sound slots, in the order of the extents, some at a time. */
  *slots(extents: number): Iterable<Slot[]> {
    const count = Math.min(extents, Math.floor((this.#size - journalHeaderBytes) / slotBytes));
    for (let first = 0; first < count; first += chunkSlots) {
      const chunk = this.#read(first, Math.min(chunkSlots, count - first));
      const slots: Slot[] = [];
      for (let at = 0; at + slotBytes <= chunk.length; at += slotBytes) {
        const slot = this.#slots.decode(chunk.subarray(at, at + slotBytes), first + at / slotBytes);
        if (slot) slots.push(slot);
      }
      yield slots;
    }
  }

  #read(first: number, count: number): Uint8Array {
    try {
      return this.#own.read(count * slotBytes, slotOffset(first));
    } catch {
      return new Uint8Array(0);
    }
  }

  /** Takes note of an extent. */
  note(slot: Slot): void {
    const offset = slotOffset(slot.index);
    if (this.#isBroken || offset > this.#size + gapBytesMax) return;
    try {
      this.#own.write(offset, this.#slots.encode(slot));
      this.#size = Math.max(this.#size, offset + slotBytes);
      this.#isEmpty = false;
    } catch {
      this.#isBroken = true;
    }
  }

  /** Takes note that extents are on the disk, and brings itself there. */
  async noteSynced(slots: readonly Omit<Slot, "state">[]): Promise<void> {
    for (const slot of slots) this.note({ ...slot, state: SlotState.synced });
    if (!this.#isBroken) await this.#own.sync();
  }

  /** Lets go of it; it stays. */
  close(): void {
    this.#own[Symbol.dispose]();
  }

  /** Removes it. */
  remove(): void {
    removeName(this.#engine, this.#directory, this.#name);
    this.#own[Symbol.dispose]();
  }
}

/** Whether a file is one that a run of this user made with mode 0600, as far as its file system can tell. */
export function isOurs(found: EntryLookup, { owner, keepsModes }: FileSystemTraits): boolean {
  if (found.kind !== EntryKind.file || found.owner !== owner) return false;
  return !keepsModes || (found.special | found.mode) === ownMode;
}

function createOwn(engine: Engine, directory: Directory, name: EntryName): OwnFile | "exists" | undefined {
  try {
    return engine.createOwn(directory, name);
  } catch (thrown) {
    const { code } = asRcopyError(thrown);
    if (code === "internal") throw thrown;
    return code === "exists" ? "exists" : undefined;
  }
}

/** Opens and locks what has the name of a journal, if it is a file of ours. Throws nothing but faults of our own. */
function openOurs({ engine, directory, part }: PartPlace): OwnFile | undefined {
  try {
    const traits = engine.traitsOf(directory);
    const own = engine.openOwn(directory, journalName(part));
    if (own?.isLocked && isOurs(own.found, traits)) return own;
    own?.[Symbol.dispose]();
  } catch (thrown) {
    if (asRcopyError(thrown).code === "internal") throw thrown;
  }
  return undefined;
}

/** Removes a journal that an earlier run left, of any version, also one that was not begun; false where there is none of ours. */
export function removeOurs(place: PartPlace): boolean {
  return withOurs(place, () => place.engine.unlink(place.directory, journalName(place.part)));
}

/** Whether an earlier run left a journal, of any version, also one that was not begun. */
export function isLeft(place: PartPlace): boolean {
  return withOurs(place, () => {});
}

/** Works on a journal that an earlier run left; false where there is none of ours, or the work fails. */
function withOurs(place: PartPlace, work: () => void): boolean {
  const own = openOurs(place);
  if (!own) return false;
  try {
    const start = own.read(ownHeaderBytes);
    if (!isOwnFile(start) && !isOwnFileCut(start)) return false;
    work();
    return true;
  } catch {
    return false;
  } finally {
    own[Symbol.dispose]();
  }
}

function removeName(engine: Engine, directory: Directory, name: EntryName): void {
  try {
    engine.unlink(directory, name);
  } catch {
    // It is gone, or its directory cannot be written to any more: the next run finds it.
  }
}
