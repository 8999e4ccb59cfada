/** What stands under names of a directory: of one as an object, of many as columns. */
import type { RcopyError } from "../../base/errors.ts";
import type { EntryKind, Metadata } from "../../entry/metadata.ts";

/** What is at the destination already. */
export interface EntryLookup extends Metadata {
  /** Set-user, set-group and sticky bit: 0 to 0o7000, in steps of 0o1000. */
  special: number;
  /** User number of the owner; -1 where the engine cannot know it. */
  owner: number;
  /** Names that it has; 1 where the engine cannot know it. */
  links: number;
  device: number;
  inode: bigint;
  /** 0n where the engine cannot know it. */
  ctimeNs: bigint;
}

/** Names in a blob, each followed by a NUL byte: those from `from` on, without `to`. */
export interface NameRun {
  names: Uint8Array;
  /** Where name i begins; one more than there are names. */
  starts: Uint32Array;
  from: number;
  to: number;
}

/** Stands for nothing in the column of kinds. */
const nothing = 0;

/** Filled by `lookUpAll`, row i for name `from + i`; the next call overwrites it. No object is made for an entry that is as it should be. */
export class FoundEntries {
  /** Entries that were looked for. */
  count = 0;
  /** 0 where nothing was found, or where it cannot be told. */
  kinds = new Uint8Array(0);
  /** With set-id and sticky bits: 0 to 0o7777. */
  modes = new Uint16Array(0);
  sizes = new Float64Array(0);
  mtimeSeconds = new Float64Array(0);
  mtimeNanos = new Uint32Array(0);
  /** As {@linkcode EntryLookup} has them. */
  links = new Uint32Array(0);
  owners = new Float64Array(0);
  devices = new Float64Array(0);
  inodes = new BigUint64Array(0);
  ctimesNs = new BigInt64Array(0);
  /** Why it cannot be told what is there, by row. */
  readonly errors = new Map<number, RcopyError>();

  /** Makes room for so many rows; nothing is found yet. */
  reset(count: number): void {
    this.errors.clear();
    this.count = count;
    if (count > this.kinds.length) this.#grow(count);
    this.kinds.fill(nothing, 0, count);
  }

  #grow(count: number): void {
    this.kinds = new Uint8Array(count);
    this.modes = new Uint16Array(count);
    this.sizes = new Float64Array(count);
    this.mtimeSeconds = new Float64Array(count);
    this.mtimeNanos = new Uint32Array(count);
    this.links = new Uint32Array(count);
    this.owners = new Float64Array(count);
    this.devices = new Float64Array(count);
    this.inodes = new BigUint64Array(count);
    this.ctimesNs = new BigInt64Array(count);
  }

  /** Fills in a row. */
  put(row: number, found: EntryLookup): void {
    this.kinds[row] = found.kind;
    this.modes[row] = found.special | found.mode;
    this.sizes[row] = found.size;
    this.mtimeSeconds[row] = found.mtime.seconds;
    this.mtimeNanos[row] = found.mtime.nanos;
    this.links[row] = found.links;
    this.owners[row] = found.owner;
    this.devices[row] = found.device;
    this.inodes[row] = found.inode;
    this.ctimesNs[row] = found.ctimeNs;
  }

  /** A row as an object, which is the caller's: an entry, nothing, or why it cannot be told. */
  at(row: number): EntryLookup | RcopyError | undefined {
    const kind = this.kinds[row]!;
    if (kind === nothing) return this.errors.get(row);
    const mode = this.modes[row]!;
    return {
      kind: kind as EntryKind,
      mode: mode & 0o777,
      special: mode & 0o7000,
      owner: this.owners[row]!,
      links: this.links[row]!,
      size: this.sizes[row]!,
      mtime: { seconds: this.mtimeSeconds[row]!, nanos: this.mtimeNanos[row]! },
      device: this.devices[row]!,
      inode: this.inodes[row]!,
      ctimeNs: this.ctimesNs[row]!,
    };
  }
}
