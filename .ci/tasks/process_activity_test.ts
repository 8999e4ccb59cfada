import { assert, assertEquals } from "@std/assert";
import { activityOf, killAll } from "./process_activity.ts";

const isLinux = Deno.build.os === "linux";

function testOnLinux(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: isLinux ? name : `${name} (skipped: needs Linux)`, ignore: !isLinux, fn });
}

/** A shell in a group of its own, and its first line. */
async function start(script: string): Promise<{ child: Deno.ChildProcess; line: string }> {
  const child = new Deno.Command("bash", { args: ["-c", script], stdout: "piped", detached: true }).spawn();
  const reader = child.stdout.getReader();
  let line = "";
  while (!line.includes("\n")) line += new TextDecoder().decode((await reader.read()).value);
  reader.releaseLock();
  return { child, line: line.trim() };
}

async function end(child: Deno.ChildProcess): Promise<void> {
  killAll(child.pid);
  await child.stdout.cancel();
  await child.status;
}

testOnLinux(
  "activityOf() counts what has been computed by living and by ended processes, in other groups too",
  async () => {
    const compute = "for ((i = 0; i < 300000; i++)); do :; done";
    const { child } = await start(`(${compute}); setsid -w bash -c "${compute}; echo done; sleep 1000"`);
    const { cpuMs } = activityOf(child.pid)!;
    assert(cpuMs >= 100, `${cpuMs} ms`);
    await end(child);
  },
);

testOnLinux("activityOf() tells a process that computes from one that waits", async () => {
  const waiting = await start("echo ready; exec sleep 1000");
  // Until it has become the program that sleeps.
  while (activityOf(waiting.child.pid)!.canGoOn);
  const computing = await start("echo ready; while :; do :; done");
  assertEquals(activityOf(computing.child.pid)!.canGoOn, true);
  await end(waiting.child);
  await end(computing.child);
});

testOnLinux("killAll() ends the descendants in other groups, too", async () => {
  const { child, line } = await start("setsid -w bash -c 'echo $$; sleep 1000; :'");
  await end(child);
  while (await isRunning(line));
});

async function isRunning(pid: string): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
