/** Listings of the io_uring engine: getdents64 in large chunks, statx of each name where it lies. */
import { dirent64, errno, openFlag } from "../../ffi/mod.ts";
import type { EntryColumns } from "../fs/entry_columns.ts";
import type { Listing } from "./engine.ts";
import type { Calls } from "./uring_calls.ts";
import type { DirectoryDescriptors, UringDirectory } from "./uring_directory.ts";

const chunkBytes = 32 * 1024;
const dot = 0x2e;

export class UringListing implements Listing {
  readonly #calls: Calls;
  readonly #descriptors: DirectoryDescriptors;
  readonly #directory: UringDirectory;
  /** A descriptor of its own, with its own position; -1 once closed. */
  #fd: number;
  readonly #chunk = new Uint8Array(new ArrayBuffer(chunkBytes));
  readonly #view = new DataView(this.#chunk.buffer);
  #at = 0;
  #end = 0;

  constructor(calls: Calls, descriptors: DirectoryDescriptors, directory: UringDirectory) {
    this.#calls = calls;
    this.#descriptors = descriptors;
    this.#directory = directory;
    const self = Uint8Array.of(dot);
    this.#fd = calls.openBelow(descriptors.of(directory), self, openFlag.readOnly | openFlag.directory);
    if (this.#fd < 0) throw calls.error(`cannot list ${directory.shown}`, "openat2");
  }

  next(columns: EntryColumns, entriesMax: number): boolean {
    const directoryFd = this.#descriptors.of(this.#directory);
    for (let added = 0; added < entriesMax;) {
      if (this.#at === this.#end && !this.#readChunk()) return false;
      const record = this.#at;
      this.#at += this.#view.getUint16(record + dirent64.recordLength, true);
      const start = record + dirent64.name;
      const chunk = this.#chunk;
      if (
        chunk[start] === dot &&
        (chunk[start + 1] === 0 || (chunk[start + 1] === dot && chunk[start + 2] === 0))
      ) continue;
      added++;
      this.#add(columns, directoryFd, start);
    }
    return true;
  }

  #readChunk(): boolean {
    const count = Number(this.#calls.libc.call.getdents64(this.#fd, this.#chunk, BigInt(chunkBytes)));
    if (count < 0) throw this.#calls.error(`cannot list ${this.#directory.shown}`, "getdents64");
    this.#at = 0;
    this.#end = count;
    return count > 0;
  }

  #add(columns: EntryColumns, directoryFd: number, start: number): void {
    const chunk = this.#chunk;
    const stat = this.#calls.statTerminated(directoryFd, chunk.subarray(start));
    const name = chunk.subarray(start, chunk.indexOf(0, start));
    if (stat) {
      columns.append(name, stat);
      return;
    }
    if (this.#calls.errno === errno.noEntry) return; // it vanished between the listing and the look
    const error = this.#calls.error(`cannot look at ${this.#directory.showEntry(name)}`, "statx");
    columns.failures.push({ name: name.slice(), error });
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) this.#calls.close(this.#fd);
    this.#fd = -1;
  }
}
