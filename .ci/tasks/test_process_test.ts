import { existsSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../../tests/helpers/test_folder.ts";
import { TestProcesses } from "./test_process.ts";
import type { TestUnit } from "./test_queue.ts";
import { addUp, reportOf } from "./test_report.ts";

const isLinux = Deno.build.os === "linux";

/** A test that starts a child, says its number in `started`, and then does what `after` says. */
function startsChild(folder: string, after: string): string {
  return `Deno.test({ name: "starts a child", sanitizeOps: false, sanitizeResources: false, fn: async () => {
    const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    Deno.writeTextFileSync("${folder}/started.part", String(child.pid));
    Deno.renameSync("${folder}/started.part", "${folder}/started");
    ${after}
  }});`;
}

/** Resolves when `path` has been made in a folder that is there. */
async function whenMade(path: string): Promise<string> {
  using watcher = Deno.watchFs(path.slice(0, path.lastIndexOf("/")));
  const events = watcher[Symbol.asyncIterator]();
  for (;;) {
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text !== undefined) return text;
    await events.next();
  }
}

/** Whether a process runs; one that has ended and that nobody has asked about does not. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Fails if a process that has been killed is still there after ten seconds. */
async function assertEnds(pid: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; isRunning(pid);) {
    assert(Date.now() < deadline, `process ${pid} goes on`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function testOnLinux(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: isLinux ? name : `${name} (skipped: needs Linux)`, ignore: !isLinux, fn });
}

/** The test files in a folder. */
function unitOf(folder: string, ...files: string[]): TestUnit {
  return { title: "unit", files: files.map((file) => `${folder}/${file}`), ignored: [], isChecked: false };
}

testOnLinux("stop() ends tests that hang, with their children, and lets no other begin", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a_test.ts`, startsChild(folder, "await child.status;"));
    const unit = unitOf(folder, "a_test.ts");
    const processes = new TestProcesses({ folder, print: () => {} });
    const running = processes.run(unit, { isLive: false });
    const child = await whenMade(`${folder}/started`);
    assert(isRunning(child));
    processes.stop();
    assertEquals((await running).map(({ success, xml }) => [success, xml]), [[false, ""]]);
    await assertEnds(child);
    assertEquals((await processes.run(unit, { isLive: false })).map(({ success }) => success), [false]);
  });
});

testOnLinux("what a test leaves behind is ended with its process, and does not hold it up", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a_test.ts`, startsChild(folder, "child.unref();"));
    const processes = new TestProcesses({ folder, print: () => {} });
    const [end] = await processes.run(unitOf(folder, "a_test.ts"), { isLive: false });
    assert(end!.success && end!.xml.includes("starts a child"));
    await assertEnds(await Deno.readTextFile(`${folder}/started`));
  });
});

testOnLinux(
  "a failure is one and is shown; what passes prints nothing, and ignored files do not run",
  async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(
        `${folder}/a_test.ts`,
        'Deno.test("fails", () => { throw new Error("no"); });',
      );
      await Deno.writeTextFile(`${folder}/b_test.ts`, 'Deno.test("passes", () => {});');
      const printed: string[] = [];
      const processes = new TestProcesses({ folder, print: (text) => printed.push(text) });
      const [failing] = await processes.run(unitOf(folder, ""), { isLive: false });
      assert(!failing!.success && failing!.xml.includes("fails") && failing!.xml.includes("passes"));
      assertEquals(printed.length, 1);
      assertMatch(printed[0]!, /==== unit\n[^]*Error: no\b[^]*1 passed.*1 failed/);
      const ignored = [`${folder}/a_test.ts`];
      const [passing] = await processes.run({ ...unitOf(folder, ""), ignored }, { isLive: false });
      assert(passing!.success && !passing!.xml.includes("fails") && passing!.xml.includes("passes"));
      assertEquals(printed.length, 1);
    });
  },
);

testOnLinux("a test that hangs is named and ended, and those behind it run all the same", async () => {
  await withFolder(async (folder) => {
    const hanging = startsChild(folder, "await child.status;");
    const text = (name: string) => `Deno.test("${name}", () => {});`;
    await Deno.writeTextFile(`${folder}/a_test.ts`, `${text("first (a+b)")} ${hanging} ${text("last [$]")}`);
    await Deno.writeTextFile(`${folder}/b_test.ts`, text("of another file"));
    const printed: string[] = [];
    const processes = new TestProcesses({
      folder,
      print: (text) => printed.push(text),
      lookEveryMs: 5,
      patience: () => ({
        restart: () => {},
        observe: () => {
          if (!existsSync(`${folder}/started`)) return undefined;
          Deno.renameSync(`${folder}/started`, `${folder}/known`);
          return "so the test of it says";
        },
      }),
    });
    const ends = await processes.run(unitOf(folder, "a_test.ts", "b_test.ts"), { isLive: false });
    assertMatch(printed.join(""), /tests: starts a child hangs: so the test of it says/);
    assertEquals(ends.map(({ stuck }) => stuck), ["starts a child", undefined]);
    assertEquals(addUp(ends.map(reportOf)), { passed: 3, failed: 1, skipped: [] });
    await assertEnds(await Deno.readTextFile(`${folder}/known`));
  });
});

testOnLinux("a test that ends its process counts as one failure, and those behind it run", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/a_test.ts`,
      `Deno.test("kills", () => { Deno.kill(Deno.pid, "SIGKILL"); }); Deno.test("passes", () => {});`,
    );
    const processes = new TestProcesses({ folder, print: () => {} });
    const ends = await processes.run(unitOf(folder, "a_test.ts"), { isLive: false });
    assertEquals(ends.map(({ stuck }) => stuck), ["kills", undefined]);
    assertEquals(addUp(ends.map(reportOf)), { passed: 1, failed: 1, skipped: [] });
  });
});
