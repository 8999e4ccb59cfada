/** The ceilings, with tiny sizes: that every stage runs and moves what it says, never how fast. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { compileStages, gathering, measureCeilings, renderCeiling } from "./ceiling.ts";

const name = "bench:ceiling runs every stage with every block and offset, and places every file";

testWhere({ programs: ["cc", "cmp"] }, name, async () => {
  const { machine, ceilings } = await measureCeilings({
    bytes: 10_000_001, // a last block that is not full
    files: 101,
    runs: 1,
    place: "disk",
    log: () => {},
  });
  assert(machine.includes("Linux"), machine);
  assertEquals(ceilings.length, 4 * 3 + 3 * 3 * 8 + 3);
  for (const ceiling of ceilings) assert(ceiling.value > 0 && Number.isFinite(ceiling.value), ceiling.stage);
  assert(renderCeiling(ceilings[0]!).includes("256 KiB"));
});

testWhere(
  { programs: ["cc"] },
  "bench:ceiling reads a tree of files by every number of threads",
  async () => {
    await withFolder(async (folder) => {
      const program = await compileStages(folder);
      let prepared = 0;
      const ceilings = await gathering(program, folder, {
        files: 101,
        runs: 2,
        beforeRun: () => Promise.resolve(void prepared++),
        log: () => {},
      });
      assertEquals(ceilings.map(({ variant }) => variant), [
        "one thread",
        "8 threads",
        "32 threads",
        "64 threads",
      ]);
      assertEquals(prepared, 8);
      for (const { value, unit } of ceilings) assert(unit === "µs/file" && value > 0);
    });
  },
);

testWhere({ programs: ["cc", "strace"] }, "bench:ceiling opens each file of a tree once", async () => {
  await withFolder(async (folder) => {
    const program = await compileStages(folder);
    const tree = `${folder}/tree`;
    await Deno.mkdir(tree);
    await assertRejects(() => shell('"$1" gather "$2" 3', program, tree), Error, "there are no files");
    await shell('"$1" place "$2" 40 4', program, tree);
    await shell('strace -f -e trace=openat -o "$1/calls" "$2" gather "$3" 3', folder, program, tree);
    const calls = await Deno.readTextFile(`${folder}/calls`);
    const opened = calls.match(/openat\(\d+, "file-/g) ?? [];
    assertEquals(opened.length, 40);
  });
});
