/** Processes of `deno test`, which can be stopped with all that they have started. */
import type { TestGroup } from "./test_groups.ts";

/** How a process ended: whether all is well, and the JUnit report that it wrote, if it got that far. */
export interface TestEnd {
  success: boolean;
  xml: string;
}

/** Most time that output takes to end after its process has. */
const outputEndMs = 10_000;

/** Runs groups until it is stopped. */
export class TestProcesses {
  readonly #folder: string;
  readonly #print: (text: string) => void;
  readonly #running = new Set<number>();
  #started = 0;
  #isStopped = false;

  /** Reports are written in `folder`; `print` takes what groups say, unless they say it as it comes. */
  constructor(folder: string, print: (text: string) => void = console.log) {
    this.#folder = folder;
    this.#print = print;
  }

  /** Kills what runs, with its children, and lets nothing begin any more. */
  stop(): void {
    this.#isStopped = true;
    for (const pid of this.#running) killGroup(pid);
  }

  /** Runs a group; what it prints appears as it comes, or else in one piece at its end, so that nobody's mixes. */
  async run(group: TestGroup, options: { isLive: boolean }): Promise<TestEnd> {
    if (this.#isStopped) {
      this.#print(`tests: not begun: ${group.title}`);
      return { success: false, xml: "" };
    }
    const reportPath = `${this.#folder}/${this.#started++}.xml`;
    const output = options.isLive ? "inherit" : "piped";
    if (options.isLive) this.#print(`\n==== tests: ${group.title}`);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-P=test", "--no-prompt", "--doc", `--junit-path=${reportPath}`],
        ...(group.ignored.length === 0 ? [] : [`--ignore=${group.ignored.join(",")}`]),
        ...group.files,
      ],
      // Set by some machines; rcopy refuses to open a secure channel with it, also within a test.
      env: { NODE_EXTRA_CA_CERTS: "" },
      stdin: "null",
      stdout: output,
      stderr: output,
      detached: true, // the leader of a process group, which stop() kills
    }).spawn();
    this.#running.add(child.pid);
    const printed: Uint8Array<ArrayBuffer>[] = [];
    const enough = new AbortController();
    const reading = options.isLive
      ? []
      : [child.stdout, child.stderr].map((stream) =>
        stream.pipeTo(new WritableStream({ write: (chunk) => void printed.push(chunk) }), {
          signal: enough.signal,
        })
          .catch(() => {})
      );
    const { success } = await child.status;
    this.#running.delete(child.pid);
    killGroup(child.pid); // what a test has left behind would hold the pipes open
    const patience = setTimeout(() => enough.abort(), outputEndMs);
    await Promise.all(reading);
    clearTimeout(patience);
    if (!options.isLive) this.#print(`\n==== tests: ${group.title}\n${await new Blob(printed).text()}`);
    const xml = await Deno.readTextFile(reportPath).catch(() => "");
    return { success: success && !this.#isStopped, xml };
  }
}

/** Kills the processes of a group, if any are left. */
function killGroup(leader: number): void {
  try {
    Deno.kill(-leader, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
