/**
 * Frames: a 16-byte header, a Cap'n Proto message, a payload.
 *
 * | bytes | field |
 * |---|---|
 * | 0–3 | bytes of the message, a multiple of 8 |
 * | 4–7 | bytes of the payload |
 * | 8–9 | kind |
 * | 10–11 | zero |
 * | 12–15 | CRC-32 of bytes 0 to 11 and the message |
 *
 * All numbers are little-endian. The payload is guarded by the hashes in the message.
 */
import { RcopyError } from "../base/errors.ts";
import { crc32 } from "./crc32.ts";
import { decodeCapnp } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import * as limits from "./limits.ts";
import { type Bundle, type Extent, FrameKind, type Message } from "./messages.ts";

const { headerBytes } = limits;
const crcOffset = 12;

/** Where in a session a frame arrives: before the peer has said who it is, on control, or on a data connection. */
export type FrameContext = "handshake" | "control" | "data";

export interface FrameHeader {
  kind: FrameKind;
  messageBytes: number;
  payloadBytes: number;
  crc: number;
}

const kindNames = new Map<number, keyof typeof FrameKind>(
  (Object.keys(FrameKind) as (keyof typeof FrameKind)[]).map((name) => [FrameKind[name], name]),
);

const messageBytesMax = {
  handshake: limits.handshakeMessageBytesMax,
  control: limits.controlMessageBytesMax,
  data: limits.dataMessageBytesMax,
} as const satisfies Record<FrameContext, number>;

/** A whole frame without payload. */
export function encodeFrame(message: Message): Uint8Array<ArrayBuffer> {
  return encodeHead(message, 0);
}

/** Header and message of a frame, which its payload must follow. */
export function encodeDataHead(message: Extent | Bundle, payloadBytes: number): Uint8Array<ArrayBuffer> {
  return encodeHead(message, payloadBytes);
}

function encodeHead(message: Message, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const capnp = encodeMessage(message);
  const frame = new Uint8Array(headerBytes + capnp.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, capnp.length, true);
  view.setUint32(4, payloadBytes, true);
  view.setUint16(8, FrameKind[message.kind], true);
  frame.set(capnp, headerBytes);
  view.setUint32(crcOffset, crcOf(frame), true);
  return frame;
}

function crcOf(frame: Uint8Array): number {
  return crc32(frame.subarray(headerBytes), crc32(frame.subarray(0, crcOffset)));
}

/**
 * Reads and checks the 16 bytes of a header, before anything is allocated for what it announces.
 * @throws {RcopyError} `protocol`
 */
export function parseHeader(bytes: Uint8Array, context: FrameContext): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const messageBytes = view.getUint32(0, true);
  const payloadBytes = view.getUint32(4, true);
  const kind = view.getUint16(8, true);
  const name = kindNames.get(kind);
  if (name === undefined) throw new RcopyError("protocol", `the peer sent a frame of unknown kind ${kind}`);
  const isData = name === "extent" || name === "bundle";
  if (isData !== (context === "data")) {
    throw new RcopyError("protocol", `the peer sent ${name} where ${context} frames are due`);
  }
  if (view.getUint16(10, true) !== 0) {
    throw new RcopyError("protocol", "reserved bits of a frame header are set");
  }
  if (messageBytes % 8 !== 0 || messageBytes < 16 || messageBytes > messageBytesMax[context]) {
    throw new RcopyError("protocol", `the peer announced a message of ${messageBytes} bytes`);
  }
  if (payloadBytes > (isData ? limits.extentBytes : 0)) {
    throw new RcopyError("protocol", `the peer announced a payload of ${payloadBytes} bytes`);
  }
  return { kind: kind as FrameKind, messageBytes, payloadBytes, crc: view.getUint32(crcOffset, true) };
}

/**
 * Decodes the message of a frame from its header and message bytes. The message owns its memory.
 * @throws {RcopyError} `protocol`, `name-unsafe`
 */
export function decodeMessage(header: FrameHeader, headerAndMessage: Uint8Array): Message {
  const end = headerBytes + header.messageBytes;
  const frame = headerAndMessage.subarray(0, end);
  if (frame.length !== end || crcOf(frame) !== header.crc) {
    throw new RcopyError("protocol", "a frame was damaged on the way: its checksum is wrong");
  }
  // A copy of its own starts at offset 0, so that columns are aligned.
  return decodeCapnp(header.kind, frame.slice(headerBytes) as Uint8Array<ArrayBuffer>);
}

/** Cuts the stream of a control connection into messages. Holds at most one frame and one chunk. */
export class FrameSplitter {
  #buffer = new Uint8Array(4096);
  #start = 0;
  #end = 0;
  #header: FrameHeader | undefined;
  #lastFrameBytes = 0;

  /** Bytes of the frame that `next` gave last, header included. */
  get lastFrameBytes(): number {
    return this.#lastFrameBytes;
  }

  /** Takes bytes as they come; they are copied. `next` must have been called until it gave nothing. */
  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      const needed = held + chunk.length;
      const target = needed > this.#buffer.length
        ? new Uint8Array(Math.max(needed, this.#buffer.length * 2))
        : this.#buffer;
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole message, or `undefined` until more bytes have come. @throws {RcopyError} `protocol`, `name-unsafe` */
  next(): Message | undefined {
    if (!this.#header) {
      if (this.#end - this.#start < headerBytes) return undefined;
      this.#header = parseHeader(this.#buffer.subarray(this.#start, this.#start + headerBytes), "control");
    }
    const bytes = headerBytes + this.#header.messageBytes;
    if (this.#end - this.#start < bytes) return undefined;
    const message = decodeMessage(this.#header, this.#buffer.subarray(this.#start, this.#start + bytes));
    this.#header = undefined;
    this.#lastFrameBytes = bytes;
    this.#start += bytes;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return message;
  }
}
