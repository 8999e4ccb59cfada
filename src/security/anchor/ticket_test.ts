/** Tickets: what goes in comes out, and no slip of a hand goes unnoticed. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { isIPv6 } from "node:net";
import { crc32 as nodeCrc32 } from "node:zlib";
import fc from "fast-check";
import { RcopyError } from "../../base/errors.ts";
import { testSeed } from "../../../tests/helpers/random.ts";
import { encodeBase32 } from "./base32.ts";
import { spkiOf } from "./public_key.ts";
import { decodeTicket, encodeTicket, fitsTicket, type Ticket } from "./ticket.ts";
import { looksLikeTicket } from "./ticket_word.ts";

const bytes = (count: number) =>
  fc.uint8Array({ minLength: count, maxLength: count }).map((one) => one.slice() as Uint8Array<ArrayBuffer>);
const point = (count: number) => bytes(count).map((one) => (one[0] = 4, one));
const anchor = fc.oneof(
  bytes(32).map((key) => spkiOf("ed25519", key)),
  point(65).map((key) => spkiOf("p256", key)),
  point(97).map((key) => spkiOf("p384", key)),
);
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => isIPv6(text)).map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1)),
  fc.domain(),
  fc.constant("fe80::1%eth0"),
);
const port = fc.integer({ min: 1, max: 65_535 });
const ticket: fc.Arbitrary<Ticket> = fc.record({
  anchor,
  secret: bytes(16),
  port,
  addresses: fc.array(fc.record({ host, port }), { maxLength: 8 }),
});

const one: Ticket = {
  anchor: spkiOf("ed25519", Uint8Array.from({ length: 32 }, (_, i) => i)),
  secret: Uint8Array.from({ length: 16 }, (_, i) => 200 + i),
  port: 3120,
  addresses: [{ host: "192.0.2.7", port: 3120 }, { host: "2001:db8::1", port: 3120 }, {
    host: "nas",
    port: 22,
  }],
};

function complaint(text: string): string {
  const error = assertThrows(() => decodeTicket(text), RcopyError);
  assertEquals(error.code, "usage");
  return error.message;
}

Deno.test("a ticket is read as it was written, in any case, with space around it", () => {
  const property = fc.property(ticket, fc.boolean(), (it, upper) => {
    const text = encodeTicket(it);
    assertMatch(text, /^rcopy1[a-z2-7]+$/);
    assert(looksLikeTicket(text));
    assertEquals(decodeTicket(upper ? ` ${text.toUpperCase()}\r\n` : text), it);
  });
  fc.assert(property, { seed: testSeed() });
});

Deno.test("every single wrong, missing, doubled or swapped character is noticed", () => {
  const text = encodeTicket(one);
  for (let at = 6; at < text.length; at++) {
    const others = [..."abcdefghijklmnopqrstuvwxyz234567"].filter((letter) => letter !== text[at]);
    for (const letter of others) complaint(text.slice(0, at) + letter + text.slice(at + 1));
    complaint(text.slice(0, at) + text.slice(at + 1));
    if (text[at] !== text[at + 1]) {
      complaint(text.slice(0, at) + text[at]! + text.slice(at));
      const swapped = text.slice(0, at) + (text[at + 1] ?? "") + text[at] + text.slice(at + 2);
      if (swapped !== text) complaint(swapped);
    }
    if (at > 6) assertMatch(complaint(text.slice(0, at)), /mistyped or cut off/);
  }
  for (const letter of "018-_.é") {
    assertMatch(complaint(text.slice(0, 20) + letter + text.slice(21)), /mistyped/);
  }
});

Deno.test("what is no ticket, or one of a newer rcopy, is called that, and never repeated", () => {
  const text = encodeTicket(one);
  assertMatch(complaint(text.slice(1)), /does not begin with rcopy1/);
  assertMatch(complaint(text.replace("rcopy1", "rcopy2")), /newer rcopy/);
  for (const bad of ["", "rcopy1", "rcopy1aaaa", "a".repeat(9000), `rcopy1${"a".repeat(9000)}`]) {
    complaint(bad);
  }
  for (const bad of [text.slice(0, -3), `${text}a`, text.replace("rcopy1", "rcopy3"), `x${text}`]) {
    const error = assertThrows(() => decodeTicket(bad), RcopyError);
    const shown = `${error.message}${error.stack}${Deno.inspect(error)}`.toLowerCase();
    for (let at = 0; at + 8 <= text.length; at += 4) {
      assert(!shown.includes(text.slice(at, at + 8)), "an error repeats a part of a ticket");
    }
  }
});

Deno.test("a ticket of a known key has a known text", () => {
  assertEquals(
    encodeTicket({ ...one, addresses: one.addresses.slice(0, 1) }),
    "rcopy1aeaqaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h6izhfmxtgnz3h5buos2pknlvwxbqyacbaeyaaaeb53hdoi6",
  );
});

/** The text of a ticket whose addresses are these bytes. */
function ticketAround(addresses: string): string {
  const key = "00".repeat(32);
  const body = Uint8Array.fromHex(`0101${key}${"07".repeat(16)}0c30${addresses}`);
  const bytes = new Uint8Array(body.length + 4);
  bytes.set(body);
  new DataView(bytes.buffer).setUint32(body.length, nodeCrc32(body));
  return `rcopy1${encodeBase32(bytes)}`;
}

Deno.test("an address of a form that this rcopy does not know is passed over, one without a host refused", () => {
  assertEquals(decodeTicket(ticketAround("02" + "0902abcd" + "0404c0000207")).addresses, [
    { host: "192.0.2.7", port: 3120 },
  ]);
  assertMatch(complaint(ticketAround("01" + "80020c30")), /without a host/);
  for (const bad of ["", "09", "010404c00002", "0100aa", "0404c0000207"]) {
    assertMatch(complaint(ticketAround(bad)), /cannot read/);
  }
});

Deno.test("only the first eight addresses are put in, and no key that is too long", () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ host: `10.0.0.${i}`, port: 1 }));
  assertEquals(decodeTicket(encodeTicket({ ...one, addresses: many })).addresses, many.slice(0, 8));
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = new Uint8Array((publicKey as KeyObject).export({ type: "spki", format: "der" }));
  assertEquals(fitsTicket(rsa), false);
  assertEquals(fitsTicket(one.anchor), true);
});

Deno.test("a path or a host is not taken for a ticket", () => {
  for (const word of [".", "rcopy", "rcopy1", "/rcopy1abc", "user@rcopy1host:dir", "rcopy-1.2"]) {
    assertEquals(looksLikeTicket(word), false, word);
  }
});
