/**
 * Runs every test, with exactly the permission set `test`, and counts: the last line is `N passed, N failed`.
 * Arguments go to `deno test`: files, `--filter`. Without any, groups of tests run side by side.
 *
 * With `RCOPY_REQUIRE_URING=1` a skipped test of io_uring is a failure, with `RCOPY_REQUIRE_ORACLES=1` one that was
 * skipped for want of a program. A run that has not ended after thirteen minutes is stopped and has failed.
 */
import { testFilesIn, testGroups } from "./test_groups.ts";
import { type TestEnd, TestProcesses } from "./test_process.ts";
import { addUp, reportOf, type TestReport, wronglySkipped } from "./test_report.ts";

const deadlineMs = 13 * 60_000;
/** More than two cores can compute, as most tests wait much of their time. */
const processesMax = 3;

if (import.meta.main) {
  const { passed, failed } = await runTests(Deno.args);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}

/** Runs the tests that `args` name, all of them if it is empty, and counts those that had to run among the failed. */
export async function runTests(args: string[]): Promise<{ passed: number; failed: number }> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-tests-" });
  const processes = new TestProcesses(folder);
  const deadline = setTimeout(() => {
    console.log(`tests: not finished after ${deadlineMs / 60_000} minutes; stopping them`);
    processes.stop();
  }, deadlineMs);
  // The processes are in groups of their own: a terminal's Ctrl-C reaches only this one.
  const interrupt = () => processes.stop();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  try {
    const ends = args.length === 0
      ? await runGroups(processes)
      : [await processes.run({ title: args.join(" "), files: args, ignored: [] }, { isLive: true })];
    return conclude(addUp(ends.map(reportOf)));
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, interrupt);
    clearTimeout(deadline);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Each group once: as many side by side as may be, then the one that wants to be alone. */
async function runGroups(processes: TestProcesses): Promise<TestEnd[]> {
  const { sideBySide, alone } = testGroups(testFilesIn(new URL("../../", import.meta.url)));
  console.log(
    `tests: ${sideBySide.length} groups, ${processesMax} side by side; each prints when it has ended`,
  );
  const ends: TestEnd[] = [];
  const waiting = sideBySide.values();
  await Promise.all(Array.from({ length: processesMax }, async () => {
    for (const group of waiting) ends.push(await processes.run(group, { isLive: false }));
  }));
  ends.push(await processes.run(alone, { isLive: true }));
  return ends;
}

/** Says which tests were skipped, and adds those that had to run to the failed. */
function conclude(report: TestReport): { passed: number; failed: number } {
  for (const name of report.skipped) console.log(`skipped: ${name}`);
  const wrongly = wronglySkipped(report.skipped, {
    uring: Deno.env.get("RCOPY_REQUIRE_URING") === "1",
    oracles: Deno.env.get("RCOPY_REQUIRE_ORACLES") === "1",
  });
  for (const name of wrongly) console.log(`had to run, and was skipped: ${name}`);
  return { passed: report.passed, failed: report.failed + wrongly.length };
}
