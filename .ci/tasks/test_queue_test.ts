import { assert, assertEquals } from "@std/assert";
import { longest, testFilesIn, testUnits } from "./test_queue.ts";

const files = testFilesIn(new URL("../../", import.meta.url));

Deno.test("every test file is in one unit, and in no other", () => {
  assert(files.length > 80, `only ${files.length} files were found`);
  assert(files.includes(".ci/tasks/test_queue_test.ts"));
  const units = testUnits(files);
  const examples = units.at(-1)!;
  assertEquals(units.slice(0, -1).flatMap((unit) => unit.files).toSorted(), files);
  assertEquals(examples.ignored, files, "the examples are what is left");
});

Deno.test("the longest units are first, and there are such units", () => {
  const titles = testUnits(files).map(({ title }) => title);
  assertEquals(titles.slice(0, longest.length), longest);
  assertEquals(new Set(titles).size, titles.length);
});

Deno.test("no unit but that of the examples is empty, for it would run the whole project", () => {
  for (const { title, files: own } of testUnits(files).slice(0, -1)) assert(own.length > 0, title);
});

Deno.test("a new file finds its place", () => {
  const units = testUnits([...files, "tests/e2e/new_test.ts", "src/new/new_test.ts"]);
  const titles = units.filter(({ files }) => files.some((file) => file.includes("/new_test"))).map((
    { title },
  ) => title);
  assertEquals(titles.toSorted(), ["src/new", "tests/e2e/new_test.ts"]);
});
