import { assertEquals } from "@std/assert";
import { parseEntryName } from "../../entry/name.ts";
import type { EntryLookup } from "../../io/contract/engine.ts";
import { bytesOf } from "../../../tests/helpers/transfer_parts.ts";
import { isOpenToOthers } from "./access.ts";
import { TargetTree } from "./tree.ts";

const user = 1000;
const cases: [what: string, found: { mode: number; owner: number }, isOpen: boolean][] = [
  ["ours alone", { mode: 0o755, owner: user }, false],
  ["root's alone", { mode: 0o755, owner: 0 }, false],
  ["open to all", { mode: 0o777, owner: user }, true],
  ["open to its group", { mode: 0o775, owner: user }, true],
  ["another user's", { mode: 0o700, owner: 1001 }, true],
];
for (const [what, found, isOpen] of cases) {
  Deno.test(`isOpenToOthers() says ${isOpen} of a directory that is ${what}`, () => {
    const { root } = new TargetTree(undefined, 0);
    Object.assign(root, { origin: "existing", found: found as EntryLookup });
    assertEquals(isOpenToOthers(root, user), isOpen);
  });
}

Deno.test("isOpenToOthers() knows of a directory that this run made by its own mode", () => {
  const tree = new TargetTree(undefined, 0);
  const made = (mode: number) => {
    const name = parseEntryName(bytesOf(mode.toString(8)));
    return Object.assign(tree.announce({ parent: tree.root, name, mode, mtime: { seconds: 0, nanos: 0 } }), {
      origin: "fresh" as const,
    });
  };
  assertEquals([0o755, 0o777].map((mode) => isOpenToOthers(made(mode), user)), [false, true]);
});
