import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import {
  describeStranger,
  encodePreamble,
  negotiate,
  parsePreamble,
  protocolHigh,
  protocolLow,
} from "./version.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

Deno.test("encodePreamble() writes the bytes that PROTOCOL.md shows", () => {
  assertEquals(
    [...encodePreamble("data")],
    [0x89, 0x52, 0x43, 0x50, 0x0d, 0x0a, 0x1a, 0x0a, 1, 0, 1, 0, 2, 0, 0, 0],
  );
});

for (const connection of ["control", "data"] as const) {
  Deno.test(`parsePreamble() reads the preamble of a ${connection} connection`, () => {
    assertEquals(parsePreamble(encodePreamble(connection)), {
      low: protocolLow,
      high: protocolHigh,
      connection,
    });
  });
}

Deno.test("parsePreamble() refuses a preamble with any bit flipped, save for other versions and the other kind", () => {
  const sound = encodePreamble("control");
  for (let bit = 0; bit < sound.length * 8; bit++) {
    const bytes = sound.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const read = () => parsePreamble(bytes);
    // The highest version may be any that is not below the lowest.
    const isAnotherVersion = bit >= 80 && bit < 96 && bit !== 80;
    if (isAnotherVersion) assertEquals(read().low, 1);
    else assertEquals((assertThrows(read, RcopyError) as RcopyError).code, "protocol", `bit ${bit}`);
  }
});

Deno.test("parsePreamble() refuses every length but sixteen", () => {
  for (const length of [0, 1, 15]) {
    assertThrows(() => parsePreamble(encodePreamble("control").subarray(0, length)), RcopyError);
  }
  assertThrows(() => parsePreamble(Uint8Array.from([...encodePreamble("control"), 0])), RcopyError);
});

Deno.test("negotiate() takes the highest version that both speak", () => {
  assertEquals(negotiate(protocolLow, protocolHigh), protocolHigh);
  assertEquals(negotiate(protocolLow, 0xffff), protocolHigh);
  assertEquals(negotiate(protocolHigh, protocolHigh), protocolHigh);
});

Deno.test("negotiate() names both ranges, and the end to update, where there is no common version", () => {
  const error = assertThrows(() => negotiate(protocolHigh + 1, 7), RcopyError) as RcopyError;
  assertEquals(error.code, "version");
  for (const part of [`${protocolHigh + 1} to 7`, `${protocolLow} to ${protocolHigh}`, "this end"]) {
    assertEquals(error.message.includes(part), true, `${part} in ${error.message}`);
  }
});

const strangers: [string, Uint8Array, string | undefined][] = [
  ["an HTTP request", ascii("GET / HTTP/1.1\r\n"), "an HTTP client"],
  ["an HTTP/2 preface", ascii("PRI * HTTP/2.0\r\n"), "an HTTP client"],
  [
    "a TLS ClientHello",
    Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0),
    "a TLS client, as rcopy is one without --insecure",
  ],
  ["an SSH banner", ascii("SSH-2.0-OpenSSH_"), "an SSH client"],
  ["nothing", new Uint8Array(0), "somebody who said nothing"],
  ["noise", ascii("0123456789abcdef"), undefined],
];

for (const [what, bytes, name] of strangers) {
  Deno.test(`describeStranger() says ${name ?? "nothing"} of ${what}`, () => {
    assertEquals(describeStranger(bytes), name);
  });
  Deno.test(`parsePreamble() refuses ${what} and says what it looks like`, () => {
    const error = assertThrows(() => parsePreamble(bytes), RcopyError) as RcopyError;
    assertEquals(error.code, "protocol");
    if (name) assertEquals(error.message.includes(name), true, error.message);
  });
}
