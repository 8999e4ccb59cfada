import { assert, assertEquals } from "@std/assert";
import { alone, testFilesIn, testGroups } from "./test_groups.ts";

const files = testFilesIn(new URL("../../", import.meta.url));

Deno.test("every test file is in one group, and in no other", () => {
  assert(files.length > 80, `only ${files.length} files were found`);
  const groups = testGroups(files);
  const named = [...groups.sideBySide, groups.alone].flatMap((group) => group.files);
  const others = groups.sideBySide.at(-1)!;
  assertEquals(named.toSorted(), [...others.ignored].sort(), "the others are what nobody names");
  assertEquals(new Set(named).size, named.length);
  assertEquals(named.filter((file) => !files.includes(file)), [], "these are no files");
  assert(files.length > named.length, "some files are left to the others");
});

Deno.test("no group is empty, for it would run the whole project", () => {
  const groups = testGroups(files);
  for (const { title, files } of [...groups.sideBySide.slice(0, -1), groups.alone]) {
    assert(files.length > 0, title);
  }
});

Deno.test("a file that runs alone is in no group beside others, and a new one finds its place", () => {
  const groups = testGroups([...files, "tests/e2e/new_test.ts", "src/new/new_test.ts"]);
  const beside = groups.sideBySide.flatMap((group) => group.files);
  assertEquals(beside.filter((file) => alone.includes(file)), []);
  assert(beside.includes("tests/e2e/new_test.ts"));
  assert(!groups.sideBySide.at(-1)!.ignored.includes("src/new/new_test.ts"));
});
