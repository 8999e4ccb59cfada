import { assertEquals } from "@std/assert";
import { type PathNode, PathPrefixes } from "./path_prefixes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const root: PathNode = { parent: undefined, name: bytes("not used") };
const below = (parent: PathNode, name: string): PathNode => ({ parent, name: bytes(name) });

Deno.test("PathPrefixes gives the same path whichever directory was asked for before", () => {
  const a = below(root, "a");
  const bb = below(a, "bb");
  const c = below(bb, "c");
  const other = below(a, "other");
  const paths = new Map([[root, ""], [a, "a/"], [bb, "a/bb/"], [c, "a/bb/c/"], [other, "a/other/"]]);
  const prefixes = new PathPrefixes();
  for (const first of paths.keys()) {
    for (const [second, path] of paths) {
      prefixes.of(first);
      assertEquals(new TextDecoder().decode(prefixes.of(second)), path);
    }
  }
});

Deno.test("PathPrefixes leaves a prefix that it gave as it was", () => {
  const prefixes = new PathPrefixes();
  const a = below(root, "a");
  const b = below(a, "b");
  const given = prefixes.of(b);
  prefixes.of(a);
  prefixes.of(below(a, "x"));
  assertEquals(new TextDecoder().decode(given), "a/b/");
});

Deno.test("PathPrefixes shows the path of an entry, escaped", () => {
  assertEquals(new PathPrefixes().show(below(root, "a"), bytes("b\n")), "a/b\\n");
});
