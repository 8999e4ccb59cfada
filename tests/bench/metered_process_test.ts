import { assert, assertEquals } from "@std/assert";
import { cpuSecondsOf, MeteredProcess, parseTimes } from "./metered_process.ts";

/** Takes 64 MiB for as long as somebody looks, in a child of a child, and 0.3 s of the processor. */
const heavy = `
  const memory = new Uint8Array(64 * 1024 * 1024).fill(1);
  console.log("ready");
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < 300_000);
  setTimeout(() => memory.length, 100);
`;

Deno.test("a metered process shows the time and the memory of all that it starts, and its status", async () => {
  const program = `import process from "node:process"; ${heavy}`;
  const script = '"$0" eval "$1"; exit 3';
  const metered = MeteredProcess.start("bash", ["-c", script, Deno.execPath(), program]);
  assertEquals(await metered.firstLine(), "ready");
  const usage = await metered.end();
  assert(usage.cpuSeconds >= 0.3, `${usage.cpuSeconds} s`);
  assert(usage.peakMiB > 64 && usage.peakMiB < 1000, `${usage.peakMiB} MiB`);
  assertEquals([usage.success, usage.code], [false, 3]);
});

Deno.test("the shell's times are added up", () => {
  assertEquals(parseTimes("0m0.250s 0m0.125s\n2m1.500s 0m0.125s\n"), 122);
});

Deno.test("processor seconds of a process are those that the kernel has counted", () => {
  const before = cpuSecondsOf(Deno.pid);
  assert(before > 0);
  while (cpuSecondsOf(Deno.pid) < before + 0.05);
  assertEquals(cpuSecondsOf(2 ** 22 + 1), 0);
});
