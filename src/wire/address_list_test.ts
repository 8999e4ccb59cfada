/** Hosts as bytes, and lists of addresses. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { testSeed } from "../../tests/helpers/random.ts";
import { RcopyError } from "../base/errors.ts";
import {
  addressListBytesMax,
  decodeAddressList,
  encodeAddressList,
  type HostBytes,
  type ListedAddress,
  parseHost,
  showHost,
} from "./address_list.ts";

const hosts: [host: string, form: HostBytes["form"], hex: string, shown?: string][] = [
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

for (const [host, form, hex, shown = host] of hosts) {
  Deno.test(`${host} has form ${form} in a list, and comes back as ${shown}`, () => {
    const parsed = parseHost(host);
    assertEquals([parsed.form, parsed.bytes.toHex()], [form, hex]);
    assertEquals(showHost(parsed), shown);
  });
}

Deno.test("a host name has printable characters of few kinds, and at most 253 bytes", () => {
  assertEquals(parseHost("a".repeat(253)).bytes.length, 253);
  for (const host of ["", "a b", "a/b", "[::1]", "a\u001b", "é", "a".repeat(254)]) {
    assertThrows(() => parseHost(host), RangeError);
  }
  for (const text of ["", "a b", "a\n", "\u202e"]) {
    assertEquals(showHost({ form: 1, bytes: new TextEncoder().encode(text) }), undefined);
  }
});

const port = fc.integer({ min: 1, max: 65_535 });
const address: fc.Arbitrary<ListedAddress> = fc.oneof(
  fc.record({
    host: fc.constantFrom("192.0.2.7", "2001:db8::1", "a.example", "fe80::1%eth0", "n".repeat(253)),
    port: fc.option(port, { nil: undefined }),
  }),
  fc.record({ host: fc.constant(undefined), port }),
);

Deno.test("a list of addresses is read as it was written", () => {
  const property = fc.property(fc.array(address, { maxLength: 8 }), (addresses) => {
    const bytes = encodeAddressList(addresses);
    assertEquals(bytes.length <= addressListBytesMax, true);
    assertEquals(decodeAddressList(bytes), addresses);
  });
  fc.assert(property, { seed: testSeed() });
});

Deno.test("a list has the bytes that its table says, and eight addresses at most", () => {
  const listed = [
    { host: "192.0.2.7", port: undefined },
    { host: undefined, port: 3120 },
    { host: "nas", port: 22 },
  ];
  assertEquals(encodeAddressList(listed).toHex(), "03" + "0404c0000207" + "80020c30" + "810500166e6173");
  assertEquals(encodeAddressList([]).toHex(), "00");
  const many = Array.from({ length: 20 }, (_, i) => ({ host: `10.0.0.${i}`, port: 1 }));
  assertEquals(decodeAddressList(encodeAddressList(many)), many.slice(0, 8));
});

Deno.test("an address of a form that is not known is passed over, whatever it holds", () => {
  const bytes = Uint8Array.fromHex("03" + "0703aabbcc" + "0404c0000207" + "ff00");
  assertEquals(decodeAddressList(bytes), [{ host: "192.0.2.7", port: undefined }]);
});

const broken: Record<string, string> = {
  "no count": "",
  "nine addresses": "09" + "0404c0000207".repeat(9),
  "fewer addresses than it counts": "02" + "0404c0000207",
  "an address without its length": "0104",
  "an address that is cut off": "01" + "0404c00002",
  "an unknown address that is cut off": "01" + "0704aabb",
  "bytes behind the last": "00aa",
  "half an IPv4 address": "01" + "0402c000",
  "an IPv6 address of four bytes": "01" + "0604c0000207",
  "an empty name": "01" + "0100",
  "a name that is none": "01" + "0103412042",
  "half a port": "01" + "840100",
  "port 0": "01" + "84060000c0000207",
  "an address of nothing": "01" + "0000",
  "a host in an address without one": "01" + "80060c30c0000207",
};
for (const [what, hex] of Object.entries(broken)) {
  Deno.test(`a list with ${what} is refused`, () => {
    const error = assertThrows(() => decodeAddressList(Uint8Array.fromHex(hex)), RcopyError);
    assertEquals(error.code, "protocol");
  });
}

Deno.test("no bytes make a list do anything but be read or refused", () => {
  const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
    try {
      decodeAddressList(bytes);
    } catch (error) {
      assertEquals(error instanceof RcopyError, true, String(error));
    }
  });
  fc.assert(property, { seed: testSeed(), numRuns: 2000 });
});
