import { assertEquals, assertMatch } from "@std/assert";
import { printableName, showName, showPeerText, showText, textForPeer } from "./show.ts";

const hostile: [string, number[]][] = [
  ["\\x1b[1A\\rok", [0x1b, 0x5b, 0x31, 0x41, 0x0d, 0x6f, 0x6b]],
  ["\\x9b2J", [0x9b, 0x32, 0x4a]],
  ["\\x9b", [0xc2, 0x9b]],
  ["\\n", [0x0a]],
  ["\\u202e", [0xe2, 0x80, 0xae]],
  ["\\x1b]52;c;A\\x07", [0x1b, 0x5d, 0x35, 0x32, 0x3b, 0x63, 0x3b, 0x41, 0x07]],
  ["\\xff\\xfe", [0xff, 0xfe]],
  ["caf\\xe9", [0x63, 0x61, 0x66, 0xe9]],
  ["a\\\\b", [0x61, 0x5c, 0x62]],
  ["-rf été", [...new TextEncoder().encode("-rf été")]],
];

for (const [shown, name] of hostile) {
  Deno.test(`showName() shows ${JSON.stringify(shown)} without a byte that a terminal obeys`, () => {
    assertEquals(showName(Uint8Array.from(name)), shown);
  });
}

Deno.test("showText() lets no control or bidi character through", () => {
  for (let code = 0; code < 0x3000; code++) {
    const shown = showText(String.fromCharCode(code));
    // deno-lint-ignore no-control-regex
    if (/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(shown)) {
      throw new Error(`U+${code.toString(16)}`);
    }
  }
});

Deno.test("showPeerText() caps and labels what the peer says", () => {
  const shown = showPeerText("\u001b[2J".repeat(300_000));
  assertMatch(shown, /^peer says: /);
  assertEquals(shown.length <= 11 + 512 * 6, true);
});

const told: [string, string][] = [
  ['cannot list "/home/alice/my photos": io (from openat2)', "cannot list a path there: io (from openat2)"],
  ["Permission denied (os error 13): mkdir '/srv/x'", "Permission denied (os error 13): mkdir a path there"],
  ["cannot open /etc/ssh/key, and (/tmp/x) too", "cannot open a path there, and (a path there) too"],
  ['the file "one" is gone, "d/two" too; and/or 3/4', 'the file "one" is gone, a path there too; and/or 3/4'],
  ['cannot use "C:\\\\Users\\\\alice"', "cannot use a path there"],
  ["nothing to hide", "nothing to hide"],
];
for (const [message, text] of told) {
  Deno.test(`textForPeer() tells no path of this machine: ${message}`, () =>
    assertEquals(textForPeer(message), text));
}

Deno.test("printableName() gives what can be printed and typed again, and nothing else", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  for (const name of ["a b", "it's", "a\\b", "ä€😀"]) assertEquals(printableName(bytes(name)), name);
  for (const name of ["", "a\nb", "a\u001b[2J", "a\u202eb"]) {
    assertEquals(printableName(bytes(name)), undefined);
  }
  assertEquals(printableName(Uint8Array.of(0xff)), undefined);
});
