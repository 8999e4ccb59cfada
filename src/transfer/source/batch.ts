/** One manifest batch on the sender's side: filled by the scan, sent, read by lanes, kept until settled. */
import { assert, RcopyError } from "../../base/errors.ts";
import { putWide } from "../../base/wide_numbers.ts";
import { EntryColumns } from "../../entry/columns.ts";
import type { EntryName } from "../../entry/name.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { extentBytes, hashBytes, stampBytes } from "../../wire/limits.ts";
import type { Manifest, Wants } from "../../wire/manifest.ts";
import type { SourceDirectory } from "./directory.ts";
import { stampOf } from "./stamp.ts";

/** Message bytes of a batch without entries, of each entry without its name, and of each group and closed directory. */
const baseBytes = 512;
const entryBytes = 1 + 2 + 8 + 8 + 4 + 1 + 1;
const groupBytes = 8;
const closedBytes = 4;
/** Bytes that any one entry can take: credit of this much lets every scan go on. */
export const oneEntryBytesMax = baseBytes + entryBytes + groupBytes + 255 + 4096 + closedBytes +
  stampBytes;

/** The state of an entry, as far as the sender knows. */
export const SendState = {
  announced: 0,
  wanted: 1,
  sent: 2,
  unwanted: 3,
  failed: 4,
  /** Wanted unless its content is what the receiver has, whose hash is to come. */
  compared: 5,
  /** A small file whose hash at the receiver has come. */
  comparing: 6,
} as const;

/** Bounds of one batch. */
export interface BatchRoom {
  /** Bytes of the message. */
  bytes: number;
  entries: number;
}

/** Entry `index` of a listing, and its text if it is a link. */
export interface ListedEntry {
  listed: EntryColumns;
  index: number;
  linkText?: Uint8Array | undefined;
}

export class SendBatch {
  readonly number: number;
  readonly columns: EntryColumns;
  /** Runs of entries of one directory; `start` is the first entry. */
  readonly groups: { directory: SourceDirectory; start: number }[] = [];
  readonly linkTexts: Uint8Array[] = [];
  readonly closed: number[] = [];
  /** {@linkcode SendState} of each entry. */
  readonly states: Uint8Array;
  /** Entry hashes, 16 bytes each, once known. */
  readonly hashes: Uint8Array;
  /** Sizes of files that had another one than they said, by entry. */
  readonly measured = new Map<number, number>();
  /** Hashes of their content. */
  readonly measuredHashes = new Map<number, Uint8Array>();
  /** Whether the receiver has said what it wants of it. */
  isPlanned = false;
  readonly #room: BatchRoom;
  #bytes = baseBytes;
  #linkBytes = 0;
  /** Files above the extent grid. */
  #large = 0;
  #released = false;
  readonly #compared = new Set<number>();

  constructor(number: number, room: BatchRoom) {
    this.number = number;
    this.#room = room;
    this.columns = new EntryColumns(room.entries);
    this.states = new Uint8Array(room.entries);
    this.hashes = new Uint8Array(room.entries * hashBytes);
  }

  get count(): number {
    return this.columns.count;
  }

  get isEmpty(): boolean {
    return this.columns.count === 0 && this.closed.length === 0;
  }

  /** Whether an entry with such a name and link text still fits. */
  fits(nameBytes: number, linkBytes: number): boolean {
    const needed = entryBytes + groupBytes + nameBytes + linkBytes + stampBytes;
    return this.count < this.#room.entries && this.#bytes + needed <= this.#room.bytes;
  }

  /** Adds an entry of `directory`; that it fits must have been checked. */
  add(directory: SourceDirectory, { listed, index, linkText }: ListedEntry): void {
    const at = this.count;
    if (this.groups.at(-1)?.directory !== directory) {
      directory.retain();
      this.groups.push({ directory, start: at });
      this.#bytes += groupBytes;
    }
    this.columns.appendFrom(listed, index);
    if (listed.kinds[index] !== EntryKind.file) this.columns.sizes[at] = 0;
    this.#bytes += entryBytes + listed.nameLength(index);
    if (this.isLarge(at)) {
      this.#large++;
      this.#bytes += stampBytes;
    }
    if (linkText) {
      this.linkTexts.push(linkText);
      this.#linkBytes += linkText.length + 1;
      this.#bytes += linkText.length;
    }
  }

  /** Whether an entry is a file above the extent grid. */
  isLarge(entry: number): boolean {
    return this.columns.kinds[entry] === EntryKind.file && this.columns.sizes[entry]! > extentBytes;
  }

  /** Says that no later entry belongs to a directory; false if there is no room to say so. */
  close(directory: number): boolean {
    if (this.#bytes + closedBytes > this.#room.bytes) return false;
    this.closed.push(directory);
    this.#bytes += closedBytes;
    return true;
  }

  /** Marks everything as wanted, or nothing: the receiver has said so beforehand. */
  markAll(isWanted: boolean): void {
    this.isPlanned = true;
    this.states.fill(isWanted ? SendState.wanted : SendState.unwanted, 0, this.count);
  }

  /**
   * Marks what the receiver wants.
   * @throws {RcopyError} `protocol` where it has said so already, or has something of what it does not want or is not large,
   *   or compares what it must not
   */
  markWanted(message: Wants, { isDryRun = false, mayCompare = false } = {}): void {
    const { all, bitmap } = message;
    if (this.isPlanned) {
      throw new RcopyError("protocol", `the peer said twice what it wants of batch ${this.number}`);
    }
    this.isPlanned = true;
    for (let i = 0; i < this.count; i++) {
      const isAsked = !isDryRun && (all || ((bitmap[i >> 3] ?? 0) >> (i & 7) & 1) === 1);
      // Directories are always wanted, whatever their bits are, but in a dry run nothing is.
      const isWanted = isAsked || (!isDryRun && this.columns.kinds[i] === EntryKind.directory);
      this.states[i] = isWanted ? SendState.wanted : SendState.unwanted;
    }
    for (const entry of message.kept) {
      if (entry < this.count && this.isLarge(entry) && this.states[entry] === SendState.wanted) continue;
      throw new RcopyError(
        "protocol",
        `the peer keeps something of entry ${entry} of batch ${this.number}, which is no large file that it wants`,
      );
    }
    if (message.compared.length > 0 && !mayCompare) {
      throw new RcopyError("protocol", "the peer compares content, which nobody asked for");
    }
    this.#markCompared(message);
  }

  #markCompared({ all, bitmap, kept, compared }: Wants): void {
    for (const entry of compared) {
      const isWanted = all || ((bitmap[entry >> 3] ?? 0) >> (entry & 7) & 1) === 1;
      const isFile = entry < this.count && this.columns.kinds[entry] === EntryKind.file;
      if (!isFile || !isWanted || kept.includes(entry)) {
        throw new RcopyError(
          "protocol",
          `the peer compares entry ${entry} of batch ${this.number}, which is no file that it wants`,
        );
      }
      this.states[entry] = SendState.compared;
      this.#compared.add(entry);
    }
  }

  /** What the receiver keeps of a large file is compared as well. */
  addCompared(entry: number): void {
    this.#compared.add(entry);
  }

  /** Whether both ends have read the content of an entry. */
  isCompared(entry: number): boolean {
    return this.#compared.has(entry);
  }

  /** Whether anything of it is compared. */
  get hasCompared(): boolean {
    return this.#compared.size > 0;
  }

  /** The receiver could not read an entry: there is nothing to compare with. */
  forgetCompared(entry: number): void {
    this.#compared.delete(entry);
  }

  /** Sum of the sizes of the files that are wanted. */
  get bytesWanted(): number {
    const { kinds, sizes } = this.columns;
    let bytes = 0;
    for (let i = 0; i < this.count; i++) {
      const isWanted = this.states[i] === SendState.wanted || this.states[i] === SendState.compared;
      if (kinds[i] === EntryKind.file && isWanted) bytes += sizes[i]!;
    }
    return bytes;
  }

  /** Sum of the sizes of all files. */
  get bytesListed(): number {
    const { kinds, sizes } = this.columns;
    let bytes = 0;
    for (let i = 0; i < this.count; i++) if (kinds[i] === EntryKind.file) bytes += sizes[i]!;
    return bytes;
  }

  /** Bytes of content of an entry, as far as it is known; the manifest may have said something else. */
  sizeOf(entry: number): number {
    return this.measured.get(entry) ?? this.columns.sizes[entry]!;
  }

  directoryOf(entry: number): SourceDirectory {
    let low = 0;
    let high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.groups[middle]!.start <= entry) low = middle;
      else high = middle - 1;
    }
    const group = this.groups[low];
    assert(group && entry < this.count, "entry of this batch");
    return group.directory;
  }

  /** The name of an entry where it is read; a PATH that is a link is sent under another one. */
  nameOnDisk(entry: number): EntryName {
    return this.directoryOf(entry).nameOnDisk ?? this.columns.name(entry);
  }

  /** Whether the receiver has settled it; what is sent of it again is of no use any more. */
  get isSettled(): boolean {
    return this.#released;
  }

  /** Lets go of the directories, once no file of the batch needs to be read any more. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const { directory } of this.groups) directory.release();
  }

  toMessage(): Manifest {
    const { columns, count, groups } = this;
    const sizes = new BigUint64Array(count);
    const mtimeSeconds = new BigInt64Array(count);
    putWide(sizes, columns.sizes);
    putWide(mtimeSeconds, columns.mtimeSeconds);
    const linkTargets = new Uint8Array(this.#linkBytes);
    let at = 0;
    for (const text of this.linkTexts) {
      linkTargets.set(text, at);
      at += text.length + 1;
    }
    const stamps = new Uint8Array(this.#large * stampBytes);
    for (let i = 0, to = 0; to < stamps.length; i++) {
      if (!this.isLarge(i)) continue;
      stamps.set(stampOf(columns.identity(i)), to);
      to += stampBytes;
    }
    return {
      kind: "manifest",
      batch: this.number,
      groupDirectories: Uint32Array.from(groups, (group) => group.directory.number),
      groupCounts: Uint32Array.from(groups, (group, i) => (groups[i + 1]?.start ?? count) - group.start),
      kinds: columns.kinds.subarray(0, count),
      modes: columns.modes.subarray(0, count),
      sizes,
      mtimeSeconds,
      mtimeNanos: columns.mtimeNanos.subarray(0, count),
      names: columns.names.subarray(0, columns.nameBytes),
      linkTargets,
      closed: Uint32Array.from(this.closed),
      stamps,
    };
  }
}
