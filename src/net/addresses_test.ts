import { assertEquals } from "@std/assert";
import { reachableAddresses } from "./addresses.ts";

const list = () => [
  { family: "IPv4" as const, address: "127.0.0.1" },
  { family: "IPv6" as const, address: "::1" },
  { family: "IPv4" as const, address: "169.254.3.4" },
  { family: "IPv6" as const, address: "fe80::1" },
  { family: "IPv6" as const, address: "febf::1" },
  { family: "IPv6" as const, address: "fd00::1" },
  { family: "IPv6" as const, address: "2001:db8::1" },
  { family: "IPv4" as const, address: "192.0.2.7" },
  { family: "IPv4" as const, address: "10.0.0.7" },
];

Deno.test("reachableAddresses() puts the most useful first, and leaves loopback and link-local IPv6 out", () => {
  const ipv4 = ["192.0.2.7", "10.0.0.7"];
  assertEquals(reachableAddresses({ dualStack: true, list }), [
    ...ipv4,
    "2001:db8::1",
    "fd00::1",
    "169.254.3.4",
  ]);
  assertEquals(reachableAddresses({ dualStack: false, list }), [...ipv4, "169.254.3.4"]);
});

Deno.test("reachableAddresses() names loopback if there is nothing else", () => {
  const alone = () => list().slice(0, 2);
  assertEquals(reachableAddresses({ dualStack: true, list: alone }), ["127.0.0.1"]);
});

Deno.test({
  name: "reachableAddresses() is empty where Deno may not look",
  permissions: { sys: ["hostname"] },
  fn: () => assertEquals(reachableAddresses({ dualStack: true, list }), []),
});

Deno.test("reachableAddresses() puts the interface of the network before ten bridges, whatever the order", () => {
  const bridges = Array.from({ length: 10 }, (_, i) => ({
    name: ["docker0", "br-1f2e", "virbr0", "veth12ab", "cni0"][i % 5]!,
    family: "IPv4" as const,
    address: `172.${17 + i}.0.1`,
  }));
  const tunnel = { name: "wg0", family: "IPv4" as const, address: "10.8.0.2" };
  const lan = { name: "enp3s0", family: "IPv4" as const, address: "192.168.1.20" };
  const addresses = reachableAddresses({ dualStack: true, list: () => [...bridges, tunnel, lan] });
  assertEquals(addresses.slice(0, 2), ["192.168.1.20", "10.8.0.2"]);
  assertEquals(addresses.length, 12);
});
