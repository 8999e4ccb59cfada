/** A live transfer, alone and beside a flood of connections that stall: what it keeps of its rate. */
import { assert, assertEquals } from "@std/assert";
import { startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, withFolder } from "../helpers/test_folder.ts";
import type { FloodReport } from "./flood.ts";
import { MemoryWatch, residentMax } from "./sessions.ts";

/** What a flood did, and did not do. */
export interface FloodOutcome {
  report: FloodReport;
  /** Bytes a second of the same copy without and with the flood, the mean of all copies. */
  alone: number;
  flooded: number;
  /** The longest that a receiver took to start and to get through the crowd. */
  waitedMs: number;
  /** Most memory that the sender took, in bytes. */
  resident: number;
  /** Lines that the sender printed about strangers. */
  lines: number;
}

export interface FloodOptions {
  connections: number;
  /** Content of each copy. */
  megabytes: number;
  /** Copies before the flood. */
  copiesAlone: number;
  /** Most copies meanwhile; they end with the flood, after one at least. */
  copiesFlooded: number;
}

/**
 * Serves content, floods the sender, and copies meanwhile: the flood begins first, so that the receiver has to get through
 * the unauthenticated connections.
 */
export async function floodWhileCopying(options: FloodOptions): Promise<FloodOutcome> {
  const { connections, megabytes, copiesAlone, copiesFlooded } = options;
  let outcome: FloodOutcome | undefined;
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && head -c "$2M" /dev/urandom > "$1/a/file"', folder, String(megabytes));
    const ends = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--keep"],
      sender: { deadlineMs: 15 * 60_000 },
    };
    const { sender, address } = await startSender(ends);
    await using _sender = sender;
    const watch = new MemoryWatch(sender.pid);
    const before: number[] = [];
    const copy = async () => {
      const began = performance.now();
      await using receiver = startReceiver({ ...ends, receive: ["--json"] }, address);
      const { status, stdout, stderr } = await receiver.end();
      assertEquals(status, 0, stderr);
      const all = performance.now() - began;
      const done = stdout.trim().split("\n").map((line) => JSON.parse(line)).find(({ type }) =>
        type === "done"
      );
      const { bytes, elapsedMs } = done.summary as { bytes: number; elapsedMs: number };
      assertEquals(bytes, megabytes * 1024 * 1024);
      before.push(all - elapsedMs);
      const rate = bytes / elapsedMs * 1000;
      await shell('cmp "$1/a/file" "$1/b/file" && rm -r "$1/b"', folder);
      return rate;
    };
    const quiet: number[] = [];
    for (let i = 0; i < copiesAlone; i++) quiet.push(await copy());
    before.length = 0;
    const flood = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        new URL("flood.ts", import.meta.url).pathname,
        address,
        String(connections),
      ],
      stdout: "piped",
    }).spawn();
    let isOver = false;
    const flooding = flood.output().then((output) => {
      isOver = true;
      return output;
    });
    await sender.stderrMatch(/closed a connection/); // the flood has reached it
    const rates: number[] = [];
    while (rates.length === 0 || !isOver && rates.length < copiesFlooded) rates.push(await copy());
    const { success, stdout } = await flooding;
    assert(success, "the flood ended by itself");
    // Those that are left out are not: there is room again.
    await copy();
    sender.kill("SIGINT");
    const { stderr, status } = await sender.end();
    assertEquals(status, 130, stderr);
    assert(!/internal fault|Uncaught|assertion/.test(stderr), stderr);
    outcome = {
      report: JSON.parse(new TextDecoder().decode(stdout)) as FloodReport,
      alone: mean(quiet),
      flooded: mean(rates),
      waitedMs: Math.round(Math.max(...before)),
      resident: watch.stop(),
      lines: stderr.split("\n").filter((line) => line.includes("closed a connection")).length,
    };
  });
  return outcome!;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Prints what was found and fails if a stranger got an answer, a deadline did not hold or memory grew. */
export function judgeFlood(
  connections: number,
  { report, alone, flooded, waitedMs, resident, lines }: FloodOutcome,
): void {
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  console.log(
    `  ${report.opened} connections in ${report.elapsedMs} ms, the longest open for ${report.longestMs} ms; ` +
      `${megabytes(alone)}/s alone, ${megabytes(flooded)}/s flooded (${
        Math.round(flooded / alone * 100)
      } %), at most ${waitedMs} ms until it began; ` +
      `${megabytes(resident)} resident, ${lines} lines`,
  );
  assertEquals([report.opened, report.refused, report.answered], [connections, 0, 0]);
  assert(resident < residentMax, `${resident} bytes`);
  // One line every five seconds at most, however many there are.
  assert(lines <= 2 + report.elapsedMs / 5000, `${lines} lines`);
}
