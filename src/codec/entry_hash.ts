/** The hash of an entry: what the tree hash is the sum of. Defined in `src/wire/PROTOCOL.md`, "Integrity". */
import { hashBytes } from "../wire/limits.ts";
import type { Codec } from "./codec.ts";
import { EntryKind, type Timestamp } from "../entry/metadata.ts";

/** Version of the record, its first byte. */
const recordVersion = 1;
/** Where the fields of the record begin, in bytes; numbers are little-endian. The path is the rest. */
const at = {
  version: 0,
  kind: 1,
  mode: 2,
  size: 4,
  content: 12,
  attributes: 28,
  seconds: 44,
  nanos: 52,
  path: 56,
};
const word = 2 ** 32;

/** What an entry hash covers. */
export interface HashedEntry {
  kind: EntryKind;
  /** 0 to 0o777; links count as 0. */
  mode: number;
  /** Bytes; anything but a file counts as 0. */
  size: number;
  /** 16 bytes: the file hash, the hash of a link's text; ignored for a directory. */
  content: Uint8Array;
  mtime: Timestamp;
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
    // Half of the scratch memory holds a record; nothing is kept there across calls.
    this.#record = codec.scratch.offset + hashBytes;
    this.#recordBytesMax = codec.scratch.length / 2 - hashBytes;
    this.#view = new DataView(codec.memory.buffer);
  }

  /** Writes the canonical 16 bytes of the hash to `into` at `place`. */
  hash(entry: HashedEntry, into: Uint8Array, place: number): void {
    const { prefix, name } = entry;
    const length = at.path + prefix.length + name.length;
    this.#fill(entry);
    if (length > this.#recordBytesMax) {
      into.set(this.#hashLong(prefix, name), place);
      return;
    }
    const memory = this.#codec.memory;
    const record = this.#record;
    memory.set(prefix, record + at.path);
    memory.set(name, record + at.path + prefix.length);
    const result = this.#codec.scratch.offset;
    this.#codec.hash(record, length, result);
    into.set(memory.subarray(result, result + hashBytes), place);
  }

  /** Everything of the record but the path. */
  #fill({ kind, mode, size, content, mtime }: HashedEntry): void {
    const memory = this.#codec.memory;
    const record = this.#record;
    const view = this.#view;
    const bytes = kind === EntryKind.file ? size : 0;
    memory.fill(0, record, record + at.path);
    view.setUint8(record + at.version, recordVersion);
    view.setUint8(record + at.kind, kind);
    view.setUint16(record + at.mode, kind === EntryKind.link ? 0 : mode, true);
    view.setUint32(record + at.size, bytes >>> 0, true);
    view.setUint32(record + at.size + 4, Math.floor(bytes / word), true);
    if (kind !== EntryKind.directory) memory.set(content, record + at.content);
    // No attributes are carried yet: their hash stays zero.
    view.setUint32(record + at.seconds, mtime.seconds >>> 0, true);
    view.setInt32(record + at.seconds + 4, Math.floor(mtime.seconds / word), true);
    view.setUint32(record + at.nanos, mtime.nanos, true);
  }

  #hashLong(prefix: Uint8Array, name: Uint8Array): Uint8Array {
    using stream = this.#codec.stream();
    stream.update(this.#codec.memory.slice(this.#record, this.#record + at.path));
    stream.update(prefix);
    stream.update(name);
    return stream.digest();
  }
}
