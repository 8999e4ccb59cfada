/**
 * A million files, killed at half and resumed, and an empty run beside `rsync -a`: `deno task soak:million [FILES]`. Prints how long
 * each took and the ratios: the second run should take at most 1.2 times the half and an empty run, the empty run no longer than
 * rsync's. Fails where files that were whole are sent again, or where the trees differ. Needs about 10 GB of disk, or the memory
 * for it where the temporary folder is in memory; `TMPDIR` says where.
 */
import { formatCount, formatDuration } from "../../src/base/units.ts";
import { startReceiver, startSender, summaryOf } from "../helpers/rcopy_process.ts";
import { shell } from "../helpers/test_folder.ts";

const files = Number(Deno.args[0] ?? 1_000_000);
const makeTree = new URL("million_files.py", import.meta.url).pathname;
/** Empty runs of each program, in turn. */
const rounds = 3;
/** A run may take so long, where the machine is slow. */
const deadlineMs = 60 * 60_000;

const folder = await Deno.makeTempDir({ prefix: "rcopy-soak-" });
try {
  console.log(`soak: making ${formatCount(files)} files in ${folder}`);
  await shell('mkdir "$1/a" && python3 "$2" "$1/a" "$3"', folder, makeTree, String(files));
  const half = await copy({ killAtEntries: files / 2 });
  const whole = Number(
    await shell('find "$1/b" -type f -newermt 1980-01-01 ! -name ".rcopy-*" | wc -l', folder),
  );
  console.log(`soak: killed after ${formatDuration(half.ms)}, with ${formatCount(whole)} files`);
  const second = await copy();
  console.log(`soak: resumed in ${formatDuration(second.ms)}: ${formatCount(second.skipped)} were there`);
  if (second.skipped < whole) {
    throw new Error(`${whole - second.skipped} files that were whole were sent again`);
  }
  await shell('diff -rq "$1/a" "$1/b"', folder);
  const empty: number[] = [];
  const rsync: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const run = await copy();
    if (run.files > 0) throw new Error(`a run with nothing to do sent ${run.files} files`);
    empty.push(run.ms);
    const start = performance.now();
    await shell('rsync -a "$1/a/" "$1/b/"', folder);
    rsync.push(performance.now() - start);
    console.log(
      `soak: nothing to do: rcopy ${formatDuration(run.ms)}, rsync -a ${formatDuration(rsync.at(-1)!)}`,
    );
  }
  const ratio = second.ms / (half.ms + median(empty));
  console.log(`soak: resumed / (half + empty) = ${ratio.toFixed(2)}; at most 1.2 is wanted`);
  console.log(
    `soak: empty, rcopy / rsync = ${(median(empty) / median(rsync)).toFixed(2)}; at most 1 is wanted`,
  );
} finally {
  await shell('rm -rf "$1"', folder);
}

interface Run {
  ms: number;
  files: number;
  skipped: number;
}

/** One copy; it is killed, both ends, once so many entries are settled. */
async function copy({ killAtEntries }: { killAtEntries?: number } = {}): Promise<Run> {
  const ends = { deadlineMs };
  const options = {
    source: `${folder}/a`,
    target: `${folder}/b`,
    receive: ["--json"],
    sender: ends,
    receiver: ends,
  };
  const began = performance.now();
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  await using receiver = startReceiver(options, address);
  if (killAtEntries !== undefined) {
    await receiver.stdoutMatch(atLeast(killAtEntries));
    const ms = performance.now() - began;
    receiver.kill("SIGKILL");
    sender.kill("SIGKILL");
    await Promise.all([receiver.end(), sender.end()]);
    return { ms, files: 0, skipped: 0 };
  }
  const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
  if (sent.status !== 0 || received.status !== 0) throw new Error(`${sent.stderr}\n${received.stderr}`);
  const { files, skipped } = summaryOf(received);
  return { ms: performance.now() - began, files: files!, skipped: skipped! };
}

/** The progress of a receiver that has settled so many entries or more. */
function atLeast(entries: number): RegExp {
  const digits = String(Math.ceil(entries));
  // Greater numbers: more digits, or the same beginning and a higher digit next.
  const greater = [...digits].map((digit, i) =>
    digit === "9" ? undefined : `${digits.slice(0, i)}[${Number(digit) + 1}-9]\\d{${digits.length - i - 1}}`
  ).filter((pattern) => pattern !== undefined);
  return new RegExp(`"entriesDone":(?:\\d{${digits.length + 1},}|${digits}|${greater.join("|")})\\b`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
