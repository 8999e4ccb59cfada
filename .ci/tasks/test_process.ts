/** Processes of `deno test`: watched for tests that hang, and stopped with all that they have started. */
import { activityOf, killAll } from "./process_activity.ts";
import { type EndedTest, TestOutput } from "./test_output.ts";
import { TestPatience } from "./test_patience.ts";
import type { TestUnit } from "./test_queue.ts";
import { namesIn } from "./test_report.ts";

/** How a process ended. */
export interface TestEnd {
  /** Whether every test that it ran is all right. */
  success: boolean;
  /** The JUnit report; empty if the process did not get that far. */
  xml: string;
  /** The tests that have ended, as the output says. */
  ended: readonly EndedTest[];
  /** The test that ran when the process was ended, or ended by itself without a report. */
  stuck?: string | undefined;
}

export interface TestProcessOptions {
  /** Reports are written there. */
  folder: string;
  /** Added to the environment of tests. */
  env?: Record<string, string>;
  /** Takes what units print. */
  print?: (text: string) => void;
  /** Judges whether a test hangs; see `test_patience.ts`. */
  patience?: () => Pick<TestPatience, "restart" | "observe">;
  /** How often a process is looked at. */
  lookEveryMs?: number;
}

/** Most time that output takes to end after its process has, since something may hold it that cannot be found. */
const outputEndMs = 10_000;

/** Runs units until it is stopped. */
export class TestProcesses {
  readonly #options: Required<TestProcessOptions>;
  readonly #running = new Set<number>();
  #started = 0;
  #isStopped = false;

  constructor(options: TestProcessOptions) {
    const print = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
    this.#options = { env: {}, print, patience: () => new TestPatience(), lookEveryMs: 1000, ...options };
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Kills what runs, with its children, and lets nothing begin any more. */
  stop(): void {
    this.#isStopped = true;
    for (const pid of this.#running) killAll(pid);
  }

  /**
   * Runs a unit. After a test that hangs, or ends its process, the tests that have not run yet run in another process, so
   * that there may be several ends. `isLive` prints all output as it comes; otherwise what failed prints in one piece.
   */
  async run(unit: TestUnit, { isLive }: { isLive: boolean }): Promise<TestEnd[]> {
    const ends = [await this.#runOnce(unit, isLive)];
    if (ends[0]!.stuck === undefined || unit.args !== undefined) return ends;
    const left = new Set(await this.#namesOf(unit));
    for (;;) {
      const { stuck, ended } = ends.at(-1)!;
      for (const name of [...ended.map(({ name }) => name), stuck]) left.delete(name ?? "");
      if (stuck === undefined || left.size === 0 || this.#isStopped) return ends;
      ends.push(
        await this.#runOnce(
          { ...unit, args: [`--filter=/^(?:${[...left].map(literally).join("|")})$/`] },
          isLive,
        ),
      );
    }
  }

  /** The names of all tests of a unit, of which none runs. */
  async #namesOf(unit: TestUnit): Promise<string[]> {
    const path = this.#reportPath();
    const args = argumentsOf({ ...unit, args: ["--filter=/$^/"] }, path);
    await new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "null", stderr: "null" }).output();
    return namesIn(await Deno.readTextFile(path).catch(() => ""));
  }

  #reportPath(): string {
    return `${this.#options.folder}/${this.#started++}.xml`;
  }

  async #runOnce(unit: TestUnit, isLive: boolean): Promise<TestEnd> {
    const { print } = this.#options;
    if (this.#isStopped) {
      print(`tests: not begun: ${unit.title}\n`);
      return { success: false, xml: "", ended: [] };
    }
    const reportPath = this.#reportPath();
    const child = new Deno.Command(Deno.execPath(), {
      args: argumentsOf(unit, reportPath),
      // Set by some machines; rcopy refuses to open a secure channel with it, also within a test.
      env: { NODE_EXTRA_CA_CERTS: "", ...this.#options.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true, // the leader of a process group, which stop() kills
    }).spawn();
    this.#running.add(child.pid);
    const output = new TestOutput();
    let printed = "";
    const show = isLive ? print : (text: string) => void (printed += text);
    const enough = new AbortController();
    const reading = [
      readText(child.stdout, enough.signal, (text) => (output.take(text), show(text))),
      readText(child.stderr, enough.signal, show),
    ];
    const why = this.#watch(child.pid, output);
    const { success } = await child.status;
    const hung = why();
    this.#running.delete(child.pid);
    killAll(child.pid); // what a test has left behind would hold the pipes open
    const patience = setTimeout(() => enough.abort(), outputEndMs);
    await Promise.all(reading);
    clearTimeout(patience);
    const xml = await Deno.readTextFile(reportPath).catch(() => "");
    const stuck = xml === "" && !this.#isStopped ? output.running : undefined;
    const name = output.running ?? `${unit.title}, outside of any test,`;
    if (hung !== undefined) show(`\ntests: ${name} hangs: ${hung}\n`);
    else if (stuck !== undefined) show(`\ntests: ${name} has ended its process\n`);
    if (!isLive && !success) print(`\n==== ${unit.title}\n${printed}\n`);
    return { success: success && !this.#isStopped, xml, ended: output.ended, stuck };
  }

  /** Kills a process when a test of it hangs; the function returned ends the watch, and says why it was killed, if it was. */
  #watch(pid: number, output: TestOutput): () => string | undefined {
    const { lookEveryMs } = this.#options;
    const patience = this.#options.patience();
    let [watched, ended] = [output.running, 0];
    let hung: string | undefined;
    let before = performance.now();
    const timer = setInterval(() => {
      if (output.running !== watched || output.ended.length !== ended) patience.restart();
      [watched, ended] = [output.running, output.ended.length];
      // A machine that slept, or had no time even for this, has given the test no time either.
      const elapsedMs = Math.min(performance.now() - before, 2 * lookEveryMs);
      before = performance.now();
      hung = patience.observe(activityOf(pid), elapsedMs);
      if (hung !== undefined) killAll(pid);
      if (hung !== undefined) clearInterval(timer);
    }, lookEveryMs);
    return () => {
      clearInterval(timer);
      return hung;
    };
  }
}

function argumentsOf({ files, ignored, isChecked, args = [] }: TestUnit, reportPath: string): string[] {
  return [
    ...["test", "-P=test", "--no-prompt", "--doc", `--junit-path=${reportPath}`],
    ...(isChecked ? [] : ["--no-check"]),
    ...(ignored.length === 0 ? [] : [`--ignore=${ignored.join(",")}`]),
    ...args,
    ...files,
  ];
}

/** A text as a part of a regular expression, as Deno's filter reads one. */
function literally(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$#&\-~]/g, "\\$&");
}

async function readText(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  const sink = new WritableStream<Uint8Array>({
    write: (chunk) => take(decoder.decode(chunk, { stream: true })),
  });
  await stream.pipeTo(sink, { signal }).catch(() => {});
}
