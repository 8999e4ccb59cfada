import { assert, assertEquals } from "@std/assert";
import { withSeed } from "../../../tests/helpers/random.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { knownHostsLines, lookUpHost, matchesAny, withPort } from "./known_hosts.ts";
import { isSameKey, parseSshPublicKeyLine } from "../ssh/key.ts";

const needs = { programs: ["ssh-keygen"] };
const one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"; // of RFC 8032
const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";

/** Numbers of the lines that `ssh-keygen -F` finds for a name. */
async function keygenFinds(file: string, name: string): Promise<number[]> {
  const printed = await shell('ssh-keygen -F "$2" -f "$1" || true', file, name);
  return [...printed.matchAll(/^# Host .* found: line (\d+)/gm)].map(([, number]) => Number(number));
}

/** Numbers of the lines that we hold to be of a name. */
async function weFind(text: string, name: string): Promise<number[]> {
  const found: number[] = [];
  for (const line of knownHostsLines(text)) {
    if (await matchesAny(line.hosts, [name.toLowerCase()])) found.push(line.number);
  }
  return found;
}

const fixed: [string, string][] = [
  ["plain", `a.example ${one}\n`],
  ["list", `a.example,192.0.2.7 ${one}\nb.example ${other}\n`],
  ["upper case", `A.EXAMPLE ${one}\n`],
  ["wildcards", `*.example ${one}\n?.example ${other}\n* ${one}\n`],
  ["negation", `*.example,!a.example ${one}\n!a.example,*.example ${other}\n!a.example ${one}\n`],
  ["port", `[a.example]:2222 ${one}\n[*.example]:2222 ${one}\n[a.example]:* ${other}\n`],
  ["markers", `@revoked a.example ${one}\n@cert-authority *.example ${one}\n@other a.example ${one}\n`],
  ["a marker alone", `@revoked\n@revoked a.example\n@ a.example ${one}\na.example ${one}`],
  ["two markers", `@revoked @revoked a.example ${one}\na.example ${one}\n`],
  ["CRLF", `a.example ${one}\r\nb.example ${other}\r\n`],
  ["comments and blanks", `# a.example ${one}\n\n  \n\t a.example\t${one} a comment\n#a.example ${one}\n`],
  ["no newline at the end", `b.example ${one}\na.example ${one}`],
  ["no key", `a.example\na.example \na.example ssh-ed25519\na.example ${one}\n`],
  ["an old key of SSH 1", `a.example 1024 37 1234567\na.example ${one}\n`],
];
for (const [what, text] of fixed) {
  testWhere(
    needs,
    `known_hosts with ${what}: the lines of a host are those of ssh-keygen -F`,
    () =>
      withFolder(async (folder) => {
        const file = `${folder}/known_hosts`;
        await Deno.writeTextFile(file, text);
        for (const name of ["a.example", "b.example", "[a.example]:2222", "192.0.2.7", "A.Example"]) {
          assertEquals(await weFind(text, name), await keygenFinds(file, name), `${name} in ${what}`);
        }
      }),
  );
}

testWhere(
  needs,
  "random known_hosts files: the lines of a host are those of ssh-keygen -F",
  () =>
    withFolder((folder) =>
      withSeed(async (random) => {
        const file = `${folder}/known_hosts`;
        const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
        const names = ["a", "b.a", "ab", "a.b.c", "10.0.0.1", "10.0.0.12", "::1", "fe80::1", "A.b"];
        const pieces = [
          "a",
          "b",
          ".",
          "*",
          "?",
          "10.0.0.1",
          "!",
          ",",
          "[",
          "]:22",
          "]:9012",
          "::1",
          "c",
          "#",
          "|",
          "@",
        ];
        let found = 0;
        for (let round = 0; round < 25; round++) {
          const lines: string[] = [];
          for (let i = 0; i < 12; i++) {
            const hosts = random() < 0.4
              ? Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick(pieces)).join("")
              : Array.from(
                { length: 1 + Math.floor(random() * 2) },
                () =>
                  pick(["", "", "!"]) +
                  pick([...names, "*", "a*", "?", "*.c", "[a]:9012", "[*]:9012", "10.0.0.*"]),
              ).join(",");
            const marker = pick(["", "", "", "", "@revoked ", "@cert-authority ", "@x "]);
            lines.push(
              `${pick(["", "", " ", "\t"])}${marker}${hosts}${pick([" ", "\t", "  "])}${pick([one, other])}`,
            );
          }
          await Deno.writeTextFile(file, lines.join(pick(["\n", "\r\n"])) + pick(["\n", ""]));
          if (random() < 0.3) await shell('ssh-keygen -q -H -f "$1" 2>/dev/null || true', file);
          const text = await Deno.readTextFile(file);
          // As ssh does before it looks; ssh-keygen does not, and would hash another name.
          const asked = [pick(names), pick(names), "[a]:9012", `[${pick(names)}]:9012`];
          for (const name of asked.map((one) => one.toLowerCase())) {
            const wanted = await keygenFinds(file, name);
            assertEquals(await weFind(text, name), wanted, `${name} in\n${text}`);
            found += wanted.length;
          }
        }
        assert(found > 20, `only ${found} lines were found`);
      })
    ),
);

testWhere(needs, "hashed names are found by name and by [name]:port", () =>
  withFolder(async (folder) => {
    const file = `${folder}/known_hosts`;
    await Deno.writeTextFile(file, `a.example ${one}\n[b.example]:9012 ${other}\n`);
    await shell('ssh-keygen -q -H -f "$1"', file);
    const text = await Deno.readTextFile(file);
    assert(!text.includes("example"));
    const a = await lookUpHost(text, ["A.example", withPort("a.example", 9012)]);
    assertEquals(a.trusted.map(({ line }) => line), [1]);
    assert(isSameKey(a.trusted[0]!.key, parseSshPublicKeyLine(one).key));
    assertEquals((await lookUpHost(text, ["b.example"])).trusted, []);
    assertEquals((await lookUpHost(text, ["b.example", withPort("b.example", 9012)])).trusted.length, 1);
  }));

Deno.test("revoked keys are told apart, authorities and unusable keys left out", async () => {
  const text =
    `@revoked * ${one}\nh ${other} comment\n@cert-authority h ${one}\nh ssh-dss AAAA\nh ssh-ed25519 AAAA\n`;
  const { trusted, revoked } = await lookUpHost(text, ["h"]);
  assertEquals(trusted.map(({ line }) => line), [2]);
  assertEquals(revoked.map(({ line }) => line), [1]);
});

Deno.test("a line of 10 MB, and what follows it, is read as any other", async () => {
  const text = `${"x".repeat(10_000_000)} ${one}\nh ${other} ${"c".repeat(10_000_000)}\nh ${one}\n`;
  assertEquals((await lookUpHost(text, ["h"])).trusted.map(({ line }) => line), [2, 3]);
});
