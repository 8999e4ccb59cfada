import { assertEquals } from "@std/assert";
import { posix, win32 } from "node:path";
import { basename, dirname } from "./path.ts";

const paths = [
  "a",
  "a/",
  "a//",
  "a/b",
  "a/b/",
  "/",
  "/a",
  "/a/",
  "/a/b//",
  ".",
  "..",
  "./a",
  "../a/b",
  "",
  "a\\b",
  "ä/b c/€ ",
  "a:b",
  "-x",
];

for (const path of paths) {
  Deno.test(`basename() and dirname() of ${JSON.stringify(path)} are those of node:path`, () => {
    assertEquals([basename(path, "linux"), dirname(path, "linux")], [
      posix.basename(path),
      posix.dirname(path),
    ]);
  });
}

const windowsPaths = [
  "a",
  "a\\b",
  "a/b\\",
  "C:\\",
  "C:\\a",
  "C:\\a\\b",
  "C:/a/b/",
  "\\\\server\\share\\a\\b",
  "\\a",
];
for (const path of windowsPaths) {
  Deno.test(`basename() and dirname() of ${JSON.stringify(path)} are those of node:path on Windows`, () => {
    assertEquals(
      [basename(path, "windows"), dirname(path, "windows")],
      [win32.basename(path), win32.dirname(path)],
    );
  });
}

Deno.test("dirname() leaves no slash behind, where node:path keeps one of two", () => {
  assertEquals([basename("a//b", "linux"), dirname("a//b", "linux")], ["b", "a"]);
});
