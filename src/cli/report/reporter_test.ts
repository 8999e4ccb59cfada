import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ProgressSnapshot, TransferEvent, TransferSummary } from "../../transfer/session/events.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";

const snapshot: ProgressSnapshot = {
  role: "receiver",
  elapsedMs: 0,
  bytesDone: 0,
  keptBytes: 0,
  bytesTotal: 1_000_000,
  entriesDone: 0,
  entriesTotal: 10,
  growing: false,
  skipped: 0,
  failed: 0,
  limitedBy: undefined,
};

const summary: TransferSummary = {
  role: "receiver",
  files: 1,
  directories: 0,
  links: 0,
  bytes: 5,
  keptBytes: 0,
  matchedBytes: 0,
  wireBytes: 500,
  elapsedMs: 10,
  skipped: 0,
  compared: 0,
  failed: 0,
  changed: 0,
  grown: 0,
  lacking: 0,
  replaced: 0,
  treeHash: "1-00000000000000000000000000000000",
  exitStatus: 0,
};

/** A reporter whose output and clock are at hand. */
function setUp(options: Partial<ReporterOptions> & { isTerminal?: boolean } = {}) {
  const { isTerminal = false, ...rest } = options;
  const seen = { stdout: "", stderr: "", nowMs: 0 };
  const reporter = new Reporter({
    console: {
      out: (text) => seen.stdout += text,
      error: (text) => seen.stderr += text,
      isTerminal,
      columns: 80,
      isBehind: false,
      room: () => Promise.resolve(),
    },
    json: false,
    quiet: false,
    logLevel: "info",
    now: () => seen.nowMs,
    ...rest,
  });
  const progress = (bytesDone: number) =>
    reporter.onEvent({ type: "progress", progress: { ...snapshot, bytesDone, elapsedMs: seen.nowMs } });
  return { seen, reporter, progress };
}

Deno.test("on a terminal one line is redrawn, at most ten times a second", () => {
  const { seen, progress } = setUp({ isTerminal: true });
  for (seen.nowMs = 0; seen.nowMs < 1000; seen.nowMs += 10) progress(seen.nowMs * 1000);
  assertEquals(seen.stderr.split("\r").length - 1, 10);
  assertEquals(seen.stderr.includes("\n"), false);
  for (const line of seen.stderr.split("\r").slice(1)) assert(line.endsWith("\u001b[K") && line.length < 83);
});

Deno.test("without a terminal there is a plain line every ten seconds", () => {
  const { seen, progress } = setUp();
  for (seen.nowMs = 0; seen.nowMs <= 30_000; seen.nowMs += 200) progress(seen.nowMs * 10);
  const lines = seen.stderr.split("\n");
  assertEquals(lines.length, 4);
  assertEquals(seen.stderr.includes("\r") || seen.stderr.includes("\u001b"), false);
  assertMatch(lines[0]!, /^100 kB of 1\.00 MB {2}10 % {2}10\.0 kB\/s/);
});

Deno.test("a note erases the progress line, and the end leaves the last state of it", () => {
  const { seen, reporter, progress } = setUp({ isTerminal: true });
  progress(250_000);
  reporter.onEvent({ type: "note", level: "warn", message: "odd" });
  assert(seen.stderr.endsWith("\r\u001b[Krcopy: odd\n"));
  seen.nowMs = 100;
  progress(500_000);
  seen.nowMs = 101; // too soon to be drawn
  progress(1_000_000);
  seen.stderr = "";
  reporter.onEvent({ type: "done", summary });
  const [last, after] = seen.stderr.split("\u001b[K\n");
  assertMatch(last!, /^\r1\.00 MB of 1\.00 MB /);
  assertMatch(after!, /^rcopy: received 1 file/);
});

Deno.test("--quiet leaves failures only", () => {
  const { seen, reporter, progress } = setUp({ isTerminal: true, quiet: true });
  reporter.onEvent({ type: "listening", port: 1, addresses: [] });
  reporter.onEvent({ type: "note", level: "info", message: "who may fetch" });
  progress(1);
  const failure = { path: "a", code: "io" as const, message: "no" };
  reporter.onEvent({ type: "failure", failure });
  reporter.onEvent({ type: "done", summary: { ...summary, failed: 1 } });
  assertEquals(seen.stderr, "rcopy: not copied: a: no\n");
});

Deno.test("of many failures twenty are named, and the next session starts with none", () => {
  const { seen, reporter } = setUp();
  for (let i = 0; i < 25; i++) {
    reporter.onEvent({ type: "failure", failure: { path: `f${i}`, code: "io", message: "no" } });
  }
  reporter.onEvent({ type: "done", summary });
  assertEquals(seen.stderr.match(/not copied: f\d+: no\n/g)?.length, 20);
  assertMatch(seen.stderr, /not copied: 5 more\n/);
  seen.stderr = "";
  reporter.onEvent({ type: "connected", peer: "somebody" });
  reporter.onEvent({ type: "done", summary });
  assertEquals(seen.stderr.includes("not copied"), false);
});

Deno.test("the line for the other machine is all that standard output gets", () => {
  const { seen, reporter } = setUp({ lineForPeer: ({ port }) => `take it from ${port}` });
  reporter.onEvent({ type: "engine", engine: "deno", reason: "so" });
  reporter.onEvent({ type: "listening", port: 7, addresses: ["192.0.2.1"] });
  reporter.onEvent({ type: "done", summary });
  assertEquals(seen.stdout, "take it from 7\n");
  assertMatch(seen.stderr, /listening on port 7, reachable at 192\.0\.2\.1/);
});

Deno.test("--json gives every event as one line on standard output, and nothing else anywhere", () => {
  const { seen, reporter } = setUp({ json: true, lineForPeer: () => "run this" });
  const events: TransferEvent[] = [
    { type: "engine", engine: "deno", reason: "so" },
    { type: "listening", port: 7, addresses: [] },
    { type: "failure", failure: { path: "a\\nb", code: "io", message: "no" } },
    { type: "done", summary },
  ];
  for (const event of events) reporter.onEvent(event);
  const read = seen.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(read, [events[0], { ...events[1], command: "run this" }, events[2], events[3]]);
  assertEquals(seen.stderr, "");
});

Deno.test("--json ends with the error that ended the run; people have had it already", () => {
  const error = { code: "no-space" as const, message: "no room\u001b[2J, and rcopy1aaaaaaaaaaaa" };
  const { seen, reporter } = setUp({ json: true });
  reporter.fail(error, 5);
  const { type, error: told } = JSON.parse(seen.stdout);
  assertEquals([type, told.code, told.exitStatus], ["error", "no-space", 5]);
  assertEquals(told.message, "no room\\x1b[2J, and rcopy1…");
  const people = setUp();
  people.reporter.fail(error, 5);
  assertEquals(people.seen.stdout + people.seen.stderr, "");
});

Deno.test("what comes while a question stands begins a line of its own", () => {
  const { seen, reporter } = setUp({ isTerminal: true });
  const question = reporter.hold();
  seen.stderr = "replace it? [y/N] ";
  reporter.log("warn", "the peer is lost");
  reporter.log("warn", "still");
  assertEquals(seen.stderr, "replace it? [y/N] \nrcopy: the peer is lost\nrcopy: still\n");
  question[Symbol.dispose]();
  const answered = reporter.hold();
  answered[Symbol.dispose]();
  seen.stderr = "";
  reporter.log("warn", "after an answer");
  assertEquals(seen.stderr, "rcopy: after an answer\n");
});

Deno.test("with several receivers, what is said of one begins with its address", () => {
  const { seen, reporter } = setUp({ namesPeers: true });
  reporter.onEvent({ type: "connected", peer: "192.0.2.7:1", session: 1 });
  reporter.onEvent({ type: "connected", peer: "192.0.2.8:2", session: 2 });
  reporter.onEvent({ type: "failure", failure: { path: "f", code: "io", message: "no" }, session: 2 });
  reporter.onEvent({ type: "done", summary, session: 2 });
  assertMatch(
    seen.stderr,
    /^rcopy: 192\.0\.2\.8:2: not copied: f: no\nrcopy: 192\.0\.2\.8:2: received 1 file, /,
  );
});

Deno.test("--json thins progress to one event a second and keeps to the log level", () => {
  const { seen, reporter, progress } = setUp({ json: true, logLevel: "warn" });
  for (seen.nowMs = 0; seen.nowMs < 3000; seen.nowMs += 100) progress(seen.nowMs);
  reporter.onEvent({ type: "note", level: "info", message: "hidden" });
  reporter.onEvent({ type: "note", level: "warn", message: "told" });
  const types = seen.stdout.trimEnd().split("\n").map((line) => JSON.parse(line).type);
  assertEquals(types, ["progress", "progress", "progress", "note"]);
});
