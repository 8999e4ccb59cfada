/**
 * A tiny reader and writer of Cap'n Proto messages of one segment, made from the description of the encoding. It shares
 * nothing with the program: what both get wrong, they would have to get wrong independently.
 */

/** What a field is, and where: scalars by byte of the data section (`bool` by bit), the others by number of the pointer. */
export type Field = readonly [FieldType, number];
export type FieldType =
  | "bool"
  | "u16"
  | "u32"
  | "u64"
  | "text"
  | "data"
  | "u8s"
  | "u16s"
  | "u32s"
  | "u64s"
  | "i64s";

/** A struct: words of its data section, pointers, fields by name. */
export interface Layout {
  words: number;
  pointers: number;
  fields: Readonly<Record<string, Field>>;
}

export type Value = number | bigint | boolean | string | Uint8Array | readonly (number | bigint)[];
export type Values = Record<string, Value>;

/** Bytes of one element of a list, and its code in a list pointer. */
const elements = {
  text: [1, 2],
  data: [1, 2],
  u8s: [1, 2],
  u16s: [2, 3],
  u32s: [4, 4],
  u64s: [8, 5],
  i64s: [8, 5],
} as const;

/** A stream message: segment table, root pointer, struct, lists. Fields that are not given stay 0 or null. */
export function encodeStruct(layout: Layout, values: Values): Uint8Array<ArrayBuffer> {
  const lists = new Map<string, Uint8Array>();
  let bytes = 16 + 8 * (layout.words + layout.pointers);
  for (const [name, value] of Object.entries(values)) {
    const field = layout.fields[name];
    if (!field) throw new Error(`no field ${name}`);
    if (!(field[0] in elements)) continue;
    const content = listBytes(field[0], value);
    lists.set(name, content);
    bytes += Math.ceil(content.length / 8) * 8;
  }
  const message = new Uint8Array(bytes);
  const view = new DataView(message.buffer);
  view.setUint32(4, (bytes - 8) / 8, true);
  const isEmpty = layout.words + layout.pointers === 0;
  view.setUint32(8, isEmpty ? 0xffff_fffc : 0, true); // an empty struct lies before its pointer
  view.setUint16(12, layout.words, true);
  view.setUint16(14, layout.pointers, true);
  const pointersAt = 16 + 8 * layout.words;
  let end = pointersAt + 8 * layout.pointers;
  for (const [name, value] of Object.entries(values)) {
    const [type, place] = layout.fields[name]!;
    const content = lists.get(name);
    if (!content) {
      setScalar(view, type, place, value);
    } else if (content.length > 0) {
      const [size, code] = elements[type as keyof typeof elements];
      const at = pointersAt + 8 * place;
      view.setUint32(at, ((end - at - 8) / 8) << 2 | 1, true);
      view.setUint32(at + 4, (content.length / size << 3 | code) >>> 0, true);
      message.set(content, end);
      end += Math.ceil(content.length / 8) * 8;
    }
  }
  return message;
}

/** All fields of a stream message; what it does not have is 0 or empty. */
export function decodeStruct(layout: Layout, message: Uint8Array): Values {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const offset = view.getInt32(8, true) >> 2;
  const words = view.getUint16(12, true);
  const pointers = view.getUint16(14, true);
  const dataAt = 16 + 8 * offset;
  const values: Values = {};
  for (const [name, [type, place]] of Object.entries(layout.fields)) {
    if (type in elements) {
      const at = dataAt + 8 * (words + place);
      values[name] = place < pointers ? readList(view, message, type, at) : emptyOf(type);
    } else {
      values[name] = readScalar(view, type, place, dataAt, words * 8);
    }
  }
  return values;
}

function listBytes(type: FieldType, value: Value): Uint8Array {
  if (type === "text") {
    return value === "" ? new Uint8Array(0) : new TextEncoder().encode(`${value as string}\0`);
  }
  if (value instanceof Uint8Array) return value;
  const numbers = value as readonly (number | bigint)[];
  const [size] = elements[type as keyof typeof elements];
  const bytes = new Uint8Array(numbers.length * size);
  const view = new DataView(bytes.buffer);
  for (const [i, number] of numbers.entries()) {
    if (size === 1) view.setUint8(i, Number(number));
    else if (size === 2) view.setUint16(i * 2, Number(number), true);
    else if (size === 4) view.setUint32(i * 4, Number(number), true);
    else view.setBigInt64(i * 8, BigInt(number), true);
  }
  return bytes;
}

function setScalar(view: DataView, type: FieldType, place: number, value: Value): void {
  if (type === "bool") {
    const at = 16 + (place >> 3);
    if (value) view.setUint8(at, view.getUint8(at) | 1 << (place & 7));
  } else if (type === "u16") view.setUint16(16 + place, Number(value), true);
  else if (type === "u32") view.setUint32(16 + place, Number(value), true);
  else view.setBigUint64(16 + place, BigInt(value as number | bigint), true);
}

function readScalar(
  view: DataView,
  type: FieldType,
  place: number,
  dataAt: number,
  dataBytes: number,
): Value {
  if (type === "bool") {
    return place >> 3 < dataBytes && (view.getUint8(dataAt + (place >> 3)) >> (place & 7) & 1) === 1;
  }
  const bytes = type === "u16" ? 2 : type === "u32" ? 4 : 8;
  if (place + bytes > dataBytes) return type === "u64" ? 0n : 0;
  if (bytes === 2) return view.getUint16(dataAt + place, true);
  return bytes === 4 ? view.getUint32(dataAt + place, true) : view.getBigUint64(dataAt + place, true);
}

function readList(view: DataView, message: Uint8Array, type: FieldType, at: number): Value {
  const [size] = elements[type as keyof typeof elements];
  const low = view.getInt32(at, true);
  const count = view.getUint32(at + 4, true) >>> 3;
  if (low === 0 && count === 0) return emptyOf(type);
  const start = at + 8 + 8 * (low >> 2);
  const bytes = message.slice(start, start + count * size);
  if (type === "text") return new TextDecoder().decode(bytes.subarray(0, count - 1));
  if (type === "data") return bytes;
  const numbers = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, i) => {
    if (size === 1) return numbers.getUint8(i);
    if (size === 2) return numbers.getUint16(i * 2, true);
    if (size === 4) return numbers.getUint32(i * 4, true);
    return type === "i64s" ? numbers.getBigInt64(i * 8, true) : numbers.getBigUint64(i * 8, true);
  });
}

function emptyOf(type: FieldType): Value {
  return type === "text" ? "" : type === "data" ? new Uint8Array(0) : [];
}
