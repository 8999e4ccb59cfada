/**
 * The format of the journal of a large file. Pure. A header, then slots of one size: slot i is of extent i, so that extents
 * may come in any order. Numbers are little-endian.
 *
 * | bytes   | header                                        |
 * | ------- | --------------------------------------------- |
 * | 0–19    | `rcopy part journal 1`: what it is, version   |
 * | 20–23   | bytes of an extent                            |
 * | 24–31   | size of the file                              |
 * | 32–43   | its time: seconds, signed; nanoseconds        |
 * | 44      | 1 if an older version of it stands beside     |
 * | 45      | length of the name of the part                |
 * | 46–47   | zero                                          |
 * | 48–63   | the sender's stamp of the source              |
 * | 64–103  | name of the part, then zeros                  |
 * | 104–111 | a random number                               |
 * | 112–127 | XXH3-128 of the bytes before                  |
 *
 * | bytes   | slot                                          |
 * | ------- | --------------------------------------------- |
 * | 0–15    | XXH3-128 of the extent                        |
 * | 16–19   | number of the extent                          |
 * | 20      | 1 written, 2 on the disk                      |
 * | 21–23   | zero                                          |
 * | 24–31   | half of XXH3-128 of header and bytes before   |
 *
 * A slot is bound to its header, the random number of which no other journal has: what an earlier one left behind is no slot.
 */
import { sameBytes } from "../../base/bytes.ts";
import type { Codec } from "../../codec/codec.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import { partJournalHeader } from "../../entry/own_files.ts";
import { extentBytes, fileBytesMax, hashBytes, stampBytes } from "../../wire/limits.ts";

export const journalHeaderBytes = 128;
export const slotBytes = 32;
const nameAt = 64;
const partNameBytesMax = 40;
const nonceAt = 104;
const sealAt = 112;
const slotSealAt = 24;
const nanosMax = 999_999_999;

/** What a journal is about. */
export interface JournalHeader {
  /** Name of the file beside it. */
  part: Uint8Array;
  size: number;
  mtime: Timestamp;
  /** The sender's. */
  stamp: Uint8Array;
  /** An older version stands beside, under the name of a base. */
  hasBase: boolean;
}

/** `written`: the kernel has it. `synced`: the disk has it. */
export const SlotState = { written: 1, synced: 2 } as const;
export type SlotState = typeof SlotState[keyof typeof SlotState];

export interface Slot {
  index: number;
  /** Of the extent. */
  hash: Uint8Array;
  state: SlotState;
}

/** A header of a new journal, with a random number of its own. */
export function encodeHeader(codec: Codec, header: JournalHeader): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(journalHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(partJournalHeader);
  view.setUint32(20, extentBytes, true);
  view.setBigUint64(24, BigInt(header.size), true);
  view.setBigInt64(32, BigInt(header.mtime.seconds), true);
  view.setUint32(40, header.mtime.nanos, true);
  bytes[44] = header.hasBase ? 1 : 0;
  bytes[45] = header.part.length;
  bytes.set(header.stamp, 48);
  bytes.set(header.part, nameAt);
  crypto.getRandomValues(bytes.subarray(nonceAt, sealAt));
  bytes.set(codec.hashOf(bytes.subarray(0, sealAt)), sealAt);
  return bytes;
}

/** The header of a journal; `undefined` where these bytes are none of this version. */
export function decodeHeader(codec: Codec, bytes: Uint8Array<ArrayBuffer>): JournalHeader | undefined {
  if (bytes.length !== journalHeaderBytes) return undefined;
  if (!sameBytes(bytes.subarray(0, partJournalHeader.length), partJournalHeader)) return undefined;
  if (!sameBytes(codec.hashOf(bytes.subarray(0, sealAt)), bytes.subarray(sealAt))) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getBigUint64(24, true);
  const seconds = view.getBigInt64(32, true);
  const nanos = view.getUint32(40, true);
  const partLength = bytes[45]!;
  const isSound = view.getUint32(20, true) === extentBytes && size <= BigInt(fileBytesMax) &&
    size > BigInt(extentBytes) && nanos <= nanosMax && bytes[44]! <= 1 && partLength <= partNameBytesMax &&
    Number.isSafeInteger(Number(seconds));
  if (!isSound) return undefined;
  return {
    part: bytes.slice(nameAt, nameAt + partLength),
    size: Number(size),
    mtime: { seconds: Number(seconds), nanos },
    stamp: bytes.slice(48, 48 + stampBytes),
    hasBase: bytes[44] === 1,
  };
}

/** Reads and writes the slots of the journal that has this header. */
export class Slots {
  readonly #codec: Codec;
  /** What the seal of a slot is of: the header, and the slot without its seal. */
  readonly #sealed = new Uint8Array(journalHeaderBytes + slotSealAt);

  constructor(codec: Codec, header: Uint8Array) {
    this.#codec = codec;
    this.#sealed.set(header);
  }

  encode({ index, hash, state }: Slot): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(slotBytes);
    bytes.set(hash);
    new DataView(bytes.buffer).setUint32(hashBytes, index, true);
    bytes[20] = state;
    bytes.set(this.#seal(bytes), slotSealAt);
    return bytes;
  }

  /** The slot of extent `index`; `undefined` where nothing sound is written. */
  decode(bytes: Uint8Array, index: number): Slot | undefined {
    if (bytes.length !== slotBytes) return undefined;
    const state = bytes[20]!;
    if (state !== SlotState.written && state !== SlotState.synced) return undefined;
    if (!sameBytes(this.#seal(bytes), bytes.subarray(slotSealAt))) return undefined;
    const found = new DataView(bytes.buffer, bytes.byteOffset).getUint32(hashBytes, true);
    return found === index ? { index, hash: bytes.slice(0, hashBytes), state } : undefined;
  }

  #seal(slot: Uint8Array): Uint8Array {
    this.#sealed.set(slot.subarray(0, slotSealAt), journalHeaderBytes);
    return this.#codec.hashOf(this.#sealed).subarray(0, slotBytes - slotSealAt);
  }
}

/** Where the slot of an extent is. */
export function slotOffset(index: number): number {
  return journalHeaderBytes + index * slotBytes;
}
