/** Checks and helpers that the families of messages share: what a field may be, and how it is written. */
import type { Message as CapnpMessage, Pointer, Struct } from "./capnp.ts";
import { RcopyError } from "../base/errors.ts";
import { readColumn } from "./column.ts";
import { batchEntriesMax, lanesMax, textBytesMax } from "./limits.ts";

/** How one message goes into Cap'n Proto and comes out of it; a decoder believes nothing that it has not checked. */
export interface MessageCodec<M> {
  /** Makes the root of an empty Cap'n Proto message. */
  encode(capnp: CapnpMessage, message: M): void;
  /** @throws {RcopyError} `protocol`, of a manifest also `name-unsafe`; whatever the parser throws */
  decode(capnp: CapnpMessage): M;
}

const encoder = new TextEncoder();
/** Where a text must fit. */
const textRoom = new Uint8Array(textBytesMax);

// ---- writing

export function assign<T extends Struct>(root: T, values: Partial<T>): void {
  Object.assign(root, values);
}

/** Text cut so that its UTF-8 keeps within the protocol's limit, never inside a character. */
export function clipped(text: string): string {
  const { read } = encoder.encodeInto(text, textRoom);
  return text.slice(0, read).toWellFormed();
}

// ---- reading

export function outOfRange(what: string, value: number | bigint): RcopyError {
  return new RcopyError("protocol", `${what} is ${value}, which is out of range`);
}

/** A 64-bit number as a safe integer. @throws {RcopyError} `protocol` */
export function count(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw outOfRange("a count", value);
  return Number(value);
}

/** @throws {RcopyError} `protocol` */
export function entryNumber(entry: number): number {
  if (entry >= batchEntriesMax) throw outOfRange("an entry number", entry);
  return entry;
}

/** @throws {RcopyError} `protocol` */
export function laneNumber(lane: number): number {
  if (lane >= lanesMax) throw outOfRange("lane", lane);
  return lane;
}

/** @throws {RcopyError} `protocol` */
export function ascendingEntries(entries: Uint32Array): Uint32Array {
  for (let i = 0; i < entries.length; i++) {
    entryNumber(entries[i]!);
    if (i > 0 && entries[i]! <= entries[i - 1]!) {
      throw new RcopyError("protocol", "entry numbers do not ascend");
    }
  }
  return entries;
}

/** A copy of data of exactly so many bytes. @throws {RcopyError} `protocol` */
export function exactly(data: Pointer, bytes: number): Uint8Array {
  const column = readColumn(data, "u8", bytes).slice();
  if (column.length !== bytes) throw outOfRange("the length of a hash or token", column.length);
  return column;
}

/** A copy of data of no bytes or exactly so many. @throws {RcopyError} `protocol` */
export function emptyOr(data: Pointer, bytes: number): Uint8Array {
  const column = readColumn(data, "u8", bytes).slice();
  if (column.length !== 0 && column.length !== bytes) {
    throw outOfRange("the length of a hash or token", column.length);
  }
  return column;
}

/**
 * Text within the limit of the protocol; bytes that are not UTF-8 count as the character that stands for them.
 * @throws {RcopyError} `protocol`
 */
export function cappedText(text: string): string {
  const { read } = encoder.encodeInto(text, textRoom);
  if (read < text.length) throw outOfRange("the length of a text", text.length);
  return text;
}
