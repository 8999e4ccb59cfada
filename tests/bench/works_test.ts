/** The trees of the benchmarks: what they have in all, and that they are the same each time. */
import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../helpers/test_folder.ts";
import { fewSizes, works } from "./works.ts";

Deno.test("the short copy has 2,000 files and 70 MB, most files small and most bytes in large ones", () => {
  const sizes = fewSizes(2000).sort((a, b) => a - b);
  const sum = (some: readonly number[]) => some.reduce((all, bytes) => all + bytes, 0);
  assertEquals(sizes.length, 2000);
  assert(Math.abs(sum(sizes) - 70e6) <= 2000, `${sum(sizes)}`);
  assert(sizes[0]! > 0 && sizes[1000]! < 8000, `half are of ${sizes[1000]} bytes or less`);
  assert(sizes.at(-1)! > 300_000 && sizes.at(-1)! < 1_000_000, `the largest has ${sizes.at(-1)}`);
  assert(sum(sizes.slice(-200)) > 35e6, "a tenth of the files has more than half of the bytes");
});

Deno.test("a tree of a benchmark is the same each time, and holds the files that its title says", async () => {
  const scale = 0.005;
  const expected = { nothing: 0, few: 10, thousand: 5, twenty: 100, small: 250 };
  for (const [name, count] of Object.entries(expected)) {
    const work = works.find((one) => one.name === name)!;
    const trees: string[] = [];
    for (let i = 0; i < 2; i++) {
      await withFolder(async (folder) => {
        await work.make(folder, scale);
        trees.push(...contentsOf(folder).map((entry) => entry.replace(folder, "")));
      });
    }
    assertEquals([name, trees.length], [name, 2 * count]);
    assertEquals(trees.slice(0, count), trees.slice(count));
    assertEquals(new Set(trees.slice(0, count)).size, count);
  }
});

/** Path, size and first bytes of every file below a folder, in order. */
function contentsOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return contentsOf(path);
    const bytes = Deno.readFileSync(path);
    return [`${path} ${bytes.length} ${bytes.subarray(0, 8)}`];
  }).sort();
}
