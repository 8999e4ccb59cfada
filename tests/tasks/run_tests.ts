/**
 * Runs every test, with exactly the permission set `test`, and counts: the last line is `N passed, N failed`.
 * Arguments go to `deno test`: files, `--filter`.
 *
 * With `RCOPY_REQUIRE_URING=1` a skipped test of io_uring is a failure, with `RCOPY_REQUIRE_ORACLES=1` one that was
 * skipped for want of a program. A run that has not ended after thirteen minutes is stopped and has failed.
 */
import { parseJUnit, type TestReport, wronglySkipped } from "./test_report.ts";

const deadlineMs = 13 * 60_000;

if (import.meta.main) {
  const { passed, failed } = await runTests(Deno.args);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}

/** Runs the tests that `args` name, all of them if it is empty, and counts those that had to run among the failed. */
export async function runTests(args: string[]): Promise<{ passed: number; failed: number }> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-tests-" });
  try {
    const { success, xml } = await denoTest(args, `${folder}/report.xml`);
    const report = parseJUnit(xml);
    if (!success && report.failed === 0) report.failed = 1; // it did not get as far as a report
    if (report.passed === 0) report.failed = Math.max(report.failed, 1);
    return conclude(report);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function denoTest(args: string[], reportPath: string): Promise<{ success: boolean; xml: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-P=test", "--no-prompt", "--doc", `--junit-path=${reportPath}`, ...args],
    // Set by some machines; rcopy refuses to open a secure channel with it, also within a test.
    env: { NODE_EXTRA_CA_CERTS: "" },
    stdin: "null",
  }).spawn();
  const deadline = setTimeout(() => {
    console.log(`tests: not finished after ${deadlineMs / 60_000} minutes; stopping them`);
    child.kill("SIGKILL");
  }, deadlineMs);
  const { success } = await child.status;
  clearTimeout(deadline);
  const xml = await Deno.readTextFile(reportPath).catch(() => "");
  return { success, xml };
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
