/** From a command line to an exit status. */
import { asRcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import { version } from "../base/version.ts";
import type { TransferEvent } from "../mod.ts";
import { Console } from "./report/console.ts";
import type { Job } from "./report/job.ts";
import { lineForReceiver, lineForSender } from "./report/peer_line.ts";
import { type Flags, type Invocation, parseCommandLine } from "./line/parse.ts";
import { type LogLevel, Reporter } from "./report/reporter.ts";
import { shellLine } from "./permissions.ts";
import { Signals } from "./signals.ts";
import { whileStdinLasts } from "./stdin_watch.ts";
import { isMeantAsTicket } from "./line/ticket_argument.ts";

/** Runs a command line; throws nothing. `onSecondSignal` is called when a person insists. */
export async function runCommandLine(
  argv: readonly string[],
  onSecondSignal: (status: number) => void,
): Promise<number> {
  const console = new Console();
  let invocation: Invocation;
  try {
    invocation = await parseCommandLine(argv, version);
  } catch (thrown) {
    return complain(console, thrown, "info");
  }
  if (invocation.of === "text") {
    console.out(invocation.text.endsWith("\n") ? invocation.text : `${invocation.text}\n`);
    return 0;
  }
  const { command, flags, args } = invocation;
  const logLevel = (flags["log-level"] ?? "info") as LogLevel;
  const signals = new Signals(onSecondSignal);
  try {
    if (command === "completions") {
      const { runCompletions } = await import("./completions.ts");
      return runCompletions(args, console);
    }
    if (command === "doctor") {
      const { runDoctor } = await import("./doctor.ts");
      return await runDoctor(args, { json: flags.json === true, console });
    }
    if (!flags.insecure) gatherRandomness();
    const job = (lineForPeer?: (event: TransferEvent & { type: "listening" }) => string): Job => ({
      console,
      reporter: newReporter(console, flags, logLevel, lineForPeer),
      signal: flags["end-with-stdin"] ? AbortSignal.any([signals.signal, whileStdinLasts()]) : signals.signal,
      command: shownCommand(argv),
    });
    if (command === "send") {
      const { runSend } = await import("./send.ts");
      return await withReporter(job(lineForReceiver), (it) => runSend(args, flags, it));
    }
    const { runReceive } = await import("./receive.ts");
    return await withReporter(job(lineForSender), (it) => runReceive(args, flags, it));
  } catch (thrown) {
    const status = complain(console, thrown, logLevel);
    return signals.status ?? status;
  } finally {
    signals[Symbol.dispose]();
  }
}

/**
 * The first key of a process takes 30 ms, which its library waits for randomness: here it does so in a thread of its own,
 * while the rest of the program is loaded.
 */
function gatherRandomness(): void {
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]).catch(() => {});
}

/** As it would be typed again. */
function shownCommand(argv: readonly string[]): string {
  return shellLine(["rcopy", ...argv.map((word) => isMeantAsTicket(word) ? "TICKET" : word)]);
}

function newReporter(
  console: Console,
  flags: Flags,
  logLevel: LogLevel,
  lineForPeer?: (event: TransferEvent & { type: "listening" }) => string,
): Reporter {
  const options = { console, json: flags.json === true, quiet: flags.quiet === true, logLevel };
  return new Reporter(lineForPeer ? { ...options, lineForPeer } : options);
}

async function withReporter(job: Job, body: (job: Job) => Promise<number>): Promise<number> {
  try {
    return await body(job);
  } finally {
    job.reporter.close();
  }
}

/** Prints an error as `rcopy: …`, with its causes under `--log-level debug`, and returns its exit status. */
function complain(console: Console, thrown: unknown, logLevel: LogLevel): number {
  const error = asRcopyError(thrown);
  console.error(`rcopy: ${showText(error.message).replaceAll("\\\\", "\\")}\n`);
  if (logLevel === "debug") {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      console.error(`${cause.stack}\n`);
    }
  }
  return error.exitStatus;
}
