/** The ceilings, with tiny sizes: that every stage runs and moves what it says, never how fast. */
import { assert, assertEquals } from "@std/assert";
import { testWhere } from "../helpers/test_folder.ts";
import { measureCeilings, renderCeiling } from "./ceiling.ts";

const name = "bench:ceiling runs every stage with every block, and places every file";

testWhere({ programs: ["cc", "cmp"] }, name, async () => {
  const { machine, ceilings } = await measureCeilings({
    bytes: 10_000_001, // a last block that is not full
    files: 101,
    runs: 1,
    place: "disk",
    log: () => {},
  });
  assert(machine.includes("Linux"), machine);
  assertEquals(ceilings.length, 4 * 3 + 3);
  for (const ceiling of ceilings) assert(ceiling.value > 0 && Number.isFinite(ceiling.value), ceiling.stage);
  assert(renderCeiling(ceilings[0]!).includes("256 KiB"));
});
