/** The few DER encodings that certificates are made of. It only writes: nothing here parses what a peer sent. */
import { concat } from "../../base/bytes.ts";

/** Tags of X.690 that are used here. */
const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

type Der = Uint8Array<ArrayBuffer>;

/** Any element: tag, length, content. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError(`an element of ${length} bytes has no place in a certificate`);
  return concat(Uint8Array.from(head), ...parts);
}

export const sequence = (...parts: readonly Uint8Array[]): Der => element(tags.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Der => element(tags.set, ...parts);
export const octetString = (...parts: readonly Uint8Array[]): Der => element(tags.octetString, ...parts);
export const bitString = (bytes: Uint8Array): Der => element(tags.bitString, Uint8Array.of(0), bytes);
export const utf8String = (text: string): Der => element(tags.utf8String, new TextEncoder().encode(text));
export const yes: Der = element(tags.boolean, Uint8Array.of(0xff));
export const nothing: Der = element(tags.null);

/** An element with a context tag: `[number]`, primitive or constructed. */
export function tagged(number: number, constructed: boolean, ...parts: readonly Uint8Array[]): Der {
  return element(0x80 | (constructed ? 0x20 : 0) | number, ...parts);
}

/** A number that is not negative, from its big-endian bytes. */
export function integer(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return (digits[0] ?? 0) & 0x80
    ? element(tags.integer, Uint8Array.of(0), digits)
    : element(tags.integer, digits);
}

/** An object identifier as people write it: "1.3.101.112". */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f));
    bytes.push(...groups);
  }
  return element(tags.objectIdentifier, Uint8Array.from(bytes));
}

/** A moment, to the second; two digits of the year up to 2049, as certificates demand. */
export function time(at: Date): Der {
  const digits = `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  const isShort = at.getUTCFullYear() >= 1950 && at.getUTCFullYear() < 2050;
  const text = new TextEncoder().encode(isShort ? digits.slice(2) : digits);
  return element(isShort ? tags.utcTime : tags.generalizedTime, text);
}

/** DER as text between BEGIN and END. */
export function pem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
