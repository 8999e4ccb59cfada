import { assertEquals, assertMatch } from "@std/assert";
import type { ErrorCode } from "../base/errors.ts";
import { parseCommandLine } from "./line/parse.ts";
import { whatNext } from "./what_next.ts";

const kept = { files: 1234, links: 1, bytes: 5_600_000_000 };

function lines(
  words: string[],
  code: ErrorCode,
  what: typeof kept | undefined = undefined,
  hasProgressed = true,
): string[] {
  const invocation = parseCommandLine(words);
  if (invocation.of !== "command") throw new Error(invocation.of);
  return whatNext(invocation.line, { code, kept: what, hasProgressed });
}

Deno.test("a receiver says what it has in place", () => {
  const [first] = lines(["receive", "-", "d"], "peer-lost", kept);
  assertEquals(first, "1,234 files of 5.60 GB and 1 link from this run are in place, verified, and stay");
  const one = lines(["receive", "-", "d"], "no-space", { files: 1, links: 0, bytes: 5 });
  assertEquals(one[0], "1 file of 5 B from this run is in place, verified, and stays");
  const none = lines(["receive", "-", "d"], "interrupted", { files: 0, links: 0, bytes: 0 });
  assertEquals(none[0], "no file is complete yet");
});

const cases: [words: string[], code: ErrorCode, next: RegExp][] = [
  // The ticket of a sender that has ended opens nothing any more.
  [
    ["receive", "-", "d"],
    "interrupted",
    /run rcopy send again there, unless .*, and here the line that it prints, with the same DEST/,
  ],
  [["receive", "-", "d"], "peer-ended", /run rcopy send again there/],
  [
    ["receive", "-", "d"],
    "peer-lost",
    /the same command again if the sender still runs; else run rcopy send again there, and here the line/,
  ],
  [
    ["receive", "--insecure", "-a", "h:1", "d"],
    "interrupted",
    /run rcopy send again there, .* and the same command here/,
  ],
  [
    ["receive", "-a", "h:1", "d"],
    "timeout",
    /if the sender still runs; else run rcopy send again there, and the same command here/,
  ],
  [
    ["receive", "--listen", "d"],
    "interrupted",
    /run the same command again, and the line that it prints on the sender's machine/,
  ],
  [["receive", "--listen", "--insecure", "d"], "peer-ended", /and the same command on the sender's machine/],
  [["receive", "h:a", "d"], "interrupted", /^the same command goes on from here/],
  [
    ["send", "a"],
    "interrupted",
    /run the same command again, and the line that it prints there, with the same DEST/,
  ],
  [["send", "--insecure", "a"], "timeout", /run the same command again, and the same command there/],
  [
    ["send", "--to", "-", "a"],
    "peer-ended",
    /run rcopy receive --listen again there, and here the line that it prints/,
  ],
  [
    ["send", "--to", "-", "a"],
    "peer-lost",
    /if the receiver still waits; else run rcopy receive --listen again there, and here the line/,
  ],
  [["send", "-a", "h:1", "a"], "interrupted", /receive --listen again there, and the same command here/],
  [["send", "a", "h:b"], "peer-lost", /^the same command goes on from here/],
];
for (const [words, code, next] of cases) {
  Deno.test(`rcopy ${words.join(" ")} that ended by ${code} says how to go on`, () => {
    const said = lines(words, code);
    assertEquals(said.length, 1);
    assertMatch(said[0]!, next);
    assertMatch(said[0]!, /what is complete is not copied again$/);
  });
}

Deno.test("nothing is said where the same would fail again, of a dry run, and of a sender that serves on", () => {
  assertEquals(lines(["receive", "-", "d"], "protocol"), []);
  assertEquals(lines(["receive", "-", "d"], "refused"), []);
  assertEquals(lines(["receive", "--dry-run", "-", "d"], "peer-lost", kept), []);
  assertEquals(lines(["send", "--keep", "a"], "interrupted"), []);
});

const faults: [code: ErrorCode, remedy: RegExp][] = [
  ["no-space", /make room there, or choose another DEST; then run/],
  ["read-only", /choose another DEST, on a file system that can be written to; then run/],
  ["destination", /choose another DEST, or see to it that this one can be written to; then run/],
];
const commands = [
  ["receive", "-", "d"],
  ["receive", "--listen", "d"],
  ["receive", "h:a", "d"],
  ["send", "a"],
  [
    "send",
    "--to",
    "-",
    "a",
  ],
  ["send", "a", "h:b"],
];
for (const [code, remedy] of faults) {
  Deno.test(`after ${code} the destination has to be seen to first, whatever the command`, () => {
    for (const words of commands) {
      for (const hasProgressed of [true, false]) {
        const [said] = lines(words, code, undefined, hasProgressed);
        assertMatch(said!, remedy);
        assertEquals(/to go on|goes on|same DEST/.test(said!), false, said);
      }
    }
  });
}

Deno.test("a sender of which nothing was taken says nothing of what a receiver keeps", () => {
  for (const words of [["send", "a"], ["send", "--to", "-", "a"], ["send", "a", "h:b"]]) {
    assertEquals(lines(words, "interrupted", undefined, false), []);
    assertEquals(lines(words, "peer-ended", undefined, false), []);
  }
});
