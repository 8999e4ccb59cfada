/** The sending side of a data connection, in this thread. */
import { Codec, type Slice } from "../../codec/codec.ts";
import type { FileRead, Pending, SourceFile } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import {
  type ContentCache,
  headRoomBytes,
  type LaneContext,
  type SendIo,
  sendSliceBytes,
  type Turn,
} from "./lane_io.ts";
import { hashBytes } from "../../wire/limits.ts";
import { LocalIo } from "./local_io.ts";

/** What fits into the cache of one core. */
const pieceBytes = 512 * 1024;

export class LocalSendIo extends LocalIo implements SendIo {
  readonly isInMainThread = true;
  readonly directoriesMax = Infinity;
  readonly #codec = Codec.open({ arenaBytes: 2 * sendSliceBytes + 8192 });
  readonly #slices: readonly [Slice, Slice];
  readonly #cache: ContentCache | undefined;
  /** The last write that was queued. */
  #writing: Promise<void> = Promise.resolve();

  constructor(channel: Channel, context: LaneContext) {
    super(channel, context);
    this.#cache = context.cache;
    const { arena } = this.#codec;
    this.#slices = [arena.take(sendSliceBytes), arena.take(sendSliceBytes)];
  }

  readFiles(turn: Turn, files: FileRead[]): Pending<Uint8Array> {
    const account = this.account;
    const began = performance.now();
    let offset = this.#slices[turn].offset + headRoomBytes;
    for (const file of files) {
      file.offset = offset;
      offset += file.expected.size;
    }
    const { memory } = this.#codec;
    const cache = this.#cache;
    const missing = cache ? files.filter((file) => !cache.take(file, memory)) : files;
    const pending = this.engine.readFiles(missing, memory);
    account.book("read", began);
    return { finish: () => account.finish("read", pending, () => this.#hashFiles(turn, files)) };
  }

  readExtent(turn: Turn, file: SourceFile, offset: number, bytes: number): Pending<Uint8Array> {
    if (file.isReadAtOnce) return this.#readPieces(turn, file, offset, bytes);
    const account = this.account;
    const began = performance.now();
    const target = this.#slices[turn].bytes.subarray(headRoomBytes, headRoomBytes + bytes);
    const pending = this.engine.readRange(file, offset, target);
    account.book("read", began);
    return { finish: () => account.finish("read", pending, () => this.#hashExtent(turn, bytes)) };
  }

  write(turn: Turn, head: Uint8Array, payloadBytes: number): Promise<void> {
    const { bytes } = this.#slices[turn];
    const start = headRoomBytes - head.length;
    bytes.set(head, start);
    const frame = bytes.subarray(start, headRoomBytes + payloadBytes);
    this.#writing = this.#writing.then(() => {
      // What the system takes at once is copied within the call.
      const began = performance.now();
      const writing = this.channel.write(frame);
      this.account.book("network", began);
      return writing;
    });
    return this.#writing;
  }

  #hashFiles(turn: Turn, files: FileRead[]): Uint8Array {
    const began = performance.now();
    const kept = files.some((file) => file.error) ? this.#closeGaps(turn, files) : files;
    const hashes = hashFilesInPlace(
      this.#codec,
      kept.map((file) => file.offset),
      kept.map((file) => file.expected.size),
    );
    this.account.book("hash", began);
    return hashes;
  }

  /** Closes the gaps of files that failed, so that no stale byte leaves. */
  #closeGaps(turn: Turn, files: FileRead[]): FileRead[] {
    const { memory } = this.#codec;
    const kept = files.filter((file) => file.error === undefined);
    let offset = this.#slices[turn].offset + headRoomBytes;
    for (const file of kept) {
      const { size } = file.expected;
      if (offset !== file.offset) memory.copyWithin(offset, file.offset, file.offset + size);
      file.offset = offset;
      offset += size;
    }
    return kept;
  }

  /** Piece by piece, each hashed while it is still in the processor's cache. */
  #readPieces(turn: Turn, file: SourceFile, offset: number, bytes: number): Pending<Uint8Array> {
    const slice = this.#slices[turn];
    return {
      finish: () => {
        const began = performance.now();
        let hashMs = 0;
        using stream = this.#codec.stream();
        for (let at = 0; at < bytes; at += pieceBytes) {
          const length = Math.min(pieceBytes, bytes - at);
          const start = headRoomBytes + at;
          const pending = this.engine.readRange(
            file,
            offset + at,
            slice.bytes.subarray(start, start + length),
          );
          pending.finish();
          const read = performance.now();
          stream.updateRange(slice.offset + start, length);
          hashMs += performance.now() - read;
        }
        this.account.add("read", performance.now() - began - hashMs);
        this.account.add("hash", hashMs);
        return stream.digest();
      },
    };
  }

  #hashExtent(turn: Turn, bytes: number): Uint8Array {
    const began = performance.now();
    const { memory, scratch } = this.#codec;
    this.#codec.hash(this.#slices[turn].offset + headRoomBytes, bytes, scratch.offset);
    this.account.book("hash", began);
    return memory.slice(scratch.offset, scratch.offset + hashBytes);
  }
}
