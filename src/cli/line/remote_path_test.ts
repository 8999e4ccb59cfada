import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { commandWords, parseRemotePath, remoteOperand } from "./remote_path.ts";

const remote: [string, string, string][] = [
  ["host:", "host", ""],
  ["host:dir", "host", "dir"],
  ["host:/a/b:c", "host", "/a/b:c"],
  ["user@host:~/x", "user@host", "~/x"],
  ["a.user@my-host.example:it's here\n", "a.user@my-host.example", "it's here\n"],
  ["user@domain@host:x", "user@domain@host", "x"],
  ["[::1]:x", "::1", "x"],
  ["user@[fe80::1%eth0]:/x", "user@fe80::1%eth0", "/x"],
  ["192.0.2.1:x@y", "192.0.2.1", "x@y"],
];
for (const [word, destination, path] of remote) {
  Deno.test(`${JSON.stringify(word)} is on another machine`, () => {
    const parsed = parseRemotePath(word, "linux");
    assertEquals([parsed?.destination, parsed?.path], [destination, path]);
  });
}

Deno.test("a path with a slash before the colon, or without a host before it, is on this machine", () => {
  for (const word of ["a", "./a:b", "/a:b", "a/b:c", ":b", "", "[a]b", "-", "../h:x", "user@host"]) {
    assertEquals(parseRemotePath(word, "linux"), undefined, word);
  }
  assertEquals(parseRemotePath("C:\\files", "windows"), undefined);
  assertEquals(parseRemotePath("c:x", "linux")?.host, "c");
});

Deno.test("what ssh would take for an option, or no host has, is refused by name", () => {
  for (
    const word of ["-oProxyCommand=x:y", "a b:c", "-l@host:x", "u ser@host:x", "@host:x", "[]:x", "h\n:x"]
  ) {
    assertThrows(() => parseRemotePath(word, "linux"), RcopyError, "another machine", word);
  }
});

Deno.test("no path is taken for an option, a ticket or another machine at the other end", () => {
  const operands = { "": ".", "~": ".", "~/": ".", "~/a": "./a", "-x": "./-x", "a:b": "./a:b", "/a": "/a" };
  for (const [path, operand] of Object.entries(operands)) assertEquals(remoteOperand(path), operand);
});

Deno.test("a command is cut at its blanks, but not within quotes", () => {
  assertEquals(commandWords(" ssh  -p 22 -o 'ProxyCommand=nc %h' "), [
    "ssh",
    "-p",
    "22",
    "-o",
    "ProxyCommand=nc %h",
  ]);
  assertEquals(commandWords(`"/my ssh" a"b c"d ''`), ["/my ssh", "ab cd", ""]);
  for (const text of ["", "  ", "ssh 'a", 'ssh a"', `ssh a'b"c"`]) {
    assertThrows(() => commandWords(text), RcopyError);
  }
});
