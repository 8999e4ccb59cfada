import { assert, assertEquals } from "@std/assert";
import { matchesAddressList, matchesHostList, matchesPattern } from "./host_pattern.ts";

const patterns: [text: string, pattern: string, matches: boolean][] = [
  ["a.example", "a.example", true],
  ["a.example", "a.exampl", false],
  ["a.example", "a.example.org", false],
  ["a.example", "*", true],
  ["", "*", true],
  ["", "", true],
  ["", "?", false],
  ["a.example", "*.example", true],
  ["a.example", "*.EXAMPLE", false],
  ["b.a.example", "*.example", true],
  ["example", "*.example", false],
  ["a.example", "?.example", true],
  ["ab.example", "?.example", false],
  ["a.example", "*a*e*", true],
  ["a.example", "**e", true],
  ["aab", "*ab", true],
  ["aaa", "*ab", false],
  ["a.example", "[a].example", false],
  ["a+b", "a.b", false],
];
for (const [text, pattern, matches] of patterns) {
  Deno.test(`"${text}" ${matches ? "matches" : "does not match"} the pattern "${pattern}"`, () => {
    assertEquals(matchesPattern(text, pattern), matches);
  });
}

Deno.test("a pattern of many stars takes no more steps than the product of the lengths", () => {
  const [text, pattern] = ["a".repeat(500), `${"*a".repeat(200)}b`];
  let reads = 0;
  const counting = new Proxy<object>({}, {
    get: (_, key) => (reads++, Reflect.get(Object(pattern), key)),
  }) as unknown as string;
  assertEquals(matchesPattern(text, counting), false);
  assert(reads <= 5 * text.length * pattern.length, `${reads} steps`);
});

const hostLists: [host: string, list: string, matches: boolean][] = [
  ["a.example", "b.example,a.example", true],
  ["a.example", "*.example,!a.example", false],
  ["a.example", "!a.example,*.example", false],
  ["a.example", "!b.example", false],
  ["a.example", "!b.example,*", true],
  ["a.example", "A.EXAMPLE", true],
  ["a.example", "", false],
  ["a.example", `*,${"a".repeat(1024)}`, false], // OpenSSH gives up on a pattern that long
  ["a.example", `*,${"a".repeat(1023)}`, true],
];
for (const [host, list, matches] of hostLists) {
  Deno.test(`the host ${host} is ${matches ? "" : "not "}in the list ${list.slice(0, 40)}`, () => {
    assertEquals(matchesHostList(host, list), matches);
  });
}

const addressLists: [address: string, list: string, matches: boolean | undefined][] = [
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.8", false],
  ["192.0.2.7", "192.0.2.0/24", true],
  ["192.0.3.7", "192.0.2.0/24", false],
  ["192.0.2.7", "0.0.0.0/0", true],
  ["192.0.2.7", "192.0.2.7/32", true],
  ["192.0.2.7", "192.0.2.6/31", true],
  ["192.0.2.7", "192.0.2.*", true],
  ["192.0.2.7", "*,!192.0.2.0/24", false],
  ["192.0.2.7", "!10.0.0.0/8", false],
  ["::ffff:192.0.2.7", "192.0.2.0/24", true],
  ["192.0.2.7", "::ffff:192.0.2.7", true],
  ["192.0.2.7", "::/0", false], // of another family
  ["2001:db8::7", "2001:db8::/32", true],
  ["2001:db9::7", "2001:db8::/32", false],
  ["2001:db8::7", "2001:DB8:0:0::7", true],
  ["2001:db8::7", "::/0", true],
  ["fe80::1%eth0", "fe80::/10", true],
  ["fe80::1%eth0", "fe80::1", true],
  ["a.example", "a.example", true],
  ["a.example", "192.0.2.0/24", false],
  // Malformed: the caller refuses.
  ["192.0.2.7", "192.0.2.1/24", undefined],
  ["192.0.2.7", "192.0.2.0/33", undefined],
  ["192.0.2.7", "192.0.2.7,10.0.0.0/", undefined],
  ["192.0.2.7", "192.0.2.7,,", undefined],
  ["192.0.2.7", "", undefined],
  ["192.0.2.7", "2001:db8::/129", undefined],
  ["192.0.2.7", "256.0.0.0/8", undefined],
  ["192.0.2.7", "a.example/8", undefined],
  ["192.0.2.7", "a b:c/8", undefined],
];
for (const [address, list, matches] of addressLists) {
  const what = matches === undefined ? "is malformed" : matches ? "has it" : "does not have it";
  Deno.test(`the address ${address} against from="${list}": the list ${what}`, () => {
    assertEquals(matchesAddressList(address, list), matches);
  });
}
