/** A run of `send` or `receive`: what both have around them. */
import { asRcopyError } from "../base/errors.ts";
import type { CommandLine } from "./line/parse.ts";
import { lineForReceiver, lineForSender } from "./line/peer_line.ts";
import { shellLine } from "./line/shell_line.ts";
import { hasTicket } from "../security/anchor/ticket_word.ts";
import { complain } from "./report/complaint.ts";
import type { Console } from "./report/console.ts";
import type { Job } from "./report/job.ts";
import { Reporter } from "./report/reporter.ts";
import { Signals } from "./signals.ts";
import { whatNext } from "./what_next.ts";

export interface CopyOptions {
  /** The words of the command line, for messages that repeat it. */
  argv: readonly string[];
  console: Console;
  /** Called when a person insists, with the status of the first signal. */
  onSecondSignal: (status: number) => void;
}

/** Copies as the command line says, and returns the exit status; throws nothing. */
export async function runCopy(line: CommandLine, options: CopyOptions): Promise<number> {
  const { argv, console, onSecondSignal } = options;
  const { flags, command } = line;
  const logLevel = flags["log-level"] ?? "info";
  using signals = new Signals(onSecondSignal);
  if (!flags.insecure) gatherRandomness();
  const reporter = new Reporter({
    console,
    json: flags.json === true,
    quiet: flags.quiet === true,
    logLevel,
    namesPeers: flags.keep === true,
    lineForPeer: command === "send" ? lineForReceiver : lineForSender,
  });
  try {
    const broken = new AbortController();
    console.onFailure = (error) => broken.abort(error);
    const endings = AbortSignal.any([signals.signal, broken.signal]);
    const signal = flags["end-with-stdin"] ? await signalOfStdin(endings) : endings;
    const job: Job = { console, reporter, signal, command: shownCommand(argv) };
    if (command === "send") {
      const { runSend } = await import("./send.ts");
      return await runSend(line, job);
    }
    const { runReceive } = await import("./receive.ts");
    return await runReceive(line, job);
  } catch (thrown) {
    reporter.close();
    const status = complain(console, thrown, logLevel);
    const exitStatus = signals.status ?? status;
    reporter.fail(asRcopyError(thrown), exitStatus);
    const { hasMet, hasProgressed, kept } = reporter;
    const end = { code: asRcopyError(thrown).code, kept, hasProgressed };
    const lines = hasMet ? whatNext(line, end) : [];
    for (const message of lines) reporter.onEvent({ type: "note", level: "info", message });
    return exitStatus;
  } finally {
    reporter.close();
  }
}

/**
 * The first key of a process takes 30 ms, which its library waits for randomness: here it does so in a thread of its own,
 * while the rest of the program is loaded.
 */
function gatherRandomness(): void {
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]).catch(() => {});
}

/** Aborts when standard input ends, too. */
async function signalOfStdin(signal: AbortSignal): Promise<AbortSignal> {
  const { whileStdinLasts } = await import("./stdin_watch.ts");
  return AbortSignal.any([signal, whileStdinLasts()]);
}

/** As it would be typed again. */
function shownCommand(argv: readonly string[]): string {
  return shellLine(["rcopy", ...argv.map((word) => hasTicket(word) ? "TICKET" : word)]);
}
