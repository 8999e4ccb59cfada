/** Many entries of directories as columns: one array a property, one blob for the names. */
import type { RcopyError } from "../base/errors.ts";
import { type EntryName, nameIn } from "./name.ts";
import type { EntryKind, FileIdentity, Timestamp } from "./metadata.ts";

/** An entry that a listing found and could not describe. */
export interface ListingFailure {
  /** The name's bytes, as far as the engine knows them (they may be the UTF-8 of a mangled name). */
  name: Uint8Array;
  error: RcopyError;
}

/** What {@linkcode EntryColumns.append} stores for one entry. */
export interface EntryStat {
  kind: EntryKind;
  /** 0 to 0o777. */
  mode: number;
  /** Set-id and sticky bits, 0 to 0o7000. */
  special: number;
  /** Bytes; a safe integer. 0 for anything but a file. */
  size: number;
  mtimeSeconds: number;
  mtimeNanos: number;
  device: number;
  inode: bigint;
  /** 0n where the engine cannot know it. */
  ctimeNs: bigint;
}

/**
 * A growable struct of arrays. Engines append to it, the manifest encodes from
 * it, lanes find again what to open in it. Index i of every column is entry i.
 */
export class EntryColumns {
  count = 0;
  kinds: Uint8Array<ArrayBuffer>;
  modes: Uint16Array<ArrayBuffer>;
  /** Set-id and sticky bits, which do not travel. */
  specials: Uint16Array<ArrayBuffer>;
  sizes: Float64Array<ArrayBuffer>;
  mtimeSeconds: Float64Array<ArrayBuffer>;
  mtimeNanos: Uint32Array<ArrayBuffer>;
  devices: Float64Array<ArrayBuffer>;
  inodes: BigUint64Array<ArrayBuffer>;
  ctimesNs: BigInt64Array<ArrayBuffer>;
  /** Names one after the other, each followed by a NUL byte. */
  names: Uint8Array<ArrayBuffer>;
  /** `nameStarts[i]` is where name i begins in `names`; `nameStarts[count]` is the length of the blob. */
  nameStarts: Uint32Array<ArrayBuffer>;
  /** Entries found and not described. */
  failures: ListingFailure[] = [];

  constructor(capacity = 256) {
    this.kinds = new Uint8Array(capacity);
    this.modes = new Uint16Array(capacity);
    this.specials = new Uint16Array(capacity);
    this.sizes = new Float64Array(capacity);
    this.mtimeSeconds = new Float64Array(capacity);
    this.mtimeNanos = new Uint32Array(capacity);
    this.devices = new Float64Array(capacity);
    this.inodes = new BigUint64Array(capacity);
    this.ctimesNs = new BigInt64Array(capacity);
    this.names = new Uint8Array(capacity * 24);
    this.nameStarts = new Uint32Array(capacity + 1);
  }

  get nameBytes(): number {
    return this.nameStarts[this.count]!;
  }

  /**
   * Adds an entry with the name that lies in `bytes` from `start` on; it is copied. The other columns are the caller's to fill,
   * one number each: a listing makes no object for an entry.
   * @returns the index of the entry
   */
  appendName(bytes: Uint8Array, start: number, end: number): number {
    const at = this.count;
    if (at === this.kinds.length) this.#growEntries();
    let to = this.nameStarts[at]!;
    if (to + end - start >= this.names.length) this.#growNames(to + end - start + 1);
    const { names } = this;
    // Names are short: a loop is cheaper than TypedArray.prototype.set.
    for (let from = start; from < end; from++) names[to++] = bytes[from]!;
    names[to] = 0;
    this.nameStarts[at + 1] = to + 1;
    this.count = at + 1;
    return at;
  }

  /** Adds one entry; `name` is copied. */
  append(name: Uint8Array, stat: EntryStat): void {
    const at = this.appendName(name, 0, name.length);
    this.kinds[at] = stat.kind;
    this.modes[at] = stat.mode;
    this.specials[at] = stat.special;
    this.sizes[at] = stat.size;
    this.mtimeSeconds[at] = stat.mtimeSeconds;
    this.mtimeNanos[at] = stat.mtimeNanos;
    this.devices[at] = stat.device;
    this.inodes[at] = stat.inode;
    this.ctimesNs[at] = stat.ctimeNs;
  }

  /** Adds entry `index` of other columns. */
  appendFrom(other: EntryColumns, index: number): void {
    const at = this.appendName(other.names, other.nameStarts[index]!, other.nameStarts[index + 1]! - 1);
    this.kinds[at] = other.kinds[index]!;
    this.modes[at] = other.modes[index]!;
    this.specials[at] = other.specials[index]!;
    this.sizes[at] = other.sizes[index]!;
    this.mtimeSeconds[at] = other.mtimeSeconds[index]!;
    this.mtimeNanos[at] = other.mtimeNanos[index]!;
    this.devices[at] = other.devices[index]!;
    this.inodes[at] = other.inodes[index]!;
    this.ctimesNs[at] = other.ctimesNs[index]!;
  }

  /** Bytes of a name, without a view of it. */
  nameLength(index: number): number {
    return this.nameStarts[index + 1]! - this.nameStarts[index]! - 1;
  }

  /** Name i as a view of the blob, checked when the columns were filled. */
  name(index: number): EntryName {
    return nameIn(this.names, this.nameStarts[index]!, this.nameStarts[index + 1]! - 1);
  }

  mtime(index: number): Timestamp {
    return { seconds: this.mtimeSeconds[index]!, nanos: this.mtimeNanos[index]! };
  }

  /** What must be the same before and after entry i was read. */
  identity(index: number): FileIdentity {
    return {
      device: this.devices[index]!,
      inode: this.inodes[index]!,
      size: this.sizes[index]!,
      mtime: this.mtime(index),
      ctimeNs: this.ctimesNs[index]!,
    };
  }

  /** Empties the columns and keeps their room. */
  clear(): void {
    this.count = 0;
    this.failures = [];
  }

  #growEntries(): void {
    const capacity = this.kinds.length * 2;
    const grow = <T extends { set(other: T): void }>(wider: T, old: T): T => (wider.set(old), wider);
    this.kinds = grow(new Uint8Array(capacity), this.kinds);
    this.modes = grow(new Uint16Array(capacity), this.modes);
    this.specials = grow(new Uint16Array(capacity), this.specials);
    this.sizes = grow(new Float64Array(capacity), this.sizes);
    this.mtimeSeconds = grow(new Float64Array(capacity), this.mtimeSeconds);
    this.mtimeNanos = grow(new Uint32Array(capacity), this.mtimeNanos);
    this.devices = grow(new Float64Array(capacity), this.devices);
    this.inodes = grow(new BigUint64Array(capacity), this.inodes);
    this.ctimesNs = grow(new BigInt64Array(capacity), this.ctimesNs);
    this.nameStarts = grow(new Uint32Array(capacity + 1), this.nameStarts);
  }

  #growNames(needed: number): void {
    const wider = new Uint8Array(Math.max(needed, this.names.length * 2));
    wider.set(this.names);
    this.names = wider;
  }
}
