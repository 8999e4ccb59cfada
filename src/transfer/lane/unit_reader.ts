/**
 * Units of a data connection, read with few calls. Heads of frames go through a small buffer; content goes straight to where it
 * stays, a slice whose first byte is the first of a page: the kernel copies several times slower to most other places
 * (`tests/bench/README.md`, "Where a buffer begins").
 */
import { RcopyError } from "../../base/errors.ts";
import type { Codec, Slice } from "../../codec/codec.ts";
import type { Channel } from "../../net/channel.ts";
import type { Hashes, Piece, UnitHead } from "../../wire/data.ts";
import { decodeMessage, parseHeader } from "../../wire/frame.ts";
import { dataMessageBytesMax, extentBytes, hashBytes, headerBytes } from "../../wire/limits.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** How far a read may go beyond what is due: enough for many small units, little enough to copy. */
const readAheadBytes = 64 * 1024;
const headBytesMax = headerBytes + dataMessageBytesMax;
/** Frame of the hash of an extent, and of the extent that probably follows: a read goes no further, so that no content is copied. */
export const extentHashBytes = headerBytes + 40;
export const extentHeadBytes = headerBytes + 32;

/** Bytes of one slice: the content of a unit, and what a read brings beyond it. */
const sliceBytes = extentBytes + readAheadBytes;
/** Bytes of the arena that a reader takes from. */
export const readerArenaBytes = 2 * sliceBytes + readAheadBytes + headBytesMax + 16384;

/** A unit that lies in the codec's memory until the unit after the next is read. */
export interface ReadUnit {
  message: UnitHead;
  hashes: Uint8Array;
  /** Offset of the content in the codec's memory. */
  payloadOffset: number;
  payloadBytes: number;
}

interface Frame {
  message: UnitHead | Piece | Hashes;
  payloadBytes: number;
}

/** Reads units into two slices in turn, so that one can be written to disk while the other fills. */
export class UnitReader implements Disposable {
  readonly #channel: Channel;
  readonly #account: StageAccount;
  readonly #slices: [Slice, Slice];
  /** What has been read and not given out lies in it from `#start` to `#end`. */
  readonly #ahead: Slice;
  #start = 0;
  #end = 0;
  #turn: 0 | 1 = 1;
  /** How many bytes a read may bring beyond what is due. */
  #reach = extentHeadBytes;

  constructor(channel: Channel, codec: Codec, account: StageAccount) {
    this.#account = account;
    this.#channel = channel;
    const { arena } = codec;
    this.#slices = [arena.take(sliceBytes), arena.take(sliceBytes)];
    this.#ahead = arena.take(readAheadBytes + headBytesMax);
  }

  /** The next unit; `undefined` at the end of the stream between two units. @throws {RcopyError} `protocol`, `peer-lost` */
  async next(): Promise<ReadUnit | undefined> {
    this.#turn = this.#turn === 0 ? 1 : 0;
    const slice = this.#slices[this.#turn];
    const first = await this.#frame();
    if (!first) return undefined;
    const { message } = first;
    if (message.kind === "piece" || message.kind === "hashes") {
      throw new RcopyError("protocol", `the peer sent ${message.kind} where no unit had begun`);
    }
    let payloadBytes = await this.#content(slice, 0, first);
    for (;;) {
      const frame = await this.#frame() ?? this.#cutOff();
      if (frame.message.kind === "hashes") {
        const { hashes } = frame.message;
        this.#checkHashes(message, hashes);
        if (this.#reach < readAheadBytes) this.#reach = extentHeadBytes;
        return { message, hashes, payloadOffset: slice.offset, payloadBytes };
      }
      this.#checkPiece(frame, payloadBytes);
      payloadBytes = await this.#content(slice, payloadBytes, frame);
    }
  }

  [Symbol.dispose](): void {
    for (const slice of this.#slices) slice[Symbol.dispose]();
    this.#ahead[Symbol.dispose]();
  }

  #checkPiece({ message, payloadBytes }: Frame, before: number): void {
    if (message.kind !== "piece") {
      throw new RcopyError("protocol", `the peer sent ${message.kind} inside a unit`);
    }
    // An empty unit has one piece; every other piece brings something.
    if (payloadBytes === 0 || before === 0) throw new RcopyError("protocol", "the peer sent an empty piece");
    if (before + payloadBytes > extentBytes) {
      throw new RcopyError("protocol", `the peer sent a unit of more than ${extentBytes} bytes`);
    }
  }

  #checkHashes(message: UnitHead, hashes: Uint8Array): void {
    const files = message.kind === "bundle" ? message.entries.length : 1;
    if (hashes.length === files * hashBytes) return;
    throw new RcopyError(
      "protocol",
      `the peer ended a unit of ${files} hashes with ${hashes.length} bytes of hashes`,
    );
  }

  /** Header and message of the next frame; `undefined` at the end of the stream, if that is where a frame would begin. */
  async #frame(): Promise<Frame | undefined> {
    if (this.#end - this.#start < headerBytes && !await this.#readAhead(headerBytes)) return undefined;
    const header = parseHeader(this.#ahead.bytes.subarray(this.#start, this.#start + headerBytes), "data");
    const bytes = headerBytes + header.messageBytes;
    if (this.#end - this.#start < bytes) await this.#readAhead(bytes);
    const began = performance.now();
    const message = decodeMessage(header, this.#ahead.bytes.subarray(this.#start, this.#start + bytes));
    this.#start += bytes;
    this.#account.book("decode", began);
    // The header was checked to be of a data frame.
    return { message: message as Frame["message"], payloadBytes: header.payloadBytes };
  }

  /** Reads a piece to its place behind `before` bytes of the same unit; the bytes that the unit then has. */
  async #content(slice: Slice, before: number, { message, payloadBytes: bytes }: Frame): Promise<number> {
    // Bundles and small pieces come many to a read.
    const isSmall = message.kind === "bundle" || bytes < readAheadBytes;
    this.#reach = isSmall ? readAheadBytes : extentHashBytes + extentHeadBytes;
    const end = before + bytes;
    const held = Math.min(bytes, this.#end - this.#start);
    if (held > 0) {
      slice.bytes.set(this.#ahead.bytes.subarray(this.#start, this.#start + held), before);
      this.#start += held;
    }
    if (held === bytes) return end;
    const target = slice.bytes.subarray(before + held, end + this.#reach);
    const count = await this.#read(target, bytes - held);
    if (count < bytes - held) this.#cutOff();
    const beyond = held + count - bytes;
    if (beyond > 0) this.#ahead.bytes.set(slice.bytes.subarray(end, end + beyond));
    this.#start = 0;
    this.#end = beyond;
    return end;
  }

  /** Reads until `bytes` lie ahead; false at the end of the stream, if nothing does. */
  async #readAhead(bytes: number): Promise<boolean> {
    const { bytes: ahead } = this.#ahead;
    ahead.copyWithin(0, this.#start, this.#end);
    const held = this.#end - this.#start;
    this.#start = 0;
    this.#end = held + await this.#read(ahead.subarray(held, Math.max(bytes, this.#reach)), bytes - held);
    if (this.#end < bytes && this.#end > 0) this.#cutOff();
    return this.#end > 0;
  }

  async #read(target: Uint8Array<ArrayBuffer>, least: number): Promise<number> {
    const channel = this.#channel;
    const began = performance.now();
    const calledMs = channel.readCallMs;
    const count = await channel.readAtLeast(target, least);
    this.#account.split("network", began, channel.readCallMs - calledMs);
    return count;
  }

  #cutOff(): never {
    const { peer } = this.#channel;
    throw new RcopyError("peer-lost", `the peer at ${peer} ended a data connection inside a unit`);
  }
}
