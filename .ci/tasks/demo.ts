/**
 * The demonstration: makes a tree of 300 MB in a temporary folder, copies it between two rcopy processes over loopback
 * with the progress line visible, has `diff`, `find` and `sha256sum` confirm it, and sets the rate beside that of `cp -r`.
 * Removes everything at the end, also after a failure or Ctrl-C.
 */
import { assertEqualTrees } from "../../tests/helpers/tree_record.ts";
import { makeDemoTree } from "./demo_tree.ts";

const project = new URL("../../", import.meta.url).pathname;

if (import.meta.main) Deno.exitCode = await demonstrate() ? 0 : 1;

async function demonstrate(): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-demo-" });
  const remove = () => new Deno.Command("rm", { args: ["-rf", "--", folder] }).outputSync();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // The processes of the copy get the same signal from the terminal and end by themselves.
    Deno.addSignalListener(signal, () => {
      remove();
      Deno.exit(signal === "SIGINT" ? 130 : 143);
    });
  }
  try {
    console.log(`demo: making a tree of 300 MB in ${folder}`);
    const { bytes } = makeDemoTree(`${folder}/source`);
    warmUp(folder, bytes);
    const copyMs = await copyWithCp(`${folder}/source`, `${folder}/cp`);
    const rcopyMs = await copyWithRcopy(`${folder}/source`, `${folder}/copy`);
    if (rcopyMs === undefined) return false;
    if (!await isSame(`${folder}/source`, `${folder}/copy`)) return false;
    console.log(`demo: rcopy, over loopback, verified: ${rate(bytes, rcopyMs)}`);
    console.log(`demo: cp -r, one process, unverified: ${rate(bytes, copyMs)}`);
    return true;
  } finally {
    remove();
  }
}

/** Writes and deletes as much as a copy takes, since the first touch of memory is slow on many virtual machines. */
function warmUp(folder: string, bytes: number): void {
  const block = new Uint8Array(1 << 20);
  {
    using file = Deno.openSync(`${folder}/warm`, { write: true, createNew: true });
    for (let done = 0; done < bytes; done += block.length) file.writeSync(block);
  }
  Deno.removeSync(`${folder}/warm`);
}

async function copyWithCp(source: string, target: string): Promise<number> {
  const start = performance.now();
  await run("cp", ["-r", source, target]);
  const elapsedMs = performance.now() - start;
  await run("rm", ["-rf", target]);
  return elapsedMs;
}

/** Returns the time from the start of the receiver to the end of both, or `undefined` if one failed. */
async function copyWithRcopy(source: string, target: string): Promise<number | undefined> {
  const rcopy = [Deno.execPath(), "run", "-A", `${project}src/main.ts`];
  const sender = spawn([...rcopy, "send", "--insecure", "-l", "-p", "0", "-q", source], "piped");
  const line = await firstLine(sender.stdout);
  const address = /-a (\S+)/.exec(line)?.[1];
  if (address === undefined) {
    console.log(`demo: the sender printed no line for the receiver: ${line}`);
    return undefined;
  }
  console.log(`demo: ${line.replace(/ \.$/, ` ${target}`)}`);
  const start = performance.now();
  const receiver = spawn([...rcopy, "receive", "--insecure", "-a", address, target], "inherit");
  const [sent, received] = await Promise.all([sender.status, receiver.status]);
  const elapsedMs = performance.now() - start;
  if (sent.success && received.success) return elapsedMs;
  console.log(`demo: send ended with ${sent.code}, receive with ${received.code}`);
  return undefined;
}

function spawn([program, ...args]: string[], stdout: "piped" | "inherit"): Deno.ChildProcess {
  return new Deno.Command(program!, { args, stdin: "null", stdout, stderr: "inherit" }).spawn();
}

/** The first line of a stream; the rest is read and dropped beside. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
  }
  (async () => {
    while (!(await reader.read()).done);
  })();
  return text.slice(0, text.indexOf("\n"));
}

/** Has `diff` compare contents and links, and `find` and `sha256sum` everything, times to the millisecond. */
async function isSame(source: string, target: string): Promise<boolean> {
  if (!await run("diff", ["-r", "--no-dereference", source, target])) return false;
  await assertEqualTrees(source, target, { mtimeStepNs: 1_000_000, linkTimes: false });
  console.log("demo: diff, find and sha256sum see no difference");
  return true;
}

async function run(command: string, args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(command, { args, stdin: "null" }).spawn().status;
  return success;
}

function rate(bytes: number, elapsedMs: number): string {
  const megabytes = bytes / 1e6;
  return `${megabytes.toFixed(0)} MB in ${(elapsedMs / 1000).toFixed(2)} s, ${
    (megabytes / elapsedMs * 1000).toFixed(0)
  } MB/s`;
}
