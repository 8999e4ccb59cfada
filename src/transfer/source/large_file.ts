/** A file above the extent grid while it is being sent. */
import { asRcopyError, assert, type RcopyError } from "../../base/errors.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Engine, Pending, SourceFile } from "../../io/contract/engine.ts";
import { extentBytes } from "../../wire/limits.ts";
import { FileHash } from "../../codec/file_hash.ts";
import { KeptHashes, type KeptPiece } from "../../codec/kept_hashes.ts";
import type { SendBatch } from "./batch.ts";
import type { SourceDirectory } from "./directory.ts";
import { KeptComparison, LargeComparison } from "./large_comparison.ts";
import { ToldBlocks } from "./told_blocks.ts";

export interface LargeSourceOptions {
  engine: Engine;
  /** Of the session, for the hash of the whole file. */
  codec: Codec;
  batch: SendBatch;
  entry: number;
}

/** Shared by all lanes that read its extents; stays open until the receiver has settled it, for extents to send again. */
export class LargeSource implements Disposable {
  readonly batch: SendBatch;
  readonly entry: number;
  readonly size: number;
  readonly extents: number;
  /** Every extent before it has been taken by a lane, or is kept by the receiver. */
  next = 0;
  failure: RcopyError | undefined;
  /** Its size when it was verified, where it had grown by then. */
  grownTo: number | undefined;
  readonly #engine: Engine;
  readonly #codec: Codec;
  /** Made with the first extent: a batch may announce more large files than there can be hash streams. */
  #hash: FileHash | undefined;
  /** The file hash, once every extent is known and the file was found unchanged. */
  #digest: Uint8Array | undefined;
  /** What the receiver has of it from an earlier run, as far as it has told. */
  #kept: KeptHashes | undefined;
  #isAwaitingKept = false;
  /** What the receiver has under its name, where that is compared; it stays when that is over. */
  #comparison: LargeComparison | undefined;
  #keptComparison: KeptComparison | undefined;
  /** What the receiver has told of an older version. */
  #blocks: ToldBlocks | undefined;
  /** Blocks may have been told of before it was begun anew. */
  #isTelling = false;
  /** Content bytes of each extent that are not sent, as the older version has them; made with the first. */
  #matched: Uint32Array | undefined;
  /** It waits among those of which there is something to send. */
  isQueued = false;
  readonly #directory: SourceDirectory;
  #file: SourceFile | undefined;
  /** Reads under way, which may be another thread's: the file stays open for them. */
  #readers = 0;
  #isDisposed = false;

  constructor({ engine, codec, batch, entry }: LargeSourceOptions) {
    this.#engine = engine;
    // Its batch may be settled long before it is, and it may have to be opened again.
    this.#directory = batch.directoryOf(entry);
    this.#directory.retain();
    this.batch = batch;
    this.entry = entry;
    this.size = batch.columns.sizes[entry]!;
    this.extents = Math.ceil(this.size / extentBytes);
    this.#codec = codec;
  }

  /** The open file. @throws {RcopyError} `vanished`, `changed`, `not-permitted` … */
  file(): SourceFile {
    this.#file ??= this.#engine.openSource(
      this.#directory.handle,
      this.batch.nameOnDisk(this.entry),
      this.batch.columns.identity(this.entry),
    );
    return this.#file;
  }

  /** Starts a read of the file, which stays open until that read is finished. @throws {RcopyError} as {@linkcode file} */
  reading<T>(start: (file: SourceFile) => Pending<T>): Pending<T> {
    const pending = start(this.file());
    this.#readers++;
    return {
      finish: async () => {
        try {
          return await pending.finish();
        } finally {
          this.#readers--;
          if (this.#isDisposed && this.#readers === 0) {
            this.#close();
            this.#directory.release();
          }
        }
      },
    };
  }

  /** The receiver has a file of this size under its name: its content is compared before anything is sent. */
  awaitComparison(): void {
    this.#comparison = new LargeComparison(this.extents);
  }

  /** Whether nothing is sent of it yet, since it is being compared. */
  get isCompared(): boolean {
    return this.#comparison?.outcome === "open";
  }

  get comparison(): LargeComparison | undefined {
    return this.#comparison;
  }

  /** What the receiver keeps is compared as well before it is believed. Only once that is known. */
  compareKept(): void {
    this.#keptComparison = this.#kept && new KeptComparison(this.#kept);
  }

  get keptComparison(): KeptComparison | undefined {
    return this.#keptComparison;
  }

  /** The next extent to compare; `undefined` where there is none now. */
  takeCompared(): number | undefined {
    return (this.#keptComparison ?? this.#comparison)?.takeNext();
  }

  /** It is another one than the receiver has: all of it is read again, and sent. */
  beginAnew(): void {
    this.#dropHash();
  }

  /** The receiver has something of it, and tells what: until then nothing of it is sent. */
  awaitKept(): void {
    // The first time nothing can have been told of it.
    this.#isTelling = this.#kept !== undefined;
    this.#blocks = undefined;
    this.#keptComparison = undefined;
    this.#kept = new KeptHashes(this.extents);
    this.#isAwaitingKept = true;
  }

  get isAwaitingKept(): boolean {
    return this.#isAwaitingKept;
  }

  /**
   * Takes what the receiver has; `basis` in the last of it: an older version, whose blocks follow.
   * @throws {RcopyError} `protocol` for what this file cannot have
   */
  addKept(piece: KeptPiece, more: boolean, basis = false): void {
    this.#kept?.add(piece);
    this.#isAwaitingKept = more;
    if (basis && !more) this.#blocks = new ToldBlocks(this.size, true);
  }

  /** Whether it waits for what the receiver has anew, which may have told of blocks before it knew that. */
  get mayBeTelling(): boolean {
    return this.#isAwaitingKept && this.#isTelling;
  }

  /** Takes what the receiver tells of an older version. @throws {RcopyError} `protocol` for what this file cannot have */
  addBlocks(first: number, hashes: Uint8Array, more: boolean): void {
    this.#blocks ??= new ToldBlocks(this.size, false);
    this.#blocks.add(first, hashes, more);
    this.#blocks.forgetBefore(this.next);
    if (this.#isDisposed) this.#blocks.forgetBefore(this.extents);
  }

  /** What the blocks of an extent hash to at the receiver, which is about to be sent, where that is told. */
  takeBlocks(extent: number): Uint8Array | undefined {
    return this.#blocks?.take(extent);
  }

  /** Extents of which the blocks are told, and which are not taken. */
  get toldExtents(): number {
    return this.#blocks?.count ?? 0;
  }

  /** So many bytes of an extent are not sent. @returns by how many these are more than was said of it before */
  setMatched(extent: number, bytes: number): number {
    if (bytes === 0 && !this.#matched) return 0;
    this.#matched ??= new Uint32Array(this.extents);
    const more = bytes - this.#matched[extent]!;
    this.#matched[extent] = bytes;
    return more;
  }

  /** Extents that the receiver has from an earlier run. */
  get keptExtents(): number {
    return this.#kept?.count ?? 0;
  }

  /** Their bytes. */
  get keptBytes(): number {
    const isLastKept = this.#kept?.has(this.extents - 1) === true;
    const short = isLastKept ? extentBytes - this.bytesOf(this.extents - 1) : 0;
    return this.keptExtents * extentBytes - short;
  }

  isKept(extent: number): boolean {
    return this.#kept?.has(extent) === true;
  }

  /** The next extent for a lane; `undefined` once all are taken, or as long as nothing is told of the next one. */
  takeNext(): number | undefined {
    while (this.next < this.extents && this.isKept(this.next)) this.next++;
    if (this.next >= this.extents || this.#mustWait) return undefined;
    return this.next++;
  }

  /** What is kept is not known, or not compared yet, or something may yet be told of the next extent. */
  get #mustWait(): boolean {
    return this.#isAwaitingKept || this.#keptComparison?.outcome === "open" ||
      this.#blocks?.mustWait(this.next) === true;
  }

  /** Whether anything of it has been read, or is kept; also once it is over. */
  get hasBegun(): boolean {
    return this.#hash !== undefined || this.#digest !== undefined || this.#kept !== undefined ||
      this.#comparison !== undefined || this.#isDisposed;
  }

  /** Whether nothing of it needs to be sent any more. */
  get isSettled(): boolean {
    return this.#isDisposed;
  }

  bytesOf(extent: number): number {
    return Math.min(extentBytes, this.size - extent * extentBytes);
  }

  /** Takes note of the hash of an extent that was read; one that is read again, to be sent again, counts once. */
  addHash(extent: number, hash: Uint8Array): void {
    if (this.#digest) return;
    const known = this.#hashSoFar();
    if (!known.has(extent)) known.add(extent, hash);
  }

  #hashSoFar(): FileHash {
    if (!this.#hash) {
      this.#hash = new FileHash(this.#codec, this.extents);
      if (this.#kept) this.#hash.keep(this.#kept);
    }
    return this.#hash;
  }

  /**
   * Whether every extent has been read, or is kept, and the file did not change meanwhile, but for what was added to its end.
   * @throws {RcopyError} `changed`
   */
  verified(): boolean {
    if (this.#digest) return true;
    const known = this.#hashSoFar();
    if (!known.complete) return false;
    this.grownTo = this.#engine.checkUnchanged(this.file());
    this.#digest = known.digest();
    this.#dropHash();
    // Whatever has to be sent again is read from a file that is opened again, and must be the same.
    this.#close();
    return true;
  }

  /** The file hash, once verified. */
  digest(): Uint8Array {
    assert(this.#digest, "a file that is verified");
    return this.#digest;
  }

  get isVerified(): boolean {
    return this.#digest !== undefined;
  }

  fail(thrown: unknown): RcopyError {
    this.failure = asRcopyError(thrown);
    this[Symbol.dispose]();
    return this.failure;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#close();
    if (this.#readers === 0) this.#directory.release();
    this.#dropHash();
    this.#kept = undefined;
    this.#blocks?.forgetBefore(this.extents);
    this.#matched = undefined;
    this.#comparison?.drop();
    this.#keptComparison = undefined;
  }

  #dropHash(): void {
    this.#hash?.[Symbol.dispose]();
    this.#hash = undefined;
  }

  #close(): void {
    if (this.#readers > 0 || !this.#file) return;
    this.#engine.closeSource(this.#file);
    this.#file = undefined;
  }
}
