/**
 * A program that is measured while it runs: time, processor seconds and memory, with everything that it
 * starts. Processor seconds are what the shell says at its end, and exact; memory is the sum of the peaks of
 * the processes that are alive together, looked at ten times a second: the kernel keeps each one's peak,
 * so that none is missed between two looks.
 */

/** What a program took. */
export interface Usage {
  cpuSeconds: number;
  peakMiB: number;
  success: boolean;
  code: number;
  /** When it had ended, as `performance.now()` counts: reading the rest of its figures takes a while. */
  endedAtMs: number;
}

const lookEveryMs = 100;
/** Runs the rest of its arguments, and writes down what they took of the processor. */
const wrapper = 'report="$1"; shift; "$@"; status=$?; times > "$report"; exit $status';

export class MeteredProcess {
  readonly #stdout: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  readonly #child: Deno.ChildProcess;
  readonly #reportPath: string;
  readonly #peak: MemoryPeak;

  private constructor(child: Deno.ChildProcess, reportPath: string) {
    this.#child = child;
    this.#reportPath = reportPath;
    this.#stdout = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#stderr = new Response(child.stderr).text();
    this.#peak = new MemoryPeak([child.pid]);
  }

  /** Starts a program; `env` is added to the environment. */
  static start(command: string, args: readonly string[], env: Record<string, string> = {}): MeteredProcess {
    const reportPath = Deno.makeTempFileSync({ prefix: "rcopy-usage-" });
    const child = new Deno.Command("bash", {
      args: ["-c", wrapper, "-", reportPath, command, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1", LC_ALL: "C", ...env },
    }).spawn();
    return new MeteredProcess(child, reportPath);
  }

  /** Its first line. @throws if it ends before */
  async firstLine(): Promise<string> {
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await this.#stdout.read();
      if (done) throw new Error(`it ended before it said anything: ${await this.#stderr}`);
      text += value;
    }
    return text.split("\n")[0]!;
  }

  /** Everything that it said on standard error. */
  get complaints(): Promise<string> {
    return this.#stderr;
  }

  /** Waits for its end. */
  async end(): Promise<Usage> {
    const drained = this.#drain();
    const { success, code } = await this.#child.status;
    const endedAtMs = performance.now();
    const peakMiB = this.#peak.stop();
    await drained;
    await this.#stderr;
    const cpuSeconds = parseTimes(await Deno.readTextFile(this.#reportPath));
    await Deno.remove(this.#reportPath);
    return { cpuSeconds, peakMiB, success, code, endedAtMs };
  }

  /** Reads to the end, so that a full pipe stops nobody. */
  async #drain(): Promise<void> {
    while (!(await this.#stdout.read()).done);
  }
}

/** The sum of the times that the shell's `times` prints: user and system, of itself and of its children. */
export function parseTimes(text: string): number {
  return [...text.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  );
}

/** The most memory that processes and all below them have had at once, while this runs. */
export class MemoryPeak {
  readonly #roots: readonly number[];
  readonly #timer: ReturnType<typeof setInterval>;
  #kib = 0;

  constructor(roots: readonly number[]) {
    this.#roots = roots;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  /** Ends and gives the peak in MiB. */
  stop(): number {
    this.#look();
    clearInterval(this.#timer);
    return this.#kib / 1024;
  }

  #look(): void {
    const processes = this.#roots.flatMap((root) => [root, ...descendantsOf(root)]);
    this.#kib = Math.max(this.#kib, processes.reduce((sum, pid) => sum + peakKiBOf(pid), 0));
  }
}

/** Processes that a process has started, and theirs. */
export function descendantsOf(pid: number): number[] {
  const children = readOrNothing(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

function peakKiBOf(pid: number): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readOrNothing(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** Processor seconds of a process and of all that it has waited for. */
export function cpuSecondsOf(pid: number): number {
  // Behind the name, which may contain anything, up to its last parenthesis: field 3 and on.
  const fields = readOrNothing(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}

/** USER_HZ of Linux on every processor that Deno runs on. */
const ticksPerSecond = 100;

/** What is in a file of a process that may be gone. */
function readOrNothing(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
