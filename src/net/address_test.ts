import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { parseAddress, parsePort, plainHost, showAddress } from "./address.ts";

const written: [text: string, host: string][] = [
  ["192.0.2.7:3120", "192.0.2.7"],
  ["host.example:3120", "host.example"],
  ["[2001:db8::1]:3120", "2001:db8::1"],
  ["[::]:3120", "::"],
  ["[fe80::1%eth0]:3120", "fe80::1%eth0"],
  ["[fe80::1%br-lan.100]:3120", "fe80::1%br-lan.100"],
];

for (const [text, host] of written) {
  Deno.test(`${text} is read, and written again as it was`, () => {
    assertEquals(parseAddress(text), { host, port: 3120 });
    assertEquals(showAddress({ host, port: 3120 }), text);
  });
}

Deno.test("an IPv4 address that IPv6 carries is shown as itself, and nothing else is changed", () => {
  assertEquals(showAddress({ host: "::ffff:192.0.2.7", port: 1 }), "192.0.2.7:1");
  assertEquals(showAddress({ host: "::FFFF:192.0.2.7", port: 1 }), "192.0.2.7:1");
  assertEquals(plainHost("::ffff:1"), "::ffff:1");
  assertEquals(plainHost("64:ff9b::192.0.2.7"), "64:ff9b::192.0.2.7");
  assertEquals(showAddress({ host: "::ffff:0:1", port: 1 }), "[::ffff:0:1]:1");
});

const refused: [text: string, message: RegExp][] = [
  ["2001:db8::1:3120", /an IPv6 address stands in brackets/],
  ["192.0.2.7", /write HOST:PORT/],
  ["host:", /write HOST:PORT/],
  [":3120", /write HOST:PORT/],
  ["[2001:db8::1]", /write HOST:PORT/],
  ["[fe80::1%]:3120", /write HOST:PORT/],
  ["[2001:db8::1%a b]:3120", /write HOST:PORT/],
  ["host:0", /names port 0/],
  ["host:65536", /not a port/],
  ["host:123456", /not a port/],
  ["", /write HOST:PORT/],
];

for (const [text, message] of refused) {
  Deno.test(`"${text}" is no address, and the refusal says what is`, () => {
    const error = assertThrows(() => parseAddress(text), RcopyError);
    assertEquals(error.code, "usage");
    assertMatch(error.message, message);
  });
}

Deno.test("a port is a number from 0 to 65535, in digits alone", () => {
  assertEquals(parsePort("0"), 0);
  assertEquals(parsePort("65535"), 65_535);
  for (const text of ["65536", "-1", "1e3", " 1", "0x1f", ""]) {
    assertThrows(() => parsePort(text), RcopyError);
  }
});
