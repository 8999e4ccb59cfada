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
 * All numbers are little-endian. The payload is guarded by the hashes behind it.
 */
import { RcopyError } from "../base/errors.ts";
import { crc32 } from "./crc32.ts";
import type { Piece, UnitHead } from "./data.ts";
import * as limits from "./limits.ts";
import { decodeCapnp, encodeMessage, FrameKind, kindName, type Message } from "./message.ts";

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
export function encodeDataHead(
  message: UnitHead | Piece,
  payloadBytes: number,
): Uint8Array<ArrayBuffer> {
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
  const name = kindName(kind);
  if (name === undefined) throw new RcopyError("protocol", `the peer sent a frame of unknown kind ${kind}`);
  const hasPayload = name === "extent" || name === "patch" || name === "bundle" || name === "piece";
  if ((hasPayload || name === "hashes") !== (context === "data")) {
    throw new RcopyError("protocol", `the peer sent ${name} where ${context} frames are due`);
  }
  if (view.getUint16(10, true) !== 0) {
    throw new RcopyError("protocol", "reserved bits of a frame header are set");
  }
  if (messageBytes % 8 !== 0 || messageBytes < 16 || messageBytes > messageBytesMax[context]) {
    throw new RcopyError("protocol", `the peer announced a message of ${messageBytes} bytes`);
  }
  if (payloadBytes > (hasPayload ? limits.extentBytes : 0)) {
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
