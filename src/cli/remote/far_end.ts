/**
 * The other end of a copy, started through ssh.
 *  1. start   ssh runs rcopy there, which listens and ends when its standard input does
 *  2. learn   its ticket comes on ssh's standard output; nobody else sees it
 *  3. dial    HOST, then the ticket's addresses; where none answers, a port that a second ssh forwards
 *  4. end     its errors are shown with its name before them; it does not outlive this end
 */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { FallbackPath, PeerAddress } from "../../mod.ts";
import { decodeTicket } from "../../security/anchor/ticket.ts";
import type { Flags } from "../line/options.ts";
import type { CommandLine } from "../line/parse.ts";
import { commandWords, type RemotePath } from "../line/remote_path.ts";
import type { Job } from "../report/job.ts";
import { farShellLine } from "./far_command.ts";
import { whyNoTicket } from "./no_ticket.ts";
import { requireRun, SshProcess } from "./ssh_process.ts";
import { openTunnel } from "./ssh_tunnel.ts";
import { toldOnce } from "./told_once.ts";

/** The line by which a listening end tells its ticket. */
const ticketLine = /^rcopy (?:receive|send --to) (rcopy1[a-z2-7]+) /;
/** How long the other end has to end by itself, after a copy and after a failure, and this end after the other. */
const partingMs = 10_000;
const failedPartingMs = 1_000;
const followMs = 3_000;
/** The last lines of the other end, which are kept to say nothing twice. */
const toldMax = 20;

/** How this end meets the other one. */
export interface RemoteMeeting {
  ticket: string;
  addresses: PeerAddress[];
  fallback: FallbackPath;
  signal: AbortSignal;
}

export interface RemoteEndOptions {
  /** The command of the other end. */
  command: "send" | "receive";
  /** The command line of this end. */
  line: CommandLine;
  job: Job;
}

/** The program that reaches other machines, and its arguments. @throws {RcopyError} `usage` */
export function sshWords(flags: Flags): string[] {
  return commandWords(flags.rsh ?? "ssh");
}

/**
 * Starts the other end, tells `body` how to dial it, and sees to its end.
 * @throws {RcopyError} `unreachable` where ssh or rcopy could not be started there, and what the other end ended with;
 * `permission-flag`, `usage`; whatever `body` throws
 */
export async function withRemoteEnd<T>(
  { destination, host, path }: RemotePath,
  { command, line, job }: RemoteEndOptions,
  body: (meeting: RemoteMeeting) => Promise<T>,
): Promise<T> {
  const { flags } = line;
  const rsh = sshWords(flags);
  requireRun(rsh[0]!);
  const label = showText(destination);
  const told: string[] = [];
  const onLine = (line: string) => {
    told.push(relay(line, label, job));
    if (told.length > toldMax) told.shift();
  };
  const started = farShellLine(command, line, path);
  await using far = new SshProcess([...rsh, "-T", "--", destination, started], {
    onLine,
    ...(flags["dry-run"] && command === "receive" ? { onOutput: (row) => listRow(row, job) } : {}),
    signal: job.signal,
  });
  const [found, name] = await Promise.all([far.firstLine(ticketLine), nameOf(rsh, { destination, host })]);
  if (!found) {
    const { code } = await far.status;
    await far.hasEnded(failedPartingMs);
    if (job.signal.aborted) throw job.signal.reason;
    throw whyNoTicket(code, label, flags);
  }
  const ticket = found[1]!;
  const { port } = decodeTicket(ticket);
  await using tunnels = new AsyncDisposableStack();
  const fallback: FallbackPath = async (why) => {
    const message =
      `${label} cannot be reached directly, so that the connections go through ssh: ${why.message}`;
    job.reporter.onEvent({ type: "note", level: "warn", message });
    const target = { host: tunnelTarget(flags), port };
    const tunnel = tunnels.use(
      await openTunnel(rsh, { destination, target, onLine, signal: job.signal }),
    );
    return tunnel.entrance;
  };
  using follower = new Follower(far.status, label);
  const signal = AbortSignal.any([job.signal, follower.signal]);
  let partsInMs = failedPartingMs;
  try {
    const result = await body({ ticket, addresses: [{ host: name, port }], fallback, signal });
    // A sender that was only looked at waits for somebody else, until its input ends.
    partsInMs = flags["dry-run"] && command === "send" ? 0 : partingMs;
    return result;
  } catch (thrown) {
    await far.hasEnded(partsInMs);
    throw toldOnce(thrown, label, told);
  } finally {
    // It has an error of its own to tell, or a receipt to write down.
    await far.hasEnded(partsInMs);
  }
}

/** Ends this end a few seconds after the other one, whatever it is doing. */
class Follower implements Disposable {
  readonly #gone = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(status: Promise<Deno.CommandStatus>, label: string) {
    void status.then(({ code }) => {
      if (this.#isOver) return;
      const message = `the other end on ${label} has ended, with status ${code}`;
      // By then a session has noticed by itself; this is for an end that has none yet.
      this.#timer = setTimeout(() => this.#gone.abort(new RcopyError("peer-lost", message)), followMs);
    });
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

/** Where the other end listens, seen from its own machine. */
function tunnelTarget(flags: Flags): string {
  const { bind } = flags;
  return bind === undefined || /^(0\.0\.0\.0|::)$/.test(bind) ? "127.0.0.1" : bind;
}

/** The host that ssh connects to, where its configuration gives it another name. */
async function nameOf(
  [program, ...args]: string[],
  { destination, host }: { destination: string; host: string },
): Promise<string> {
  if (!/(^|[\\/])ssh(\.exe)?$/.test(program!)) return host;
  try {
    const command = new Deno.Command(program!, {
      args: [...args, "-G", "--", destination],
      stdin: "null",
      stderr: "null",
    });
    const { stdout } = await command.output();
    const name = /^hostname (\S+)$/m.exec(new TextDecoder().decode(stdout))?.[1];
    return name !== undefined && /^[\w.:%-]+$/.test(name) ? name : host;
  } catch {
    return host; // ssh itself complains, if it is its fault
  }
}

/** Shows a line of the other end with the name of its machine before it; entries that failed are listed here already. */
function relay(line: string, label: string, { reporter }: Job): string {
  const text = line.replace(/^rcopy: /, "");
  if (!text.startsWith("not copied: ")) reporter.log("error", `${label}: ${text}`);
  return text;
}

/** Shows a row of the list that a dry run at the other end prints; the names in it were escaped there. */
function listRow(row: string, { console }: Job): void {
  if (!/^(new|replace)\t(file|directory|symbolic link)\t[^\t]*\t/.test(row)) return;
  console.out(`${row.split("\t").map((column) => showText(column).replaceAll("\\\\", "\\")).join("\t")}\n`);
}
