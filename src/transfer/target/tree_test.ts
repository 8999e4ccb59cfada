import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { parseEntryName } from "../../entry/name.ts";
import { bytesOf, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { openDirectoriesMax } from "../../wire/limits.ts";
import { type TargetDirectory, TargetTree } from "./tree.ts";

const mtime = { seconds: 0, nanos: 0 };

function announced(tree: TargetTree, parent: TargetDirectory, name: string): TargetDirectory {
  return tree.announce({ parent, name: parseEntryName(bytesOf(name)), mode: 0o755, mtime });
}

/** The sentence of a protocol violation. */
function violation(action: () => unknown): string {
  const error = assertThrows(action, RcopyError) as RcopyError;
  assertEquals(error.code, "protocol");
  return error.message;
}

Deno.test("TargetTree numbers directories in the order of their announcement, the destination being 0", () => {
  const tree = new TargetTree(undefined, 0);
  const first = announced(tree, tree.root, "a");
  const second = announced(tree, first, "b");
  assertEquals([tree.root.number, first.number, second.number], [0, 1, 2]);
  assertEquals([tree.open(2), tree.find(1)], [second, first]);
});

Deno.test("TargetTree lets the peer name only directories that are announced and not closed", () => {
  const tree = new TargetTree(undefined, 0);
  announced(tree, tree.root, "a");
  assertEquals(violation(() => tree.open(2)), "the peer names directory 2, which was never announced");
  tree.seal(1);
  assertEquals(violation(() => tree.open(1)), "the peer names directory 1, which is closed");
  assertEquals(violation(() => tree.seal(1)), "the peer names directory 1, which is closed");
  tree.remove(tree.find(1)!);
  assertEquals(violation(() => tree.open(1)), "the peer names directory 1, which is closed");
});

Deno.test("TargetTree is sealed once every directory is, the destination too", () => {
  const tree = new TargetTree(undefined, 0);
  announced(tree, tree.root, "a");
  tree.seal(0);
  assertEquals(tree.isSealed, false);
  tree.seal(1);
  assertEquals(tree.isSealed, true);
});

Deno.test("TargetTree keeps a name of its own, whatever becomes of the bytes that announced it", () => {
  const tree = new TargetTree(undefined, 0);
  const bytes = bytesOf("name");
  const directory = tree.announce({ parent: tree.root, name: parseEntryName(bytes), mode: 0, mtime });
  bytes.fill(0);
  assertEquals(textOf(directory.name), "name");
});

Deno.test("TargetTree lists what is not complete with children before parents", () => {
  const tree = new TargetTree(undefined, 0);
  const a = announced(tree, tree.root, "a");
  const b = announced(tree, a, "b");
  const c = announced(tree, tree.root, "c");
  tree.remove(c);
  assertEquals(tree.deepestFirst(), [b, a, tree.root]);
});

Deno.test("TargetTree without a destination would be made, were this no dry run", () => {
  assertEquals(new TargetTree(undefined, 0).root.origin, "imagined");
});

Deno.test("TargetTree takes a bounded number of directories that are not complete, and more when some are", () => {
  const tree = new TargetTree(undefined, 0);
  const first = announced(tree, tree.root, "first");
  for (let i = 1; i < openDirectoriesMax; i++) announced(tree, tree.root, `d${i}`);
  const error = assertThrows(() => announced(tree, tree.root, "one more"), RcopyError) as RcopyError;
  assertEquals(error.code, "protocol");
  tree.remove(first);
  announced(tree, tree.root, "in its place");
});
