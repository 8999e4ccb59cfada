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
 * | the rest   | the addresses, as `src/wire/address_list.ts` has them, each with a host                    |
 * | 4          | CRC-32 of all before, big-endian                                                           |
 */
import { RcopyError } from "../../base/errors.ts";
import { decodeAddressList, encodeAddressList, type ListedAddress } from "../../wire/address_list.ts";
import { crc32 } from "../../wire/crc32.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
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
  /** Most useful first; at most `listedAddressesMax`. */
  addresses: readonly TicketAddress[];
}

/** Bytes of a ticket's secret. */
export const secretBytes = 16;

const prefix = "rcopy1";
const layoutVersion = 1;
const kindNumbers = { ed25519: 1, p256: 2, p384: 3 } as const satisfies Record<
  Exclude<KeyKind, "rsa">,
  number
>;
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
  const body = [
    layoutVersion,
    kindNumbers[kind],
    ...bareKeyOf(kind, anchor),
    ...secret,
    ...bigEndian16(port),
    ...encodeAddressList(
      addresses.map((one) => ({ host: one.host, port: one.port === port ? undefined : one.port })),
    ),
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
  const addresses = addressesIn(reader.rest()).map(({ host, port: own }) => {
    if (host === undefined) throw wrong("has an address without a host");
    return { host, port: own ?? port };
  });
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

function addressesIn(bytes: Uint8Array): ListedAddress[] {
  try {
    return decodeAddressList(bytes);
  } catch {
    throw wrong("has addresses that this rcopy cannot read; update it");
  }
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    if (this.#at + count > this.#bytes.length) throw wrong("is shorter than it should be");
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

  /** All that is left. */
  rest(): Uint8Array<ArrayBuffer> {
    return this.bytes(this.#bytes.length - this.#at);
  }
}

function bigEndian16(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}

function wrong(what: string): RcopyError {
  return new RcopyError("usage", `the ticket ${what}`);
}
