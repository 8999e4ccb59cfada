/** The real program, as processes: started, watched line by line, stopped at a deadline. */

import { proxied } from "./proxied.ts";

const modules = new URL("../../src/main.ts", import.meta.url).pathname;
/** The main module of the program: of what the task `test` has bundled at its start, which starts sooner; else the modules. */
export const program = Deno.env.get("RCOPY_TEST_PROGRAM") ?? modules;
/** It needs no configuration, and is started as the installed program is. */
const isBundled = program !== modules;

/**
 * Nothing that a test waits for takes this long, on a busy machine neither; reaching it is a failure. The task `test`
 * finds a hang much earlier.
 */
const deadlineMs = 15 * 60_000;

/** A machine may tell Deno to trust further certificates, with which no receiver relies on a ticket. */
export const withoutExtraTrust = { NODE_EXTRA_CA_CERTS: "" };

/** A sender that still runs so long after its receiver has failed waits for another one. */
const senderWaitMs = 5_000;

/** How to start the program. */
export interface RcopyOptions {
  /** Flags of `deno run`, with which the modules are started; otherwise everything is allowed. */
  permissions?: readonly string[];
  /** Added to the environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** What it reads on standard input; nothing by default. */
  stdin?: string;
  /** Shell text that runs before the program does, in its process: `ulimit -n 64`. */
  before?: string;
  /** A program that starts it, with its arguments: `ip netns exec NAME`. */
  within?: readonly string[];
  /** Start it as this user, but without what makes root more than a user: modes count again. Needs root. */
  withoutPrivileges?: boolean;
  /** Deno may ask a person at a terminal for a permission. */
  mayPrompt?: boolean;
  deadlineMs?: number;
}

/** How a process ended, and all that it said. */
export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** One run of `rcopy`. Disposing kills it, if it still runs, and waits for its end. */
export class RcopyProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #shown: string;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #deadline: ReturnType<typeof setTimeout>;
  #late = false;

  constructor(args: readonly string[], options: RcopyOptions = {}) {
    const [program, ...rest] = commandLine(args, options);
    this.#shown = `rcopy ${args.join(" ")}`;
    this.#child = new Deno.Command(program!, {
      args: rest,
      env: { NO_COLOR: "1", ...withoutExtraTrust, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    if (options.stdin !== undefined) void this.#type(options.stdin);
    this.#stdout = new Output(this.#child.stdout);
    this.#stderr = new Output(this.#child.stderr);
    this.#deadline = setTimeout(() => {
      this.#late = true;
      this.kill("SIGKILL");
    }, options.deadlineMs ?? deadlineMs);
  }

  /** The first match in what it has printed, once there is one. Fails if the process ends without it. */
  stdoutMatch(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(this.#stdout, pattern);
  }

  /** Waits until what it has printed so far is as wanted. Fails if the process ends before. */
  async stdoutWhere(isWanted: (text: string) => boolean): Promise<void> {
    while (!isWanted(this.#stdout.text)) {
      if (this.#stdout.ended) throw new Error(`${this.#shown} ended\n${await this.#everything()}`);
      await this.#stdout.more();
    }
  }

  /** {@linkcode stdoutMatch} for standard error. */
  stderrMatch(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#match(this.#stderr, pattern);
  }

  /** Sends a signal; nothing happens if it has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It ended in this very moment.
    }
  }

  /** Waits for the end. @throws with all output if it had to be stopped at the deadline. */
  async end(): Promise<Outcome> {
    const [{ code }, stdout, stderr] = await Promise.all([
      this.#child.status,
      this.#stdout.end,
      this.#stderr.end,
    ]);
    clearTimeout(this.#deadline);
    if (this.#late) throw new Error(`${this.#shown} did not end by its deadline\n${stdout}\n${stderr}`);
    return { status: code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await Promise.all([this.#child.status, this.#stdout.end, this.#stderr.end]);
    clearTimeout(this.#deadline);
  }

  async #type(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text)).catch(() => {});
    await writer.close().catch(() => {});
  }

  async #match(output: Output, pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(output.text);
      if (match) return match;
      if (output.ended) {
        throw new Error(`${this.#shown} never printed ${pattern}\n${await this.#everything()}`);
      }
      await output.more();
    }
  }

  async #everything(): Promise<string> {
    return `${await this.#stdout.end}\n${await this.#stderr.end}`;
  }
}

/** What comes out of one pipe, as text. */
class Output {
  text = "";
  ended = false;
  readonly end: Promise<string>;
  #changed = Promise.withResolvers<void>();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.end = this.#read(stream);
  }

  /** Resolves when there is more, or the end. */
  more(): Promise<void> {
    return this.#changed.promise;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#notify();
    }
    this.text += decoder.decode();
    this.ended = true;
    this.#notify();
    return this.text;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function commandLine(args: readonly string[], options: RcopyOptions): string[] {
  const { permissions, before, within = [], withoutPrivileges = false, mayPrompt = false } = options;
  // What doctor says holds for the program that it is a part of.
  const isOfModules = permissions !== undefined || args[0] === "doctor";
  const main = isOfModules
    ? [...permissions ?? ["-A"], modules]
    : ["-A", ...isBundled ? ["--no-config"] : [], program];
  let command = [Deno.execPath(), "run", ...mayPrompt ? [] : ["--no-prompt"], ...main, ...args];
  if (before !== undefined) command = ["bash", "-c", `${before}; exec "$@"`, "-", ...command];
  if (withoutPrivileges) command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", ...command];
  return [...within, ...command];
}

/** Both ends of a copy. */
export interface CopyOptions {
  source: string | readonly string[];
  target: string;
  /** Further options of `rcopy send` and `rcopy receive`. */
  send?: readonly string[];
  receive?: readonly string[];
  /** Added to the environment of both. */
  env?: Record<string, string>;
  sender?: RcopyOptions;
  receiver?: RcopyOptions;
}

/** Starts `rcopy send` on loopback and waits until it listens. The caller disposes of it. */
export async function startSender(options: CopyOptions): Promise<{ sender: RcopyProcess; address: string }> {
  const sources = typeof options.source === "string" ? [options.source] : options.source;
  const args = ["send", "--insecure", "-l", "-p", "0", ...options.send ?? [], "--", ...sources];
  const sender = new RcopyProcess(args, withEnv(options.sender, options.env));
  try {
    const json = options.send?.includes("--json");
    const match = await sender.stdoutMatch(
      json ? /"port":(\d+)/ : /rcopy receive --insecure -a 127\.0\.0\.1:(\d+) /,
    );
    return { sender, address: `127.0.0.1:${match[1]}` };
  } catch (error) {
    await sender[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts `rcopy receive` from an address; through a proxy with one data connection. The caller disposes of it. */
export function startReceiver(options: CopyOptions, address: string): RcopyProcess {
  const streams = proxied.has(address) ? ["--streams", "1"] : [];
  const args = [
    "receive",
    "--insecure",
    ...streams,
    "-a",
    address,
    ...options.receive ?? [],
    "--",
    options.target,
  ];
  return new RcopyProcess(args, withEnv(options.receiver, options.env));
}

/** Copies by two processes over loopback, and gives both outcomes. */
export async function copyTree(options: CopyOptions): Promise<{ sent: Outcome; received: Outcome }> {
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  await using receiver = startReceiver(options, address);
  const received = await receiver.end();
  // A receiver that never got in leaves its sender waiting for another one.
  const waiting = received.status === 0 ? undefined : setTimeout(() => sender.kill("SIGTERM"), senderWaitMs);
  const sent = await sender.end();
  clearTimeout(waiting);
  return { sent, received };
}

/** The summary of a run that was given `--json`: what it counted. */
export function summaryOf({ stdout, stderr }: Outcome): Record<string, number> {
  const done = stdout.trim().split("\n").findLast((line) => line.startsWith('{"type":"done"'));
  if (done === undefined) throw new Error(`there is no summary in:\n${stdout}\n${stderr}`);
  return JSON.parse(done).summary;
}

/** Fails, with all that both said, unless both ended with this status. */
export function assertStatuses(
  { sent, received }: { sent: Outcome; received: Outcome },
  status: number,
): void {
  if (sent.status === status && received.status === status) return;
  throw new Error(
    `both should end with ${status}\nsend ended with ${sent.status}: ${sent.stdout}${sent.stderr}\n` +
      `receive ended with ${received.status}: ${received.stdout}${received.stderr}`,
  );
}

function withEnv(options: RcopyOptions = {}, env: Record<string, string> = {}): RcopyOptions {
  return { ...options, env: { ...env, ...options.env } };
}
