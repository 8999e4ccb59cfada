import { assertEquals, assertThrows } from "@std/assert";
import { type HostBytes, parseHost, showHost } from "./host.ts";

const hosts: [host: string, kind: HostBytes["kind"], hex: string, shown?: string][] = [
  ["192.0.2.7", 4, "c0000207"],
  ["255.255.255.255", 4, "ffffffff"],
  ["::", 6, "00".repeat(16)],
  ["::1", 6, `${"00".repeat(15)}01`],
  ["2001:db8::1", 6, "20010db8000000000000000000000001"],
  ["2001:DB8:0:0:0:0:0:1", 6, "20010db8000000000000000000000001", "2001:db8::1"],
  ["1:2:3:4:5:6:7:8", 6, "00010002000300040005000600070008"],
  ["::ffff:192.0.2.7", 6, "00000000000000000000ffffc0000207", "::ffff:c000:207"],
  ["a.example", 1, "612e6578616d706c65"],
  ["256.0.0.1", 1, "3235362e302e302e31"], // no address, and for a resolver to refuse
  ["fe80::1%eth0", 1, "666538303a3a312565746830"],
];

for (const [host, kind, hex, shown = host] of hosts) {
  Deno.test(`${host} has kind ${kind} in a ticket, and comes back as ${shown}`, () => {
    const parsed = parseHost(host);
    assertEquals([parsed.kind, parsed.bytes.toHex()], [kind, hex]);
    assertEquals(showHost(parsed), shown);
  });
}

Deno.test("a host name has printable characters of few kinds, and at most 255 bytes", () => {
  assertEquals(parseHost("a".repeat(255)).bytes.length, 255);
  for (const host of ["", "a b", "a/b", "[::1]", "a\u001b", "é", "a".repeat(256)]) {
    assertThrows(() => parseHost(host), RangeError);
  }
  for (const text of ["", "a b", "a\n", "\u202e"]) {
    assertEquals(showHost({ kind: 1, bytes: new TextEncoder().encode(text) }), undefined);
  }
});
