/** One manifest batch on the receiver's side, from its arrival until it is settled. */
import { wideNumbers } from "../../base/wide_numbers.ts";
import { assert, type RcopyError } from "../../base/errors.ts";
import { type EntryName, nameIn } from "../../entry/name.ts";
import { EntryKind, type Metadata, type Timestamp } from "../../entry/metadata.ts";
import type { EntryLookup, Replaceable } from "../../io/contract/engine.ts";
import type { NameRun } from "../../io/contract/found.ts";
import type { Manifest, Wants } from "../../wire/manifest.ts";
import { extentBytes, stampBytes } from "../../wire/limits.ts";
import type { HeldTarget, TargetDirectory } from "./tree.ts";

/**
 * The state of an entry. `placing`: its content is being written. `held`: its settlement may come after that of its batch
 * (directories, links, large files under way).
 */
export const EntryState = {
  announced: 0,
  wanted: 1,
  placed: 2,
  skipped: 3,
  failed: 4,
  held: 5,
  placing: 6,
  /** Was wanted, and was there, of the same size and time, when it was about to be placed. */
  kept: 7,
  /** A small file that is there, and wanted unless its content is the same; the sender does not know yet what it hashes to. */
  compared: 8,
  /** As before, and the sender knows. */
  told: 9,
} as const;

/** A run of entries of one directory: those from `start` on, without `end`. */
export interface EntryGroup {
  directory: TargetDirectory;
  start: number;
  end: number;
}

export class ReceiveBatch {
  readonly number: number;
  readonly manifest: Manifest;
  readonly count: number;
  /** Bytes of credit that come back when it is settled. */
  readonly creditBytes: number;
  /** {@linkcode EntryState} of each entry. */
  readonly states: Uint8Array;
  /** Entries that are neither settled nor held. */
  unsettled: number;
  /** Runs of entries of one directory; filled by the plan. */
  readonly groups: EntryGroup[] = [];
  /** Directories that its entries announce, by entry; filled by the plan, emptied with it. */
  readonly announced = new Map<number, TargetDirectory>();
  /** What the plan found under the names of wanted entries, and what they may replace. */
  readonly replaces = new Map<number, Replaceable>();
  /** Of those, the ones that a person may miss: whole files and links. */
  readonly replaced = new Set<number>();
  /** Files whose content is to be compared, and what the plan found, in the order of the entries; filled by the plan. */
  readonly compared = new Map<number, EntryLookup>();
  /** The large ones of them. */
  readonly comparedLarge: HeldTarget[] = [];
  isPlanned = false;
  /** Files that the sender gave up before the plan was made. */
  readonly failedEarly = new Map<number, RcopyError>();
  /** File hashes of large files that the sender vouched for before their first extent came. */
  readonly verifiedEarly = new Map<number, Uint8Array>();
  /** Large files of which something may be there from an earlier run, ascending; filled by the plan. */
  readonly kept: HeldTarget[] = [];
  /** Files that have grown at the sender, whose content is that of the scan. */
  readonly grown = new Set<number>();
  readonly #nameStarts: Uint32Array;
  /** Sizes and times of the manifest, as numbers. */
  readonly sizes: Float64Array;
  readonly mtimeSeconds: Float64Array;
  /** The stamps of large files, by entry; made when first needed. */
  #stamps: Map<number, Uint8Array> | undefined;
  /** Where the text of each link begins; made when first needed. */
  #linkStarts: Map<number, number> | undefined;

  constructor(manifest: Manifest, creditBytes: number) {
    this.number = manifest.batch;
    this.manifest = manifest;
    this.count = manifest.kinds.length;
    this.creditBytes = creditBytes;
    this.states = new Uint8Array(this.count);
    this.unsettled = this.count;
    this.#nameStarts = new Uint32Array(this.count + 1);
    this.sizes = wideNumbers(manifest.sizes);
    this.mtimeSeconds = wideNumbers(manifest.mtimeSeconds);
    const { names } = manifest;
    const starts = this.#nameStarts;
    let entry = 0;
    for (let at = 0; at < names.length; at++) {
      if (names[at] === 0) starts[++entry] = at + 1;
    }
  }

  /** A view of the manifest's names, which the wire has checked. */
  name(entry: number): EntryName {
    return nameIn(this.manifest.names, this.#nameStarts[entry]!, this.#nameStarts[entry + 1]! - 1);
  }

  /** The names of some entries, one by one. */
  namesOf(from: number, to: number): EntryName[] {
    return Array.from({ length: to - from }, (_, i) => this.name(from + i));
  }

  /** The names of some entries, as an engine looks them up. */
  nameRun(from: number, to: number): NameRun {
    return { names: this.manifest.names, starts: this.#nameStarts, from, to };
  }

  /** Adds an entry's name to those of its directory; false if it was there. */
  addNameTo(directory: TargetDirectory, entry: number): boolean {
    return directory.addName(this.manifest.names, this.#nameStarts[entry]!, this.#nameStarts[entry + 1]! - 1);
  }

  kind(entry: number): EntryKind {
    return this.manifest.kinds[entry] as EntryKind; // the wire lets no other pass
  }

  mode(entry: number): number {
    return this.manifest.modes[entry]!;
  }

  /** A small file has another size than the manifest says. */
  setSize(entry: number, bytes: number): void {
    this.sizes[entry] = bytes;
  }

  size(entry: number): number {
    return this.sizes[entry]!;
  }

  mtime(entry: number): Timestamp {
    return { seconds: this.mtimeSeconds[entry]!, nanos: this.manifest.mtimeNanos[entry]! };
  }

  metadata(entry: number): Metadata {
    return {
      kind: this.kind(entry),
      mode: this.mode(entry),
      size: this.size(entry),
      mtime: this.mtime(entry),
    };
  }

  /** Whether an entry is a file above the extent grid. */
  isLarge(entry: number): boolean {
    return this.kind(entry) === EntryKind.file && this.size(entry) > extentBytes;
  }

  /** The sender's stamp of a large file, as a view of the manifest. */
  stamp(entry: number): Uint8Array {
    if (!this.#stamps) {
      this.#stamps = new Map();
      let at = 0;
      for (let i = 0; i < this.count; i++) {
        if (this.isLarge(i)) this.#stamps.set(i, this.manifest.stamps.subarray(at, at += stampBytes));
      }
    }
    const stamp = this.#stamps.get(entry);
    assert(stamp !== undefined, "a large file of this batch");
    return stamp;
  }

  /** The text of a link, as a view of the manifest: texts stand there in the order of the links. */
  linkText(entry: number): Uint8Array {
    const { linkTargets } = this.manifest;
    if (!this.#linkStarts) {
      this.#linkStarts = new Map();
      let start = 0;
      for (let i = 0; i < this.count; i++) {
        if (this.kind(i) !== EntryKind.link) continue;
        this.#linkStarts.set(i, start);
        start = linkTargets.indexOf(0, start) + 1;
      }
    }
    const start = this.#linkStarts.get(entry);
    assert(start !== undefined, "a link of this batch");
    return linkTargets.subarray(start, linkTargets.indexOf(0, start));
  }

  /** Sum of the sizes that the manifest says. */
  get bytesListed(): number {
    let bytes = 0;
    for (let i = 0; i < this.count; i++) bytes += this.sizes[i]!;
    return bytes;
  }

  /** Sum of the sizes of the files that are wanted, before any of them has come. */
  get bytesWanted(): number {
    let bytes = 0;
    for (let i = 0; i < this.count; i++) if (this.states[i] === EntryState.wanted) bytes += this.size(i);
    for (const { size } of this.kept) bytes += size;
    for (const entry of this.compared.keys()) bytes += this.size(entry);
    return bytes;
  }

  /** The message that says what is wanted, right after the batch was planned: nothing of it has failed on its way yet. */
  toWants(): Wants {
    const bitmap = new Uint8Array((this.count + 7) >> 3);
    let wanted = 0;
    for (let i = 0; i < this.count; i++) {
      const state = this.states[i];
      const isWanted = state === EntryState.wanted || state === EntryState.compared;
      if (!isWanted && state !== EntryState.held && state !== EntryState.placed) continue;
      bitmap[i >> 3]! |= 1 << (i & 7);
      wanted++;
    }
    const all = wanted === this.count;
    const none = new Uint8Array(0);
    return {
      kind: "wants",
      batch: this.number,
      all,
      bitmap: all || wanted === 0 ? none : bitmap,
      kept: Uint32Array.from(this.kept, ({ entry }) => entry),
      compared: Uint32Array.from(this.compared.keys()),
    };
  }

  /** An entry could not be read: there is nothing to compare with. */
  forgetCompared(entry: number): void {
    this.compared.delete(entry);
  }

  directoryOf(entry: number): TargetDirectory {
    let low = 0;
    let high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.groups[middle]!.end > entry) high = middle;
      else low = middle + 1;
    }
    return this.groups[low]!.directory;
  }
}
