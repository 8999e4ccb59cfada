/**
 * Lists of addresses, as tickets and `LaneOffer` have them: a byte that counts them, 0 to 8, then each.
 *
 * | bytes    | field                                                                                    |
 * | -------- | ---------------------------------------------------------------------------------------- |
 * | 1        | form: 4 IPv4, 6 IPv6, 1 name, 0 none (the host of control); 128 more with a port of its own |
 * | 1        | length of the rest                                                                       |
 * | 2        | the port of its own, if any, big-endian                                                  |
 * | the rest | 4 bytes, 16 bytes, the name, nothing                                            |
 *
 * A reader passes over an address of any other form.
 */
import { RcopyError } from "../base/errors.ts";

/** An address of a list. */
export interface ListedAddress {
  /** `undefined`: the host of the control connection. */
  host: string | undefined;
  /** 1 to 65535. `undefined`: the port that all addresses have for which nothing else is said. */
  port: number | undefined;
}

/** Addresses of a list, and the most bytes that they can take. */
export const listedAddressesMax = 8;
export const addressListBytesMax = 1 + listedAddressesMax * (2 + 255);

const ownPort = 0x80;
const portBytes = 2;

/** A host: the number of its form, and its bytes. */
export interface HostBytes {
  form: 1 | 4 | 6;
  bytes: Uint8Array;
}

/** What is left of the length byte beside a port; a host name has no more in DNS either. */
const nameBytesMax = 253;

/** The list as bytes. Addresses beyond the eighth are left out. @throws {RangeError} for a name that does not fit */
export function encodeAddressList(addresses: readonly ListedAddress[]): Uint8Array<ArrayBuffer> {
  const listed = addresses.slice(0, listedAddressesMax);
  return Uint8Array.from([listed.length, ...listed.flatMap(encodeAddress)]);
}

/** The addresses of a list that fills `bytes`. @throws {RcopyError} `protocol` for anything else */
export function decodeAddressList(bytes: Uint8Array): ListedAddress[] {
  const count = bytes[0];
  if (count === undefined || count > listedAddressesMax) throw wrong(`counts ${count ?? "no"} addresses`);
  const addresses: ListedAddress[] = [];
  let at = 1;
  for (let i = 0; i < count; i++) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (end > bytes.length || at + 2 > bytes.length) throw wrong("is shorter than it should be");
    const address = decodeAddress(bytes[at]!, bytes.subarray(at + 2, end));
    if (address) addresses.push(address);
    at = end;
  }
  if (at !== bytes.length) throw wrong("is longer than it should be");
  return addresses;
}

function encodeAddress({ host, port }: ListedAddress): number[] {
  const { form, bytes } = host === undefined ? { form: 0, bytes: new Uint8Array(0) } : parseHost(host);
  if (port === undefined) return [form, bytes.length, ...bytes];
  return [form | ownPort, portBytes + bytes.length, port >> 8, port & 0xff, ...bytes];
}

/** `undefined` for an address of a form that a later version has. */
function decodeAddress(first: number, rest: Uint8Array): ListedAddress | undefined {
  const form = first & ~ownPort;
  if (form !== 0 && form !== 1 && form !== 4 && form !== 6) return undefined;
  const hasPort = (first & ownPort) !== 0;
  if (hasPort && rest.length < portBytes) throw wrong("has half a port");
  const port = hasPort ? rest[0]! << 8 | rest[1]! : undefined;
  if (port === 0) throw wrong("names port 0");
  const bytes = hasPort ? rest.subarray(portBytes) : rest;
  if (form === 0) {
    if (bytes.length > 0 || !hasPort) throw wrong("has an address of nothing");
    return { host: undefined, port };
  }
  const host = showHost({ form, bytes });
  if (host === undefined) throw wrong("has a host that is none");
  return { host, port };
}

function wrong(what: string): RcopyError {
  return new RcopyError("protocol", `a list of addresses ${what}`);
}

/** Bytes of a host. @throws {RangeError} for a name that does not fit */
export function parseHost(host: string): HostBytes {
  const address = addressBytes(host);
  if (address) return { form: address.length === 4 ? 4 : 6, bytes: address };
  const bytes = new TextEncoder().encode(host);
  if (!isName(host) || bytes.length > nameBytesMax) throw new RangeError("this is no host name");
  return { form: 1, bytes };
}

/** The 4 bytes of an IPv4 address, or the 16 of an IPv6 address without a zone; `undefined` for anything else. */
export function addressBytes(text: string): Uint8Array | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets?.every((octet) => octet < 256)) return Uint8Array.from(octets);
  if (!text.includes(":") || !URL.canParse(`http://[${text}]`)) return undefined;
  return ipv6Bytes(new URL(`http://[${text}]`).hostname.slice(1, -1));
}

/** The host of some bytes, or `undefined` where they are none. */
export function showHost({ form, bytes }: HostBytes): string | undefined {
  if (form === 4) return bytes.length === 4 ? bytes.join(".") : undefined;
  if (form === 6) {
    if (bytes.length !== 16) return undefined;
    const groups = Array.from(
      { length: 8 },
      (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16),
    );
    return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  }
  const name = new TextDecoder().decode(bytes);
  return isName(name) ? name : undefined;
}

/** Printable, without what would make another address of it; `%` for the zone of a link-local address. */
function isName(text: string): boolean {
  return /^[\w.:%-]+$/.test(text);
}

/** Bytes of an IPv6 address in its shortest form, as URLs have it. */
function ipv6Bytes(shortest: string): Uint8Array {
  const [before = "", after] = shortest.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return Uint8Array.from([...head, ...gap, ...tail].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
}
