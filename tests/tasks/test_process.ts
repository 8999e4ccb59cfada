/** Processes of `deno test`, which can be stopped with all that they have started. */
import type { TestGroup } from "./test_groups.ts";

/** How a process ended: whether all is well, and the JUnit report that it wrote, if it got that far. */
export interface TestEnd {
  success: boolean;
  xml: string;
}

/** Runs groups until it is stopped. */
export class TestProcesses {
  readonly #folder: string;
  readonly #running = new Set<number>();
  #started = 0;
  #isStopped = false;

  /** Reports are written in `folder`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Kills what runs, with its children, and lets nothing begin any more. */
  stop(): void {
    this.#isStopped = true;
    for (const pid of this.#running) {
      try {
        Deno.kill(-pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  /** Runs a group; what it prints appears as it comes, or else in one piece at its end, so that nobody's mixes. */
  async run(group: TestGroup, options: { isLive: boolean }): Promise<TestEnd> {
    if (this.#isStopped) {
      console.log(`tests: not begun: ${group.title}`);
      return { success: false, xml: "" };
    }
    const reportPath = `${this.#folder}/${this.#started++}.xml`;
    const output = options.isLive ? "inherit" : "piped";
    if (options.isLive) console.log(`\n==== tests: ${group.title}`);
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
    const printed: Uint8Array[] = [];
    const reading = options.isLive ? [] : [child.stdout, child.stderr].map(async (stream) => {
      for await (const chunk of stream) printed.push(chunk);
    });
    const { success } = await child.status;
    await Promise.all(reading);
    this.#running.delete(child.pid);
    if (!options.isLive) {
      console.log(`\n==== tests: ${group.title}\n${await new Blob(printed as BlobPart[]).text()}`);
    }
    return { success, xml: await Deno.readTextFile(reportPath).catch(() => "") };
  }
}
