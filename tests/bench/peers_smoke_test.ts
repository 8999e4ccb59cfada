/** The comparison with peers, with tiny trees: that it runs and that every copy is right, never how long it takes. */
import { assert, assertEquals } from "@std/assert";
import { testWhere } from "../helpers/test_folder.ts";
import { comparePeers, renderTable } from "./peers.ts";

const name = "bench:peers copies with ours and with the peers that are installed, and verifies every copy";

testWhere({ programs: ["/usr/bin/time", "diff"] }, name, async () => {
  const lines: string[] = [];
  const { machine, figures } = await comparePeers({
    work: "big",
    peer: "cp -r",
    runs: 1,
    scale: 0.005,
    log: (line) => lines.push(line),
  });
  assert(machine.includes("Linux"), machine);
  assertEquals(figures.map(({ program }) => program), ["rcopy --io uring", "rcopy --io deno", "cp -r"]);
  assert(renderTable(figures).includes("one file of 2 GB"));
});
