/**
 * The comparison with peers, with tiny trees: that it runs and that every copy is right, never how long it
 * takes.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { whyNoNamespaces } from "../helpers/namespaces.ts";
import { testWhere } from "../helpers/test_folder.ts";
import { comparePeers, renderTable } from "./peers.ts";

const name = "bench:peers copies with ours and with the peers that are installed, and verifies every copy";

testWhere({ programs: ["timeout", "diff"] }, name, async () => {
  const lines: string[] = [];
  const { machine, figures } = await comparePeers({
    work: "big",
    peer: "cp -r",
    runs: 1,
    scale: 0.005,
    log: (line) => lines.push(line),
  });
  assert(machine.includes("Linux"), machine);
  const expected = ["rcopy --io deno", "rcopy encrypted", "rcopy, modules", "cp -r"];
  if (whyNoUringEngine() === undefined) expected.unshift("rcopy --io uring");
  else assert(lines.some((line) => line.startsWith("rcopy --io uring: skipped, ")), lines.join());
  assertEquals(figures.map(({ program }) => program), expected);
  for (const { program, cpuPerGb, peaksMiB } of figures) {
    const isOurs = program !== "cp -r";
    assertEquals([program, peaksMiB.length], [program, isOurs ? 2 : 1]);
    if (isOurs) assert(cpuPerGb! > 0, program);
  }
  assert(renderTable(figures).includes("one file of 2 GB"));
});

testWhere({ programs: ["timeout", "diff"] }, "bench:peers --ours chooses among ours", async () => {
  const small = { work: "big", peer: "none", runs: 1, scale: 0.0005, log: () => {} };
  const { figures } = await comparePeers({ ...small, ours: "rcopy encrypted" });
  assertEquals(figures.map(({ program, ratio }) => [program, ratio]), [["rcopy encrypted", 1]]);
  await assertRejects(() => comparePeers({ ...small, ours: "rcopy" }), Error, "there are rcopy --io uring");
  await assertRejects(() => comparePeers({ ...small, work: "big,bg" }), Error, 'there is no work "bg"');
  await assertRejects(() => comparePeers({ ...small, peer: "rsnc" }), Error, 'there is no peer "rsnc"');
});

const why = whyNoNamespaces();
const overDelay = "bench:peers --work latency copies over a slow path with ours and with nc";

Deno.test({
  name: why === undefined ? overDelay : `${overDelay} (skipped: ${why})`,
  ignore: why !== undefined,
  fn: async () => {
    const { figures } = await comparePeers({ work: "latency", runs: 1, scale: 0.002, log: () => {} });
    const programs = figures.map(({ program }) => program);
    assert(programs[0]!.startsWith("rcopy"), programs.join());
    for (const { program, peaksMiB } of figures) assertEquals([program, peaksMiB.length], [program, 2]);
  },
});
