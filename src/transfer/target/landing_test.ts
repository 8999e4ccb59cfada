import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import type { Form } from "../../wire/hello.ts";
import { type Found, landingOf } from "./landing.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const found: Record<string, Found> = {
  dir: "directory",
  "./dir": "directory",
  file: "other",
  "./file": "other",
};
const look = (path: string) => found[path] ?? "nothing";

/** The form, the sender's name, DEST; then the directory, the name of the one file, the name that was chosen. */
const cases: [Form, string, string | undefined, string, string | undefined, string | undefined][] = [
  ["contents", "photos", "dir", "dir", undefined, undefined],
  ["contents", "photos", "new/below", "new/below", undefined, undefined],
  ["contents", "photos", ".", ".", undefined, undefined],
  ["contents", "photos", undefined, "./photos", undefined, "./photos"],
  ["contents", "it's $HOME", undefined, "./it's $HOME", undefined, "./it's $HOME"],
  ["contents", "a\\b", undefined, "./a\\b", undefined, "./a\\b"],
  ["contents", "a:b", undefined, "./a:b", undefined, "./a:b"],
  ["several", "", "dir", "dir", undefined, undefined],
  ["several", "", undefined, ".", undefined, undefined],
  ["file", "one", "dir", "dir", undefined, undefined],
  ["file", "one", "dir/", "dir/", undefined, undefined],
  ["file", "one", "new/", "new/", undefined, undefined],
  ["file", "one", "new/.", "new/.", undefined, undefined],
  ["file", "one", "..", "..", undefined, undefined],
  ["file", "one", "a/..", "a/..", undefined, undefined],
  ["file", "one", "file", ".", "file", undefined],
  ["file", "one", "other", ".", "other", undefined],
  ["file", "one", "a/b/other", "a/b", "other", undefined],
  ["file", "one", "/other", "/", "other", undefined],
  ["file", "one", "...", ".", "...", undefined],
  ["file", "one", "-x", ".", "-x", undefined],
  ["file", "one", undefined, ".", "one", "./one"],
  ["file", "dir", undefined, "./dir", undefined, "./dir"],
];
for (const [form, name, dest, directory, rename, chosen] of cases) {
  Deno.test(`${form} ${JSON.stringify(name)} to ${dest ?? "no DEST"} lands in ${directory}, as ${rename ?? "named"}`, () => {
    const landing = landingOf({ dest, form, name: bytes(name), look });
    assertEquals(landing.directory, directory);
    assertEquals(landing.rename && new TextDecoder().decode(landing.rename), rename);
    assertEquals(landing.chosen, chosen);
  });
}

const unfit: [string, Uint8Array][] = [
  ["no name", new Uint8Array(0)],
  ["a dot", bytes(".ssh")],
  ["a dash", bytes("-rf")],
  ["a line end", bytes("a\nb")],
  ["an escape", bytes("a\u001b[2J")],
  ["a change of direction", bytes("a\u202eb")],
  ["a character of C1", bytes("a\u0085b")],
  ["bytes that are not UTF-8", Uint8Array.of(0x63, 0xe9)],
];
for (const [what, name] of unfit) {
  for (const form of ["contents", "file"] as const) {
    Deno.test(`${form} must be given a DEST where the sender's name has ${what}`, () => {
      const error = assertThrows(() => landingOf({ dest: undefined, form, name, look }), RcopyError, "DEST");
      assertEquals((error as RcopyError).code, "usage");
      assertEquals(landingOf({ dest: "dir", form, name, look }).directory, "dir");
    });
  }
}
