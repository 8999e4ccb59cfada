/**
 * Everything that CI checks, step by step; goes on after a failing step. The last line is `N passed, N failed`, which
 * counts each test and each other step. With `--without-tests` the tests are left to a run of their own.
 */
import { runTests } from "./run_tests.ts";

/** A command that must succeed. */
interface Step {
  title: string;
  args: string[];
  /** A program that the step cannot do without; it is skipped where that is missing and nobody insists. */
  needs?: string;
}

const steps: Step[] = [
  { title: "formatted", args: ["fmt", "--check"] },
  { title: "linted", args: ["lint"] },
  { title: "type-checked", args: ["task", "check"] },
  {
    title: "src/wire/schema.ts is what schema.capnp makes",
    args: ["run", "-A", "--config", "deno.json", "src/wire/generate.ts", "--check"],
    needs: "capnp",
  },
  {
    title: "wasm/codec.wasm is what wasm/assembly makes",
    args: ["run", "-A", "wasm/build.ts", "--check"],
  },
  { title: "fit to be published", args: ["publish", "--dry-run", "--allow-dirty"] },
  { title: "fit to be compiled", args: ["run", "-A", ".ci/tasks/compile.ts", "--check"] },
];

/** What it takes, said beforehand. */
const durations = { withTests: "takes six to seven minutes", withoutTests: "takes about one minute" };

if (import.meta.main) Deno.exitCode = await checkEverything(Deno.args) ? 0 : 1;

async function checkEverything(args: string[]): Promise<boolean> {
  const hasTests = !args.includes("--without-tests");
  console.log(`ok: ${hasTests ? durations.withTests : durations.withoutTests} on two idle cores`);
  const lines: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const step of steps) {
    console.log(`\n==== ${step.title}`);
    const outcome = runStep(step);
    if (outcome === "passed") passed++;
    else if (outcome === "failed") failed++;
    lines.push(`${outcome.padEnd(8)} ${step.title}`);
  }
  if (hasTests) {
    console.log("\n==== tests, examples of the documentation, architecture");
    const tests = await runTests({ args: [], checksTypes: false });
    passed += tests.passed;
    failed += tests.failed;
    lines.push(
      `${tests.failed === 0 ? "passed" : "failed"}   tests: ${tests.passed} passed, ${tests.failed} failed`,
    );
  }
  console.log(`\n==== summary\n${lines.join("\n")}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

function runStep({ args, needs }: Step): "passed" | "failed" | "skipped" {
  if (needs !== undefined && !isInstalled(needs)) {
    console.log(`${needs} is not installed; deno task setup --tests installs it where it can`);
    return Deno.env.get("RCOPY_REQUIRE_ORACLES") === "1" ? "failed" : "skipped";
  }
  const { success } = new Deno.Command(Deno.execPath(), {
    args,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  return success ? "passed" : "failed";
}

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
