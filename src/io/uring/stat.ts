/** A `struct statx`, read in place. */
import { type Scratch, statx } from "../../../ffi/mod.ts";
import type { EntryColumns, EntryStat } from "../../entry/columns.ts";
import type { EntryLookup, Replaceable } from "../contract/engine.ts";
import type { FoundEntries } from "../contract/found.ts";
import { EntryKind, type FileIdentity, kindOfMode } from "../../entry/metadata.ts";

const wordSize = 4294967296;

/** The result of the last statx; the next one overwrites it. */
export class StatView {
  readonly #view: DataView<ArrayBuffer>;
  readonly #inode: BigUint64Array<ArrayBuffer>;
  readonly #at: number;
  readonly #entry: EntryStat = {
    kind: EntryKind.file,
    mode: 0,
    special: 0,
    size: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    device: 0,
    inode: 0n,
    ctimeNs: 0n,
  };

  /** `at` is a multiple of 8. */
  constructor(scratch: Scratch, at: number) {
    this.#view = scratch.view;
    this.#at = at;
    this.#inode = new BigUint64Array(scratch.view.buffer, at + statx.inode, 1);
  }

  #word(field: number): number {
    return this.#view.getUint32(this.#at + field, true);
  }

  get #fullMode(): number {
    return this.#view.getUint16(this.#at + statx.mode, true);
  }

  /** Permission bits, 0 to 0o777. */
  get mode(): number {
    return this.#fullMode & 0o777;
  }

  /** Set-user, set-group and sticky bit. */
  get special(): number {
    return this.#fullMode & 0o7000;
  }

  /** Names that it has. */
  get links(): number {
    return this.#word(statx.links);
  }

  get owner(): number {
    return this.#word(statx.owner);
  }

  get kind(): EntryKind {
    return kindOfMode(this.#fullMode);
  }

  /** Of a file, in bytes; beyond 2^53 the number is not exact. */
  get bytes(): number {
    return this.#word(statx.bytes + 4) * wordSize + this.#word(statx.bytes);
  }

  get mtimeSeconds(): number {
    return this.#view.getInt32(this.#at + statx.mtime + 4, true) * wordSize + this.#word(statx.mtime);
  }

  get mtimeNanos(): number {
    return this.#word(statx.mtime + statx.nanoseconds);
  }

  get ctimeNs(): bigint {
    const seconds = this.#view.getBigInt64(this.#at + statx.ctime, true);
    return seconds * 1_000_000_000n + BigInt(this.#word(statx.ctime + statx.nanoseconds));
  }

  get inode(): bigint {
    return this.#inode[0]!;
  }

  /** As glibc's makedev joins the two numbers, and so as Deno shows a device. */
  get device(): number {
    const major = this.#word(statx.deviceMajor);
    const minor = this.#word(statx.deviceMinor);
    const low = ((major & 0xfff) << 8 | minor & 0xff) >>> 0;
    return (major >>> 12) * 4096 * wordSize + (minor >>> 8) * 256 * 4096 + low;
  }

  /** All fields, as columns store them. The next call overwrites the object that this one returns. */
  get entry(): EntryStat {
    const entry = this.#entry;
    entry.kind = this.kind;
    entry.mode = this.mode;
    entry.special = this.special;
    entry.size = entry.kind === EntryKind.file ? this.bytes : 0;
    entry.mtimeSeconds = this.mtimeSeconds;
    entry.mtimeNanos = this.mtimeNanos;
    entry.device = this.device;
    entry.inode = this.inode;
    entry.ctimeNs = this.ctimeNs;
    return entry;
  }

  /** Fills in all columns of an entry, as {@linkcode entry} has them. */
  describe(columns: EntryColumns, at: number): void {
    const mode = this.#fullMode;
    const kind = kindOfMode(mode);
    columns.kinds[at] = kind;
    columns.modes[at] = mode & 0o777;
    columns.specials[at] = mode & 0o7000;
    columns.sizes[at] = kind === EntryKind.file ? this.bytes : 0;
    columns.mtimeSeconds[at] = this.mtimeSeconds;
    columns.mtimeNanos[at] = this.mtimeNanos;
    columns.devices[at] = this.device;
    columns.inodes[at] = this.#inode[0]!;
    columns.ctimesNs[at] = this.ctimeNs;
  }

  /** Fills in a row of what was found, as {@linkcode lookup} has it. */
  putInto(found: FoundEntries, row: number): void {
    const mode = this.#fullMode;
    const kind = kindOfMode(mode);
    found.kinds[row] = kind;
    found.modes[row] = mode & 0o7777;
    found.sizes[row] = kind === EntryKind.file ? this.bytes : 0;
    found.mtimeSeconds[row] = this.mtimeSeconds;
    found.mtimeNanos[row] = this.mtimeNanos;
    found.links[row] = this.links;
    found.owners[row] = this.owner;
    found.devices[row] = this.device;
    found.inodes[row] = this.#inode[0]!;
    found.ctimesNs[row] = this.ctimeNs;
  }

  /** What a lookup tells of it. */
  get lookup(): EntryLookup {
    const { kind, mode, size, mtimeSeconds, mtimeNanos, device, inode, ctimeNs } = this.entry;
    const { special, owner, links } = this;
    const mtime = { seconds: mtimeSeconds, nanos: mtimeNanos };
    return { kind, mode, special, owner, links, size, mtime, device, inode, ctimeNs };
  }

  /** Whether it is what may be replaced. */
  isAsFound(found: Replaceable): boolean {
    const { kind, size, mtimeSeconds, mtimeNanos, ctimeNs } = this.entry;
    return kind === found.kind && size === found.size && mtimeSeconds === found.mtime.seconds &&
      mtimeNanos === found.mtime.nanos && (found.ctimeNs === 0n || ctimeNs === found.ctimeNs);
  }

  /** Whether it is the very file that was listed, and has more bytes than then. */
  isGrown(expected: FileIdentity): boolean {
    return this.kind === EntryKind.file && this.bytes > expected.size && this.inode === expected.inode &&
      this.device === expected.device;
  }

  /** Whether it is a regular file, and the very one that was listed, in the state in which it was listed. */
  isSame(expected: FileIdentity): boolean {
    return this.kind === EntryKind.file && this.bytes === expected.size && this.inode === expected.inode &&
      this.mtimeNanos === expected.mtime.nanos && this.mtimeSeconds === expected.mtime.seconds &&
      this.device === expected.device && (expected.ctimeNs === 0n || this.ctimeNs === expected.ctimeNs);
  }
}
