/**
 * A million files between two rcopy processes, and how much memory each takes: `deno task soak [FILES]`. Fails when either
 * end takes more than 256 MiB, when the statuses are not 0, or when the trees differ. Needs about 5 GB of disk, or the
 * memory for it where the temporary folder is in memory; `TMPDIR` says where.
 */
import { formatCount, formatDuration } from "../../src/base/units.ts";

const files = Number(Deno.args[0] ?? 1_000_000);
const rssKiBMax = 256 * 1024;
const main = new URL("../../src/main.ts", import.meta.url).pathname;
const makeTree = new URL("million_files.py", import.meta.url).pathname;

/** Runs a program to its end under GNU time, and gives its status and its largest resident set in KiB. */
function timed(args: string[], reportPath: string, stdout: "piped" | "null"): Deno.ChildProcess {
  return new Deno.Command("/usr/bin/time", {
    args: ["-f", "%M", "-o", reportPath, ...args],
    stdout,
    stderr: "inherit",
  }).spawn();
}

async function rssKiB(reportPath: string): Promise<number> {
  return Number((await Deno.readTextFile(reportPath)).trim().split("\n").at(-1));
}

async function run(command: string, args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args, stdout: "inherit", stderr: "inherit" })
    .output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the sender ended before it listened");
    text += value;
  }
  return text.split("\n")[0]!;
}

const folder = await Deno.makeTempDir({ prefix: "rcopy-soak-" });
try {
  console.log(`soak: making ${formatCount(files)} files in ${folder}`);
  await Deno.mkdir(`${folder}/a`);
  await run("python3", [makeTree, `${folder}/a`, String(files)]);
  const rcopy = [Deno.execPath(), "run", "-A", main];
  const began = performance.now();
  const sender = timed(
    [...rcopy, "send", "--insecure", "-l", "-p", "0", `${folder}/a`],
    `${folder}/sent`,
    "piped",
  );
  const address = (await firstLine(sender)).match(/-a (\S+)/)![1]!;
  const receiver = timed(
    [...rcopy, "receive", "--insecure", "-a", address, `${folder}/b`],
    `${folder}/received`,
    "null",
  );
  const statuses = [(await sender.status).code, (await receiver.status).code];
  const elapsed = formatDuration(performance.now() - began);
  const sizes = [await rssKiB(`${folder}/sent`), await rssKiB(`${folder}/received`)];
  const shown = sizes.map((size) => `${Math.round(size / 1024)} MiB`);
  console.log(
    `soak: ${formatCount(files)} files in ${elapsed}; memory: sender ${shown[0]}, receiver ${shown[1]}`,
  );
  await run("diff", ["-rq", `${folder}/a`, `${folder}/b`]);
  console.log("soak: diff sees no difference");
  if (statuses.some((status) => status !== 0)) throw new Error(`statuses ${statuses}`);
  if (sizes.some((size) => size > rssKiBMax)) throw new Error(`more than ${rssKiBMax / 1024} MiB`);
} finally {
  await Deno.remove(folder, { recursive: true });
}
