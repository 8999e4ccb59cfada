/** The hash of an entry: what the tree hash is the sum of. Defined in `src/wire/PROTOCOL.md`, "Integrity". */
import { hashBytes } from "../wire/limits.ts";
import type { Codec } from "./codec.ts";
import { EntryKind } from "../entry/metadata.ts";

/** Bytes of the record before the path: kind, mode, size, content hash. */
const fixedBytes = 1 + 2 + 8 + 16;

/** What an entry hash covers. */
export interface HashedEntry {
  kind: EntryKind;
  /** 0 to 0o777; links count as 0. */
  mode: number;
  /** Bytes; anything but a file counts as 0. */
  size: number;
  /** 16 bytes: the file hash, the hash of a link's text; ignored for a directory. */
  content: Uint8Array;
  /** Path of the directory with a slash at the end, and the name in it. */
  prefix: Uint8Array;
  name: Uint8Array;
}

/** Computes entry hashes in the codec's scratch memory. */
export class EntryHasher {
  readonly #codec: Codec;
  readonly #record: number;
  readonly #recordBytesMax: number;
  readonly #view: DataView;

  constructor(codec: Codec) {
    this.#codec = codec;
    // Half of the scratch memory holds a record; nobody keeps anything there across calls.
    this.#record = codec.scratch.offset + hashBytes;
    this.#recordBytesMax = codec.scratch.length / 2 - hashBytes;
    this.#view = new DataView(codec.memory.buffer);
  }

  /** Writes the canonical 16 bytes of the hash to `into` at `at`. */
  hash(entry: HashedEntry, into: Uint8Array, at: number): void {
    const { prefix, name } = entry;
    const length = fixedBytes + prefix.length + name.length;
    const memory = this.#codec.memory;
    const record = this.#record;
    const isFile = entry.kind === EntryKind.file;
    this.#view.setUint8(record, entry.kind);
    this.#view.setUint16(record + 1, entry.kind === EntryKind.link ? 0 : entry.mode, true);
    this.#view.setUint32(record + 3, isFile ? entry.size >>> 0 : 0, true);
    this.#view.setUint32(record + 7, isFile ? Math.floor(entry.size / 0x1_0000_0000) : 0, true);
    if (entry.kind === EntryKind.directory) memory.fill(0, record + 11, record + fixedBytes);
    else memory.set(entry.content, record + 11);
    if (length > this.#recordBytesMax) {
      into.set(this.#hashLong(prefix, name), at);
      return;
    }
    memory.set(prefix, record + fixedBytes);
    memory.set(name, record + fixedBytes + prefix.length);
    const result = this.#codec.scratch.offset;
    this.#codec.hash(record, length, result);
    into.set(memory.subarray(result, result + hashBytes), at);
  }

  #hashLong(prefix: Uint8Array, name: Uint8Array): Uint8Array {
    using stream = this.#codec.stream();
    stream.update(this.#codec.memory.slice(this.#record, this.#record + fixedBytes));
    stream.update(prefix);
    stream.update(name);
    return stream.digest();
  }
}
