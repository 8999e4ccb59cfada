/** The sending side of a data connection, in this thread. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { Codec, type Slice } from "../../codec/codec.ts";
import type { FileRead, Pending, SourceFile } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { allBlocks, differingBlocks, gatherBlocks, hashBlocks } from "../../codec/blocks.ts";
import { hashFilesInPlace } from "../../codec/bundle_hash.ts";
import { readJoined } from "../../meet/handshake.ts";
import { encodeDataHead, encodeFrame } from "../../wire/frame.ts";
import { dataMessageBytesMax, extentBytes, hashBytes, headerBytes } from "../../wire/limits.ts";
import type { ContentCache, ExtentRead, ReadRange, SendIo, SentUnit, Turn } from "./lane_io.ts";
import { type LocalContext, LocalIo } from "./local_io.ts";

/** Read and hashed at a time: what fits into the cache of one core. */
const cachedBytes = 512 * 1024;
/**
 * Room around the content of a slice for the frames before and behind it, so that a unit is contiguous. Whole pages, so that
 * content begins at one: the kernel copies several times slower to most other places (`tests/bench/README.md`, "Where a buffer
 * begins").
 */
export const headRoomBytes = Math.ceil((headerBytes + dataMessageBytesMax) / 4096) * 4096;
const sliceBytes = headRoomBytes + extentBytes + headRoomBytes;

/** Options of {@linkcode LocalSendIo}. */
export interface LocalSendOptions extends LocalContext {
  /** Content bytes of a frame; a unit that has more travels in several. The limit of the protocol unless told, one write a unit. */
  pieceBytes?: number;
}

export class LocalSendIo extends LocalIo implements SendIo {
  readonly isInMainThread = true;
  readonly directoriesMax = Infinity;
  readonly #codec = Codec.open({ arenaBytes: 2 * sliceBytes });
  readonly #slices: readonly [Slice, Slice];
  readonly #cache: ContentCache | undefined;
  readonly #pieceBytes: number;
  readonly broken: Promise<RcopyError>;
  /** What ended the connection, once it is known. */
  #failure: RcopyError | undefined;
  /** The last write that was queued. */
  #writing: Promise<void> = Promise.resolve();

  constructor(channel: Channel, options: LocalSendOptions) {
    super(channel, options);
    this.#cache = options.cache;
    this.#pieceBytes = options.pieceBytes ?? extentBytes;
    const { arena } = this.#codec;
    this.#slices = [arena.take(sliceBytes), arena.take(sliceBytes)];
    this.broken = this.#watch(options.isOpener ?? false);
  }

  readFiles(turn: Turn, files: FileRead[]): Pending<Uint8Array> {
    const account = this.account;
    const began = performance.now();
    let offset = this.#slices[turn].offset + headRoomBytes;
    for (const file of files) {
      file.offset = offset;
      offset += file.bytesMax ?? file.expected.size;
    }
    const { memory } = this.#codec;
    const cache = this.#cache;
    const missing = cache ? files.filter((file) => !cache.take(file, memory)) : files;
    const pending = this.engine.readFiles(missing, memory);
    account.book("read", began);
    return { finish: () => account.finish("read", pending, () => this.#hashFiles(turn, files)) };
  }

  readExtent(turn: Turn, file: SourceFile, range: ReadRange): Pending<ExtentRead> {
    if (file.isReadAtOnce) return this.#readAndHash(turn, file, range);
    const { offset, bytes } = range;
    const account = this.account;
    const began = performance.now();
    const target = this.#slices[turn].bytes.subarray(headRoomBytes, headRoomBytes + bytes);
    const pending = this.engine.readRange(file, offset, target);
    account.book("read", began);
    return { finish: () => account.finish("read", pending, () => this.#hashExtent(turn, range)) };
  }

  /**
   * Reads what a receiver writes to a data connection: the answer to a join, and nothing else. The read is always pending, so that
   * the end of the connection, and a peer that writes, are seen while nothing is sent.
   */
  async #watch(isOpener: boolean): Promise<RcopyError> {
    this.#failure = await this.#readToEnd(isOpener);
    // What is being written cannot arrive any more.
    this.close();
    return this.#failure;
  }

  /** What ended the connection. */
  async #readToEnd(isOpener: boolean): Promise<RcopyError> {
    try {
      if (isOpener) await readJoined(this.channel);
      const count = await this.channel.read(new Uint8Array(1));
      return count > 0
        ? new RcopyError(
          "protocol",
          `the peer at ${this.peer} wrote to a data connection that it only reads`,
        )
        : new RcopyError("peer-lost", `the peer at ${this.peer} ended a data connection too early`);
    } catch (thrown) {
      return asRcopyError(thrown);
    }
  }

  write(turn: Turn, unit: SentUnit): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    const { bytes } = this.#slices[turn];
    const began = performance.now();
    const start = putBefore(bytes, headRoomBytes, this.#head(unit));
    const hashes = encodeFrame({ kind: "hashes", hashes: unit.hashes });
    bytes.set(hashes, headRoomBytes + unit.payloadBytes);
    const end = headRoomBytes + unit.payloadBytes + hashes.length;
    this.account.book("encode", began);
    this.#writing = this.#writing.then(() =>
      unit.payloadBytes <= this.#pieceBytes
        ? this.#send(bytes.subarray(start, end))
        : this.#sendPieces(bytes, unit.payloadBytes, { start, end })
    );
    return this.#writing;
  }

  #head({ message, payloadBytes }: SentUnit): Uint8Array<ArrayBuffer> {
    return encodeDataHead(message, Math.min(this.#pieceBytes, payloadBytes));
  }

  /** The head of each further piece is put over bytes that have left already. */
  async #sendPieces(
    bytes: Uint8Array<ArrayBuffer>,
    payloadBytes: number,
    { start, end }: { start: number; end: number },
  ): Promise<void> {
    let from = start;
    for (let sent = this.#pieceBytes; sent < payloadBytes; sent += this.#pieceBytes) {
      await this.#send(bytes.subarray(from, headRoomBytes + sent));
      const head = encodeDataHead({ kind: "piece" }, Math.min(this.#pieceBytes, payloadBytes - sent));
      from = putBefore(bytes, headRoomBytes + sent, head);
    }
    await this.#send(bytes.subarray(from, end));
  }

  #send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // What the system takes at once is copied within the call.
    const began = performance.now();
    const writing = this.channel.write(bytes);
    this.account.book("network", began);
    return writing;
  }

  #hashFiles(turn: Turn, files: FileRead[]): Uint8Array {
    const began = performance.now();
    const kept = files.some((file) => file.error) ? this.#closeGaps(turn, files) : files;
    const hashes = hashFilesInPlace(
      this.#codec,
      kept.map((file) => file.offset),
      kept.map((file) => file.bytesRead ?? file.expected.size),
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
      const size = file.bytesRead ?? file.expected.size;
      if (offset !== file.offset) memory.copyWithin(offset, file.offset, file.offset + size);
      file.offset = offset;
      offset += size;
    }
    return kept;
  }

  /** Part by part, each hashed while it is still in the processor's cache. */
  #readAndHash(turn: Turn, file: SourceFile, range: ReadRange): Pending<ExtentRead> {
    const slice = this.#slices[turn];
    const { offset, bytes } = range;
    return {
      finish: () => {
        const began = performance.now();
        let hashMs = 0;
        using stream = this.#codec.stream();
        for (let at = 0; at < bytes; at += cachedBytes) {
          const length = Math.min(cachedBytes, bytes - at);
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
        return this.#withoutWhatIsThere(turn, stream.digest(), range);
      },
    };
  }

  #hashExtent(turn: Turn, range: ReadRange): ExtentRead {
    const { bytes } = range;
    const began = performance.now();
    const { memory, scratch } = this.#codec;
    this.#codec.hash(this.#slices[turn].offset + headRoomBytes, bytes, scratch.offset);
    this.account.book("hash", began);
    return this.#withoutWhatIsThere(turn, memory.slice(scratch.offset, scratch.offset + hashBytes), range);
  }

  /** Leaves in a slice, of an extent of which the receiver has told blocks, those that it has not; all of it where it has none of them. */
  #withoutWhatIsThere(turn: Turn, hash: Uint8Array, { bytes, there }: ReadRange): ExtentRead {
    if (!there) return { hash };
    const began = performance.now();
    const offset = this.#slices[turn].offset + headRoomBytes;
    const blocks = differingBlocks(hashBlocks(this.#codec, offset, bytes), there);
    const isWhole = blocks === allBlocks(bytes);
    if (!isWhole) gatherBlocks(this.#codec.memory, offset, bytes, blocks);
    this.account.book("hash", began);
    return isWhole ? { hash } : { hash, blocks };
  }
}

/** Puts bytes so that they end at `end`: where they begin. */
function putBefore(target: Uint8Array, end: number, bytes: Uint8Array): number {
  target.set(bytes, end - bytes.length);
  return end - bytes.length;
}
