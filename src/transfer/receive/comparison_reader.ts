/**
 * Reads files that are there already, and tells the sender what they hash to: small files many at a time, large ones extent by
 * extent. Two loops, so that no large file holds up the small ones; both run beside the plan and the lanes.
 */
import type { EventLoopYield } from "../../base/event_loop_yield.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import { Codec, type Slice } from "../../codec/codec.ts";
import type { Engine, EntryLookup, FileRead, Pending, SourceFile } from "../../io/contract/engine.ts";
import { extentBytes, hashBytes, keptHashesMax } from "../../wire/limits.ts";
import { entryKey } from "../session/entry_key.ts";
import type { SessionRun } from "../session/session_run.ts";
import { EntryState, type ReceiveBatch } from "../target/batch.ts";
import type { HeldTarget } from "../target/tree.ts";
import type { ReceiveUnsettled } from "./unsettled.ts";

/** Small files that are read and told of together; a larger one, up to an extent, alone. */
const filesMax = 512;
const filesBytes = 2 * 1024 * 1024;
/** Extents that are told of together: the sender reads them while the next ones are read here. */
const extentsTold = 8;

/** Small files of a batch. */
export interface ComparedFiles {
  batch: ReceiveBatch;
  entries: readonly number[];
}

/** A large file. */
export interface ComparedLarge {
  held: HeldTarget;
  found: EntryLookup;
  /** Hashes that the sender has been told. */
  hashes: number;
  /** It has been told everything. */
  isTold: boolean;
  /** The sender has not said what came of it. */
  isOpen: boolean;
  /** If it is another one, the sender says so, and waits for what can serve of it. */
  isBasis: boolean;
}

export interface ComparisonReaderOptions {
  run: SessionRun<"receiver">;
  engine: Engine;
  unsettled: ReceiveUnsettled;
}

export class ComparisonReader {
  readonly #options: ComparisonReaderOptions;
  readonly #eventLoopYield: EventLoopYield;
  #files: ComparedFiles[] = [];
  #large: ComparedLarge[] = [];
  /** Large files whose hashes the sender may have in memory, by {@linkcode entryKey}. */
  readonly #told = new Map<number, ComparedLarge>();
  #isReadingFiles = false;
  #isReadingLarge = false;
  #hasEnded = false;
  #onRoom: (() => void) | undefined;

  constructor(options: ComparisonReaderOptions) {
    this.#options = options;
    this.#eventLoopYield = options.run.eventLoopYield;
  }

  add(files: readonly ComparedFiles[], large: readonly ComparedLarge[]): void {
    const { tasks } = this.#options.run;
    this.#files.push(...files);
    this.#large.push(...large);
    if (this.#files.length > 0 && !this.#isReadingFiles) {
      this.#isReadingFiles = true;
      tasks.start(() => this.#readAllFiles());
    }
    if (this.#large.length > 0 && !this.#isReadingLarge) {
      this.#isReadingLarge = true;
      tasks.start(() => this.#readAllLarge());
    }
  }

  /** Looks whether the sender can be told of more. */
  lookForRoom(): void {
    this.#onRoom?.();
  }

  /** The session has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#onRoom?.();
  }

  // ---- small files

  async #readAllFiles(): Promise<void> {
    using codec = Codec.open({ arenaBytes: extentBytes });
    using slice = codec.arena.take(extentBytes);
    for (;;) {
      await this.#eventLoopYield.now();
      const next = this.#files.shift();
      if (!next || this.#hasEnded) break;
      for (let at = 0; at < next.entries.length && !this.#hasEnded;) {
        const entries = portionOf(next, at);
        at += entries.length;
        await this.#readFiles(next.batch, entries, { codec, slice });
      }
    }
    this.#isReadingFiles = false;
  }

  async #readFiles(
    batch: ReceiveBatch,
    entries: readonly number[],
    { codec, slice }: { codec: Codec; slice: Slice },
  ): Promise<void> {
    const { engine, run } = this.#options;
    let offset = slice.offset;
    const reads = entries.map((entry): FileRead => {
      const directory = batch.directoryOf(entry).handle!;
      const read = { directory, name: batch.name(entry), expected: batch.compared.get(entry)!, offset };
      offset += read.expected.size;
      return read;
    });
    const began = performance.now();
    await engine.readFiles(reads, codec.memory).finish();
    const read = run.account.wait("read", began);
    if (this.#hasEnded) return;
    const sound = reads.filter(({ error }) => error === undefined);
    const hashes = hashFilesInPlace(
      codec,
      sound.map((file) => file.offset),
      sound.map((file) => file.expected.size),
    );
    run.account.book("verify", read);
    this.#tellFiles(batch, entries, { reads, hashes });
    await run.control.flushed();
    await this.#eventLoopYield.ifDue();
  }

  #tellFiles(
    batch: ReceiveBatch,
    entries: readonly number[],
    { reads, hashes }: { reads: readonly FileRead[]; hashes: Uint8Array },
  ): void {
    const isRead = (_: number, i: number) => reads[i]!.error === undefined;
    const told = entries.filter(isRead);
    const unread = entries.filter((entry, i) => !isRead(entry, i));
    for (const entry of entries) batch.states[entry] = EntryState.told;
    for (const entry of unread) batch.forgetCompared(entry);
    this.#options.run.control.send({
      kind: "fileHashes",
      batch: batch.number,
      entries: Uint32Array.from(told),
      hashes: hashes.subarray(0, told.length * hashBytes),
      unread: Uint32Array.from(unread),
    });
  }

  // ---- large files

  async #readAllLarge(): Promise<void> {
    using codec = Codec.open({ arenaBytes: 2 * extentBytes });
    using even = codec.arena.take(extentBytes);
    using odd = codec.arena.take(extentBytes);
    for (;;) {
      await this.#eventLoopYield.now();
      const next = this.#large.shift();
      if (!next || this.#hasEnded) break;
      if (!next.isOpen) continue;
      const hashes = Math.min(Math.ceil(next.held.size / extentBytes), keptHashesMax);
      while (!this.#hasRoom(hashes) && !this.#hasEnded) {
        await new Promise<void>((resolve) => this.#onRoom = resolve);
      }
      if (this.#hasEnded) break;
      this.#told.set(entryKey(next.held.batch, next.held.entry), next);
      await this.#readLarge(next, { codec, slices: [even, odd] });
    }
    this.#isReadingLarge = false;
  }

  /** What has failed here counts until the sender knows that: until its batch is settled as well. */
  #hasRoom(hashes: number): boolean {
    const { unsettled } = this.#options;
    let sum = hashes;
    for (const [key, { held, isOpen, ...one }] of this.#told) {
      if (!isOpen && !unsettled.find(held.batch)) this.#told.delete(key);
      else sum += one.isTold ? one.hashes : Math.min(Math.ceil(held.size / extentBytes), keptHashesMax);
    }
    return sum <= keptHashesMax;
  }

  async #readLarge(one: ComparedLarge, memory: { codec: Codec; slices: [Slice, Slice] }): Promise<void> {
    const { engine } = this.#options;
    const { held } = one;
    const source = this.#open(one);
    try {
      if (source) await this.#tellExtents(one, source, memory);
    } finally {
      if (source) engine.closeSource(source);
    }
    if (!one.isOpen || this.#hasEnded) return;
    // What is not told by now could not be read: it is sent.
    one.isTold = true;
    if (one.hashes === 0) held.isCompared = false;
    this.tellEnd(one);
  }

  /** Tells that nothing more is told of a file. */
  tellEnd({ held: { batch, entry }, hashes: first, isBasis: basis }: ComparedLarge): void {
    const none = new Uint8Array(0);
    const message = { kind: "kept", batch, entry, first, bitmap: none, hashes: none, more: false } as const;
    this.#options.run.control.send({ ...message, basis });
  }

  #open({ held, found }: ComparedLarge): SourceFile | undefined {
    try {
      return this.#options.engine.openSource(held.directory.handle!, held.name, found);
    } catch {
      return undefined;
    }
  }

  /** Tells of one extent after the other, until one cannot be read, or the sender knows enough. */
  async #tellExtents(
    one: ComparedLarge,
    source: SourceFile,
    { codec, slices }: { codec: Codec; slices: [Slice, Slice] },
  ): Promise<void> {
    const { run } = this.#options;
    const extents = Math.min(Math.ceil(one.held.size / extentBytes), keptHashesMax);
    const hashes = new Uint8Array(extentsTold * hashBytes);
    let reading: Pending | undefined = this.#startRead(source, 0, slices[0]);
    for (let index = 0; index < extents; index++) {
      const began = performance.now();
      const isRead = await isDone(reading);
      const read = run.account.wait("read", began);
      if (!isRead || !one.isOpen || this.#hasEnded) return;
      // The next one is read while this one is hashed.
      const more = index + 1 < extents;
      reading = more ? this.#startRead(source, index + 1, slices[(index + 1) % 2 === 0 ? 0 : 1]) : undefined;
      const bytes = Math.min(extentBytes, one.held.size - index * extentBytes);
      codec.hash(slices[index % 2 === 0 ? 0 : 1].offset, bytes, codec.scratch.offset);
      const { offset } = codec.scratch;
      hashes.set(codec.memory.subarray(offset, offset + hashBytes), (index % extentsTold) * hashBytes);
      run.account.book("verify", read);
      if (!more || (index + 1) % extentsTold === 0) {
        this.#tellPiece(one, hashes, index + 1 - one.hashes);
        await run.control.flushed();
      }
      await this.#eventLoopYield.ifDue();
    }
  }

  #startRead(source: SourceFile, index: number, { bytes }: Slice): Pending {
    const offset = index * extentBytes;
    try {
      const length = Math.min(extentBytes, source.size - offset);
      return this.#options.engine.readRange(source, offset, bytes.subarray(0, length));
    } catch (error) {
      return { finish: () => Promise.reject(error) };
    }
  }

  #tellPiece(one: ComparedLarge, hashes: Uint8Array, count: number): void {
    const { batch, entry } = one.held;
    this.#options.run.control.send({
      kind: "kept",
      batch,
      entry,
      first: one.hashes,
      bitmap: Uint8Array.of((1 << count) - 1),
      hashes: hashes.slice(0, count * hashBytes),
      more: true,
      basis: one.isBasis,
    });
    one.hashes += count;
  }
}

/** As many files as are read together, from the one at `at` on. */
function portionOf({ batch, entries }: ComparedFiles, at: number): number[] {
  const portion: number[] = [];
  let bytes = 0;
  for (; at < entries.length && portion.length < filesMax; at++) {
    const entry = entries[at]!;
    bytes += batch.size(entry);
    if (portion.length > 0 && bytes > filesBytes) break;
    portion.push(entry);
  }
  return portion;
}

async function isDone(pending: Pending | undefined): Promise<boolean> {
  try {
    await pending?.finish();
    return pending !== undefined;
  } catch {
    return false;
  }
}
