/**
 * Listings of the io_uring engine: getdents64 in large chunks, statx of each name where it lies. By libc: the
 * ring would hand each statx to a thread, which gains nothing, not even with a cold cache.
 */
import { dirent64, errno, errnoError, Scratch } from "../../../ffi/mod.ts";
import { assert } from "../../base/errors.ts";
import type { EntryColumns } from "../../entry/columns.ts";
import type { Listing } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import type { RingQueue } from "./queue.ts";

const chunkBytes = 32 * 1024;
/** Descriptors for listings: at most so many, and at most this part of what the process may have. */
const openMax = 16;
const partOfLimit = 32;
/**
 * Entries between two turns of the ring. A statx waits for a cold disk, and files are read through the ring meanwhile: this
 * thread alone submits the next ones.
 */
const entriesPerTurn = 16;
const dot = 0x2e;

/** The state that listings share: calls, chunks to use again, and a bound on descriptors. */
export class Listings {
  readonly calls: SystemCalls;
  readonly directories: Directories;
  readonly queue: RingQueue;
  readonly #max: number;
  readonly #chunks: Scratch[] = [];
  /** Listings with a descriptor, the least lately used first. */
  readonly #open = new Set<UringListing>();

  constructor(calls: SystemCalls, directories: Directories, queue: RingQueue) {
    this.calls = calls;
    this.directories = directories;
    this.queue = queue;
    this.#max = Math.max(2, Math.min(openMax, Math.floor(calls.fileLimit / partOfLimit)));
  }

  takeChunk(): Scratch {
    return this.#chunks.pop() ?? new Scratch(chunkBytes);
  }

  giveChunk(chunk: Scratch): void {
    if (this.#chunks.length < openMax) this.#chunks.push(chunk);
  }

  /** A listing has opened its descriptor; where there are too many, the least lately used listing closes its own. */
  opened(listing: UringListing): void {
    this.#open.add(listing);
    if (this.#open.size <= this.#max) return;
    for (const oldest of this.#open) {
      if (oldest === listing) continue;
      oldest.setAside();
      return;
    }
  }

  closed(listing: UringListing): void {
    this.#open.delete(listing);
  }

  closeAll(): void {
    for (const listing of [...this.#open]) listing.setAside();
  }
}

/** A directory being listed, with a descriptor of its own. */
export class UringListing implements Listing {
  readonly #shared: Listings;
  readonly #directory: UringDirectory;
  #chunk: Scratch | undefined;
  #fd = -1;
  #at = 0;
  #end = 0;
  /** Where the directory goes on after the chunk, as the last record of the chunk said. */
  #resumeAt = 0n;
  #isEnded = false;
  #isDisposed = false;

  /** @throws {RcopyError} if the directory cannot be read */
  constructor(shared: Listings, directory: UringDirectory) {
    this.#shared = shared;
    this.#directory = directory;
    this.#open();
  }

  #open(): void {
    const { calls, directories } = this.#shared;
    const { openHow, selfPath } = calls.memory;
    const fd = calls.open(directories.fd(this.#directory), selfPath, openHow.listing);
    if (fd < 0) throw errnoError(-fd, `cannot list ${this.#directory.shown}`, "openat2");
    this.#fd = fd;
    this.#shared.opened(this);
    if (this.#resumeAt === 0n) return;
    const result = calls.libc.seek(fd, this.#resumeAt);
    if (result < 0) throw errnoError(-result, `cannot list ${this.#directory.shown}`, "lseek");
  }

  /** Closes the descriptor; the next use opens another one and goes on where this one was. */
  setAside(): void {
    if (this.#fd < 0) return;
    this.#shared.calls.libc.close(this.#fd);
    this.#fd = -1;
    this.#shared.closed(this);
  }

  next(columns: EntryColumns, entriesMax: number): boolean {
    assert(!this.#isDisposed, "a listing is used before it is disposed of");
    let directoryFd = this.#shared.directories.fd(this.#directory);
    for (let added = 0; added < entriesMax;) {
      if (this.#at === this.#end && !this.#readChunk()) return false;
      const { bytes, view } = this.#chunk!;
      const record = this.#at;
      this.#at += view.getUint16(record + dirent64.recordLength, true);
      const start = record + dirent64.name;
      if (isDots(bytes, start)) continue;
      added += 1;
      this.#add(columns, directoryFd, start);
      if (added % entriesPerTurn !== 0) continue;
      this.#shared.queue.turn();
      directoryFd = this.#shared.directories.fd(this.#directory);
    }
    return true;
  }

  /** Fills the chunk; false at the end of the directory. */
  #readChunk(): boolean {
    if (this.#isEnded) return false;
    if (this.#fd < 0) this.#open();
    const chunk = this.#chunk ??= this.#shared.takeChunk();
    const count = this.#shared.calls.libc.getdents64(this.#fd, chunk.bytes);
    // A directory that was removed meanwhile has no more entries.
    if (count < 0 && count !== -errno.noent) {
      throw errnoError(-count, `cannot list ${this.#directory.shown}`, "getdents64");
    }
    this.#at = 0;
    this.#end = Math.max(count, 0);
    this.#isEnded = count <= 0;
    if (this.#isEnded) this.setAside();
    else this.#resumeAt = lastOffset(chunk.view, this.#end);
    return !this.#isEnded;
  }

  #add(columns: EntryColumns, directoryFd: number, start: number): void {
    const { calls } = this.#shared;
    const { bytes } = this.#chunk!;
    const end = nameEnd(bytes, start);
    const result = calls.statName(directoryFd, calls.memory.putNameIn(bytes, start, end));
    if (result >= 0) {
      calls.stat.describe(columns, columns.appendName(bytes, start, end));
    } else if (result !== -errno.noent) { // else it vanished since the directory was read
      const name = bytes.subarray(start, end);
      const error = errnoError(-result, `cannot look at ${this.#directory.showEntry(name)}`, "statx");
      columns.failures.push({ name: name.slice(), error });
    }
  }

  [Symbol.dispose](): void {
    this.setAside();
    this.#isDisposed = true;
    if (this.#chunk) this.#shared.giveChunk(this.#chunk);
    this.#chunk = undefined;
  }
}

/** Whether the name at `start` is "." or "..". */
export function isDots(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === dot &&
    (bytes[start + 1] === 0 || (bytes[start + 1] === dot && bytes[start + 2] === 0));
}

/** Where the name at `start` ends. */
export function nameEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  while (bytes[end] !== 0) end += 1;
  return end;
}

/** `d_off` of the last record of a chunk. */
function lastOffset(view: DataView, end: number): bigint {
  let last = 0;
  for (let at = 0; at < end; at += view.getUint16(at + dirent64.recordLength, true)) last = at;
  return view.getBigInt64(last + dirent64.offset, true);
}
