/**
 * Runs every test, with exactly the permission set `test`, and counts: the last line is `N passed, N failed`.
 * Arguments go to `deno test`: files, `--filter`. Without any, processes run side by side, and types are checked once.
 *
 * The run as a whole has no time limit. A test that hangs is named, ended, and counted as one failure.
 * With `RCOPY_REQUIRE_URING=1` a skipped test of io_uring is a failure, with `RCOPY_REQUIRE_ORACLES=1` one that was
 * skipped for want of a program.
 */
import { existsSync } from "node:fs";
import { formatDuration } from "../../src/base/units.ts";
import { whyNoUringEngine } from "../../tests/helpers/uring_engine.ts";
import { buildProgram } from "./build.ts";
import { type TestEnd, TestProcesses } from "./test_process.ts";
import { testFilesIn, type TestUnit, testUnits } from "./test_queue.ts";
import { addUp, reportOf, type TestReport, timesIn, wronglySkipped } from "./test_report.ts";

export interface TestRunOptions {
  /** Arguments of `deno test`; all tests if there are none. */
  args: readonly string[];
  /** Whether types are checked, too, when all tests run. */
  checksTypes: boolean;
}

const root = new URL("../../", import.meta.url);
/** More than cores, as many tests wait much of their time. */
const processesMax = navigator.hardwareConcurrency + 2;
/** As many of the longest tests are named. */
const longestShown = 10;

if (import.meta.main) {
  const { passed, failed } = await runTests({ args: Deno.args, checksTypes: true });
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}

/** Runs the tests that `args` name, all of them if it is empty, and counts those that had to run among the failed. */
export async function runTests(options: TestRunOptions): Promise<{ passed: number; failed: number }> {
  await fetchPackages();
  const program = await bundleProgram();
  const env = {
    RCOPY_TEST_NO_URING: whyNoUringEngine() ?? "",
    ...(program === undefined ? {} : { RCOPY_TEST_PROGRAM: program }),
  };
  const folder = await Deno.makeTempDir({ prefix: "rcopy-tests-" });
  const processes = new TestProcesses({ folder, env });
  // The processes are in groups of their own: a terminal's Ctrl-C reaches only this one.
  const interrupt = () => processes.stop();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, interrupt);
  try {
    const { args } = options;
    if (args.length === 0) return conclude(await runAll(processes, options));
    return conclude(await runNamed(processes, args));
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, interrupt);
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * What the program runs with, by both ways in which tests start it, so that no test waits for a network or finds Deno's
 * words about downloads in what rcopy said.
 */
async function fetchPackages(): Promise<void> {
  for (const how of [["--config", "src/deno.json"], ["--no-config"]]) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--quiet", ...how, "src/main.ts"],
      stdin: "null",
    }).spawn().status;
    if (!success) console.log(`tests: could not fetch the packages of rcopy (deno cache ${how.join(" ")})`);
  }
}

/**
 * Bundles the program for the tests that start it: a thousand starts, each a third cheaper than those of the modules. It is
 * made afresh in each run, so that none is older than the sources. @returns its main module; none where Deno cannot fetch the
 * bundler, and the modules are tested alone
 */
async function bundleProgram(): Promise<string | undefined> {
  const folder = `${root.pathname}dist/tested`;
  const fresh = `${folder}-${Deno.pid}`;
  try {
    await buildProgram(fresh);
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.rename(fresh, folder);
    return `${folder}/main.js`;
  } catch (error) {
    await Deno.remove(fresh, { recursive: true }).catch(() => {});
    console.log(`tests: ${error instanceof Error ? error.message : error}`);
    console.log("tests: the modules are tested alone, which takes longer");
    return undefined;
  }
}

/** Those that the arguments name, in one process that prints as it goes. Types are checked if files are named. */
async function runNamed(processes: TestProcesses, args: readonly string[]): Promise<TestReport[]> {
  const isChecked = args.some((arg) => existsSync(arg));
  const unit = { title: args.join(" "), files: [], ignored: [], isChecked, args };
  const reports = (await processes.run(unit, { isLive: true })).map(reportOf);
  const { passed, failed, skipped } = addUp(reports);
  if (passed === 0 && failed === 1 && skipped.length === 0) {
    console.log(`tests: nothing ran of ${unit.title}`);
  }
  return reports;
}

/** Each unit once, as many side by side as may be. */
async function runAll(processes: TestProcesses, { checksTypes }: TestRunOptions): Promise<TestReport[]> {
  const units = testUnits(testFilesIn(root));
  console.log(
    `tests: ${units.length} units, ${processesMax} side by side; what fails prints all that it said`,
  );
  const ends: TestEnd[] = [];
  const reports: TestReport[] = [];
  const waiting = units.values();
  const checking = checksTypes ? checkTypes(processes) : undefined;
  await Promise.all(Array.from({ length: processesMax }, async (_, index) => {
    if (index === 0 && checking !== undefined) reports.push(await checking);
    for (const unit of waiting) {
      const own = await runUnit(processes, unit);
      ends.push(...own);
      reports.push(...own.map(reportOf));
    }
  }));
  console.log("\ntests: the longest:");
  for (const { name, seconds } of timesIn(ends.map(({ xml }) => xml)).slice(0, longestShown)) {
    console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
  }
  return reports;
}

async function runUnit(processes: TestProcesses, unit: TestUnit): Promise<TestEnd[]> {
  const start = performance.now();
  const ends = await processes.run(unit, { isLive: false });
  const { passed, failed, skipped } = addUp(ends.map(reportOf));
  const counts = [`${passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`);
  const word = failed === 0 ? "ok" : "FAILED";
  console.log(
    `${word.padEnd(6)} ${unit.title}: ${counts.join(", ")} (${formatDuration(performance.now() - start)})`,
  );
  return ends;
}

/** Checks the types of everything, beside the tests, which run without that. */
async function checkTypes(processes: TestProcesses): Promise<TestReport> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "check"],
    stdin: "null",
  }).output();
  const isRight = success || processes.isStopped;
  console.log(isRight ? "ok     types" : "FAILED types");
  if (!isRight) { for (const text of [stdout, stderr]) console.log(new TextDecoder().decode(text)); }
  return { passed: 0, failed: isRight ? 0 : 1, skipped: [] };
}

/** Says which tests were skipped, and adds those that had to run to the failed. */
function conclude(reports: readonly TestReport[]): { passed: number; failed: number } {
  const report = addUp(reports);
  for (const name of report.skipped) console.log(`skipped: ${name}`);
  const wrongly = wronglySkipped(report.skipped, {
    uring: Deno.env.get("RCOPY_REQUIRE_URING") === "1",
    oracles: Deno.env.get("RCOPY_REQUIRE_ORACLES") === "1",
  });
  for (const name of wrongly) console.log(`had to run, and was skipped: ${name}`);
  return { passed: report.passed, failed: report.failed + wrongly.length };
}
