import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../../tests/helpers/test_folder.ts";
import { TestProcesses } from "./test_process.ts";

const isLinux = Deno.build.os === "linux";

/** A test that starts a child, says its number in `started`, and then does what `after` says. */
function startsChild(folder: string, after: string): string {
  return `Deno.test({ name: "starts a child", sanitizeOps: false, sanitizeResources: false, fn: async () => {
    const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    child.unref();
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

testOnLinux("stop() ends tests that hang, with their children, and lets no other begin", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a_test.ts`, startsChild(folder, "await child.status;"));
    const group = { title: "hanging", files: [`${folder}/a_test.ts`], ignored: [] };
    const processes = new TestProcesses(folder, () => {});
    const running = processes.run(group, { isLive: false });
    const child = await whenMade(`${folder}/started`);
    assert(isRunning(child));
    processes.stop();
    assertEquals(await running, { success: false, xml: "" });
    await assertEnds(child);
    assertEquals(await processes.run(group, { isLive: false }), { success: false, xml: "" });
  });
});

testOnLinux("what a test leaves behind is ended with its process, and does not hold it up", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a_test.ts`, startsChild(folder, ""));
    const group = { title: "leaving", files: [`${folder}/a_test.ts`], ignored: [] };
    const { success, xml } = await new TestProcesses(folder, () => {}).run(group, { isLive: false });
    assert(success && xml.includes("starts a child"));
    await assertEnds(await Deno.readTextFile(`${folder}/started`));
  });
});

testOnLinux("files that are ignored do not run; a failure is one, and is shown", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a_test.ts`, 'Deno.test("fails", () => { throw new Error("no"); });');
    await Deno.writeTextFile(`${folder}/b_test.ts`, 'Deno.test("passes", () => {});');
    const printed: string[] = [];
    const processes = new TestProcesses(folder, (text) => printed.push(text));
    const failing = await processes.run({ title: "both", files: [folder], ignored: [] }, { isLive: false });
    assert(!failing.success && failing.xml.includes("fails") && failing.xml.includes("passes"));
    assertEquals(printed.length, 1);
    assert(/==== tests: both\n[^]*Error: no\b[^]*1 passed.*1 failed/.test(printed[0]!), printed[0]);
    const ignored = [`${folder}/a_test.ts`];
    const passing = await processes.run({ title: "one", files: [folder], ignored }, { isLive: false });
    assert(passing.success && !passing.xml.includes("fails") && passing.xml.includes("passes"));
  });
});
