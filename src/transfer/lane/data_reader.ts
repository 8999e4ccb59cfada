/** Frames of a data connection, read into slices of the arena with few reads and almost no copying. */
import { RcopyError } from "../../base/errors.ts";
import type { Codec, Slice } from "../../codec/codec.ts";
import type { Channel } from "../../net/channel.ts";
import { decodeMessage, type FrameHeader, parseHeader } from "../../wire/frame.ts";
import { dataMessageBytesMax, extentBytes, headerBytes } from "../../wire/limits.ts";
import type { StageAccount } from "../session/stage_account.ts";
import type { Bundle, Extent } from "../../wire/data.ts";

/** How far a read may go beyond the frame at hand: enough to bring the next head, little enough to copy. */
const readAheadBytes = 64 * 1024;
const frameBytesMax = headerBytes + dataMessageBytesMax + extentBytes;
/** Bytes of one slice. */
export const readerSliceBytes = frameBytesMax + readAheadBytes;

/** A frame that lies in the codec's memory until the frame after the next is read. */
export interface DataFrame {
  message: Extent | Bundle;
  /** Offset of the payload in the codec's memory. */
  payloadOffset: number;
  payloadBytes: number;
}

/** Reads frames into two slices in turn, so that one can be written to disk while the other fills. */
export class DataReader implements Disposable {
  readonly #channel: Channel;
  readonly #account: StageAccount;
  readonly #slices: [Slice, Slice];
  #turn = 0;
  /** Valid bytes at the start of the present slice. */
  #filled = 0;
  /** Bytes of the frame that was given out last. */
  #used = 0;

  constructor(channel: Channel, codec: Codec, account: StageAccount) {
    this.#account = account;
    this.#channel = channel;
    this.#slices = [codec.arena.take(readerSliceBytes), codec.arena.take(readerSliceBytes)];
  }

  /** The next frame; `undefined` at the end of the stream between two frames. @throws {RcopyError} `protocol`, `peer-lost` */
  async next(): Promise<DataFrame | undefined> {
    this.#turnOver();
    const slice = this.#slices[this.#turn]!;
    if (!await this.#fill(slice, headerBytes)) return undefined;
    const header = parseHeader(slice.bytes.subarray(0, headerBytes), "data");
    const headBytes = headerBytes + header.messageBytes;
    const frameBytes = headBytes + header.payloadBytes;
    await this.#fill(slice, frameBytes);
    this.#used = frameBytes;
    return {
      message: this.#decode(header, slice.bytes.subarray(0, headBytes)),
      payloadOffset: slice.offset + headBytes,
      payloadBytes: header.payloadBytes,
    };
  }

  [Symbol.dispose](): void {
    for (const slice of this.#slices) slice[Symbol.dispose]();
  }

  #decode(header: FrameHeader, bytes: Uint8Array): Extent | Bundle {
    const began = performance.now();
    const message = decodeMessage(header, bytes);
    this.#account.book("decode", began);
    if (message.kind === "extent" || message.kind === "bundle") return message;
    throw new RcopyError("protocol", `the peer sent ${message.kind} on a data connection`);
  }

  /** Moves what was read ahead to the start of the other slice. */
  #turnOver(): void {
    const from = this.#slices[this.#turn]!;
    this.#turn ^= 1;
    const ahead = this.#filled - this.#used;
    if (ahead > 0) this.#slices[this.#turn]!.bytes.set(from.bytes.subarray(this.#used, this.#filled));
    this.#filled = ahead;
    this.#used = 0;
  }

  /** Reads until the slice has `bytes`; false at the end of the stream, if that is where a frame would begin. */
  async #fill(slice: Slice, bytes: number): Promise<boolean> {
    const end = Math.min(bytes + readAheadBytes, slice.length);
    if (this.#filled >= bytes) return true;
    const channel = this.#channel;
    const began = performance.now();
    const calledMs = channel.readCallMs;
    const rest = slice.bytes.subarray(this.#filled, end);
    this.#filled += await channel.readAtLeast(rest, bytes - this.#filled);
    this.#account.split("network", began, channel.readCallMs - calledMs);
    if (this.#filled === 0) return false;
    if (this.#filled < bytes) {
      throw new RcopyError("peer-lost", `the peer at ${channel.peer} ended a data connection inside a frame`);
    }
    return true;
  }
}
