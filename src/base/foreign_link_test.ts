import { assertEquals } from "@std/assert";
import { foreignLinkOn, type LinkFacts } from "./foreign_link.ts";

/** Links by path: to what, and whose. Everything else is a directory. */
const links: Record<string, [target: string, uid: number]> = {
  "/mine": ["/srv/data", 1000],
  "/roots": ["/srv", 0],
  "/theirs": ["/srv", 1001],
  "/srv/up": ["..", 1000],
  "/srv/to-theirs": ["../theirs/data", 1000],
  "/srv/loop": ["loop", 1000],
  "here": ["there", 1001],
  "sub/mine": ["../here", 1000],
};

const facts: LinkFacts = {
  uid: () => 1000,
  lstat(path) {
    const link = links[path];
    return { isSymlink: link !== undefined, uid: link?.[1] ?? 0 };
  },
  readLink: (path) => links[path]![0],
};

const cases: [path: string, found: string | undefined][] = [
  ["/srv/data", undefined],
  ["/mine", undefined],
  ["/roots/data", undefined],
  ["/theirs", "/theirs"],
  ["/theirs/", "/theirs"],
  ["/theirs///", "/theirs"],
  ["/theirs/.", "/theirs"],
  ["/theirs/new/deeper", "/theirs"],
  ["//srv/../theirs/x", "/srv/../theirs"],
  ["/srv/up/theirs", "/srv/../theirs"],
  ["/srv/to-theirs", "/srv/../theirs"],
  ["/srv/to-theirs/x", "/srv/../theirs"],
  ["/srv/loop", undefined],
  ["here", "here"],
  ["./here/x", "here"],
  ["sub/mine", "sub/../here"],
  [".", undefined],
  ["", undefined],
];

for (const [path, found] of cases) {
  Deno.test(`foreignLinkOn() finds ${found ?? "nothing"} on the way to ${JSON.stringify(path)}`, () => {
    // A path with ".." is the same file, whatever it is called.
    const plain: LinkFacts = {
      ...facts,
      lstat: (at) => facts.lstat(withoutDots(at)),
      readLink: (at) => facts.readLink(withoutDots(at)),
    };
    assertEquals(foreignLinkOn(path, plain), found);
  });
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") kept.pop();
    else if (part !== "") kept.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + kept.join("/");
}
