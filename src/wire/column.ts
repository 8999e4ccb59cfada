/** Columns: lists of numbers of a Cap'n Proto message, moved as a whole and not element by element. */
import { type List, ListElementSize, type Pointer, utils } from "./capnp.ts";
import { RcopyError } from "../base/errors.ts";

type Column = Uint8Array | Uint16Array | Uint32Array | BigUint64Array | BigInt64Array;

/** How to make each kind of column from bytes, and its element size on the wire. */
const kinds = {
  u8: { elementSize: ListElementSize.BYTE, bytes: 1, view: Uint8Array },
  u16: { elementSize: ListElementSize.BYTE_2, bytes: 2, view: Uint16Array },
  u32: { elementSize: ListElementSize.BYTE_4, bytes: 4, view: Uint32Array },
  u64: { elementSize: ListElementSize.BYTE_8, bytes: 8, view: BigUint64Array },
  i64: { elementSize: ListElementSize.BYTE_8, bytes: 8, view: BigInt64Array },
} as const;

/** Kinds of columns; all are little-endian on the wire, as on every machine that Deno runs on. */
export type ColumnKind = keyof typeof kinds;
type ColumnOf<K extends ColumnKind> = InstanceType<(typeof kinds)[K]["view"]>;

/** Fills a list that was just made with as many elements as `column` has. */
export function writeColumn<T>(list: List<T>, column: Column): void {
  if (column.length === 0) return;
  const { segment, byteOffset } = utils.getContent(list);
  const target = new Uint8Array(segment.buffer, byteOffset, column.byteLength);
  target.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
}

/**
 * Bytes of the segment as it came. A getter of an absent list makes an empty one, for which the segment may grow; what it
 * has grown by is no part of the message.
 */
const segmentBytesOf = new WeakMap<object, number>();

/** Takes note of how long the one segment of a message is, before anything is read from it. */
export function boundSegment(message: object, bytes: number): void {
  segmentBytesOf.set(message, bytes);
}

/**
 * A view of a list inside the message, which must be aligned to 8 bytes.
 * @throws {RcopyError} `protocol` unless it is a list of such elements, at most `countMax`, within the message
 */
export function readColumn<K extends ColumnKind>(pointer: Pointer, kind: K, countMax: number): ColumnOf<K> {
  const { elementSize, bytes, view } = kinds[kind];
  if (utils.isNull(pointer)) return new view(0) as ColumnOf<K>;
  if (utils.getTargetListElementSize(pointer) !== elementSize) {
    throw new RcopyError("protocol", "a column of the message has elements of another size");
  }
  const count = utils.getTargetListLength(pointer);
  if (count === 0) return new view(0) as ColumnOf<K>;
  const { segment, byteOffset } = utils.getContent(pointer);
  const end = segmentBytesOf.get(segment.message) ?? segment.byteLength;
  if (count > countMax || byteOffset < 0 || byteOffset + count * bytes > end) {
    throw new RcopyError("protocol", `a column of the message claims ${count} elements`);
  }
  return new view(segment.buffer, byteOffset, count) as ColumnOf<K>;
}
