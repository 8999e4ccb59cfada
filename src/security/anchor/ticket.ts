/**
 * Tickets: all that a dialer needs, in one word that a person can paste. A ticket is a secret.
 *
 * `rcopy1`, then base32 (lower or upper case, without padding) of:
 *
 * | bytes      | field                                                                                      |
 * | ---------- | ------------------------------------------------------------------------------------------ |
 * | 1          | version of this layout: 1                                                                  |
 * | 1          | kind of the anchor's key: 1 Ed25519, 2 ECDSA P-256, 3 ECDSA P-384                          |
 * | 32, 65, 97 | the key: of Ed25519 as it is, else the uncompressed point                                  |
 * | 16         | secret                                                                                     |
 * | 2          | port, big-endian                                                                           |
 * | 1          | number of addresses, 0 to 8                                                                |
 * | each       | kind (4 IPv4, 6 IPv6, 1 name; plus 128 with a port of its own); [port]; [length] and bytes |
 * | 4          | CRC-32 of all before, big-endian                                                           |
 */
import { RcopyError } from "../../base/errors.ts";
import { crc32 } from "../../wire/crc32.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { parseHost, showHost } from "./host.ts";
import { bareKeyOf, keyBytesOf, type KeyKind, kindOfSpki, spkiOf } from "./public_key.ts";

/** Where a listener may be reached. */
export interface TicketAddress {
  host: string;
  port: number;
}

/** What a ticket says. */
export interface Ticket {
  /** Public key of the anchor, as SPKI. */
  anchor: Uint8Array<ArrayBuffer>;
  /** 16 bytes. */
  secret: Uint8Array<ArrayBuffer>;
  /** Of the listener, for addresses that the dialer adds without one. */
  port: number;
  /** Most useful first; at most {@linkcode ticketAddressesMax}. */
  addresses: readonly TicketAddress[];
}

/** Bytes of a ticket's secret. */
export const secretBytes = 16;
/** Addresses that a ticket carries. */
export const ticketAddressesMax = 8;

const prefix = "rcopy1";
const layoutVersion = 1;
const kindNumbers = { ed25519: 1, p256: 2, p384: 3 } as const satisfies Record<
  Exclude<KeyKind, "rsa">,
  number
>;
const ownPort = 0x80;
const checksumBytes = 4;
/** Longer ones are no tickets: the largest has eight names of 255 bytes. */
const ticketCharactersMax = 4096;

/** Whether a key is short enough to be the anchor of a ticket. */
export function fitsTicket(spki: Uint8Array): boolean {
  return kindOfSpki(spki) !== "rsa";
}

/** The ticket as text. Addresses beyond the eighth are left out. */
export function encodeTicket({ anchor, secret, port, addresses }: Ticket): string {
  const kind = kindOfSpki(anchor);
  if (kind === "rsa" || secret.length !== secretBytes) {
    throw new TypeError("this cannot be put into a ticket");
  }
  const listed = addresses.slice(0, ticketAddressesMax);
  const body = [
    layoutVersion,
    kindNumbers[kind],
    ...bareKeyOf(kind, anchor),
    ...secret,
    ...bigEndian16(port),
    listed.length,
    ...listed.flatMap((address) => encodeAddress(address, port)),
  ];
  const bytes = new Uint8Array(body.length + checksumBytes);
  bytes.set(body);
  new DataView(bytes.buffer).setUint32(body.length, crc32(bytes.subarray(0, body.length)));
  return prefix + encodeBase32(bytes);
}

/** The ticket in a text. @throws {RcopyError} `usage`, never repeating the text */
export function decodeTicket(text: string): Ticket {
  const word = text.trim().toLowerCase();
  if (!word.startsWith(prefix)) {
    const isNewer = /^rcopy[2-9]/.test(word);
    throw wrong(
      isNewer ? "is of a newer rcopy; update this one" : `does not begin with ${prefix}; copy the whole line`,
    );
  }
  const reader = new Reader(decodeBody(word.slice(prefix.length)));
  const version = reader.byte();
  if (version !== layoutVersion) throw wrong("is of a newer rcopy; update this one");
  const number = reader.byte();
  const kind = (["ed25519", "p256", "p384"] as const).find((one) => kindNumbers[one] === number);
  if (!kind) throw wrong("names a key of a kind that this rcopy does not know; update it");
  const anchor = spkiOf(kind, reader.bytes(keyBytesOf(kind)));
  const secret = reader.bytes(secretBytes);
  const port = reader.port();
  const count = reader.byte();
  if (count > ticketAddressesMax) throw wrong("has too many addresses");
  const addresses: TicketAddress[] = [];
  for (let i = 0; i < count; i++) addresses.push(reader.address(port));
  if (reader.left > 0) throw wrong("is longer than it should be");
  return { anchor, secret, port, addresses };
}

/** What is in the base32, checked by its checksum. */
function decodeBody(word: string): Uint8Array<ArrayBuffer> {
  const mistyped = "is mistyped or cut off: its checksum is wrong; copy the whole line again";
  if (word.length > ticketCharactersMax || !/^[a-z2-7]+$/.test(word)) throw wrong(mistyped);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = decodeBase32(word);
  } catch {
    // The cause would repeat what may be most of a secret.
    throw wrong(mistyped);
  }
  const bodyBytes = bytes.length - checksumBytes;
  if (bodyBytes < 1) throw wrong(mistyped);
  const body = bytes.subarray(0, bodyBytes);
  if (new DataView(bytes.buffer).getUint32(bodyBytes) !== crc32(body)) throw wrong(mistyped);
  return body;
}

function encodeAddress({ host, port }: TicketAddress, commonPort: number): number[] {
  const { kind, bytes } = parseHost(host);
  const own = port === commonPort ? [kind] : [kind | ownPort, ...bigEndian16(port)];
  return kind === 1 ? [...own, bytes.length, ...bytes] : [...own, ...bytes];
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    if (count > this.left) throw wrong("is shorter than it should be");
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }

  byte(): number {
    return this.bytes(1)[0]!;
  }

  port(): number {
    const port = new DataView(this.bytes(2).buffer).getUint16(0);
    if (port === 0) throw wrong("names port 0");
    return port;
  }

  address(commonPort: number): TicketAddress {
    const kind = this.byte();
    const port = kind & ownPort ? this.port() : commonPort;
    const plainKind = kind & ~ownPort;
    if (plainKind !== 1 && plainKind !== 4 && plainKind !== 6) {
      throw wrong("has an address of an unknown kind");
    }
    const bytes = this.bytes(plainKind === 1 ? this.byte() : plainKind === 4 ? 4 : 16);
    const host = showHost({ kind: plainKind, bytes });
    if (host === undefined) throw wrong("has a host name that is none");
    return { host, port };
  }
}

function bigEndian16(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}

function wrong(what: string): RcopyError {
  return new RcopyError("usage", `the ticket ${what}`);
}
