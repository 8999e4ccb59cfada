/**
 * rcopy as a library: the same power as the command line, without its output.
 *
 * Both ends must run at the same time, {@linkcode send} on the machine that has the files and {@linkcode receive} on the
 * machine that wants them. A promise that resolves means that every byte was verified at the destination, except for the
 * entries that the summary counts as failed.
 *
 * @example A tree copied within one process
 * ```ts
 * import { receive, send } from "@rcopy/cli/api";
 * import { assertEquals } from "@std/assert";
 *
 * const source = await Deno.makeTempDir();
 * const target = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${source}/hello.txt`, "hello");
 *
 * const ticket = Promise.withResolvers<string>();
 * const sending = send([source], {
 *   local: true,
 *   port: 0,
 *   onEvent: (event) => event.type === "listening" && ticket.resolve(event.ticket!),
 * });
 * const received = await receive([], target, { ticket: await ticket.promise });
 * const sent = await sending;
 *
 * assertEquals(await Deno.readTextFile(`${target}/hello.txt`), "hello");
 * assertEquals(received.treeHash, sent.treeHash);
 * await Deno.remove(source, { recursive: true });
 * await Deno.remove(target, { recursive: true });
 * ```
 *
 * @module
 */
import { RcopyError } from "./base/errors.ts";
import { chooseEngine } from "./io/choose_engine.ts";
import type { SocketOptions } from "./io/contract/sockets.ts";
import type { PeerAddress } from "./net/address.ts";
import type { FallbackPath } from "./meet/reach.ts";
import type { EventSink, TransferSummary } from "./transfer/session/events.ts";
import { interruptible } from "./base/interrupt.ts";
import type { Streams } from "./transfer/supply/growth.ts";
import type { AuthMethod } from "./meet/invite.ts";
import type { DialPlanOptions } from "./meet/dial_plan.ts";
import { requirePermission } from "./base/permission.ts";
import { type ReceivePolicy, receivePolicy } from "./transfer/receive/policy.ts";
import type { RunOptions, Side } from "./transfer/side.ts";
import { streamsMax } from "./wire/limits.ts";

export { type ErrorCode, exitStatusOfCode, RcopyError, type RcopyErrorOptions } from "./base/errors.ts";
export type { PeerAddress } from "./net/address.ts";
export type { FallbackPath } from "./meet/reach.ts";
export type {
  Bottleneck,
  EntryFailure,
  EventSink,
  ProgressSnapshot,
  TransferEvent,
  TransferSummary,
} from "./transfer/session/events.ts";
export { version } from "./base/version.ts";
export type { AuthMethod } from "./meet/invite.ts";
export type { DeltaPolicy, ExistsPolicy, ReceivePolicy } from "./transfer/receive/policy.ts";

/** Port that a listener opens unless told otherwise. */
export const defaultPort = 3120;
/** Milliseconds without a byte from the peer after which an end gives up, unless told otherwise. */
export const defaultTimeoutMs = 30_000;
/** Milliseconds for which a session that was lost is looked for again, unless told otherwise. */
export const defaultPatienceMs = 600_000;

/** Options of an end that listens; ignored where it dials. */
export interface ListenOptions {
  /** Port to listen on, 0 to 65,535; 0 picks a free one; 3120 by default. */
  port?: number;
  /** Listen on loopback only. */
  local?: boolean;
  /** Address of this machine to listen on; all by default. */
  bind?: string;
  /** Addresses to put first in the ticket: a public name, a forwarded port; the port listened on by default. */
  advertise?: readonly { host: string; port?: number }[];
}

/** Options of both ends. */
export interface CommonOptions extends ListenOptions {
  /** Plain TCP, without authentication or encryption; both ends must say so. Off by default. */
  insecure?: boolean;
  /** How the ends prove themselves to each other: by the ticket, by SSH keys, or by either, which is the default. */
  auth?: AuthMethod;
  /** The one SSH key to use: the path of a key file, or "SHA256:…"; by default those of ssh-agent, then of `~/.ssh`. */
  identity?: string;
  /** Public keys of the peer to accept in this run: each "TYPE BASE64", or the path of a file with one on each line. */
  allow?: readonly string[];
  /** The command line of this run, quoted for a shell: refusals print it with what would help. */
  command?: string;
  /**
   * Data connections, 1 to 32; the smaller of the two ends' limits wins. `auto` (the default) begins with one and adds more
   * while they pay.
   */
  streams?: number | "auto";
  /** File engine; `auto` (the default) takes io_uring where it can be had. */
  io?: "auto" | "uring" | "deno";
  /** Compare the content of files that are there already, whatever their time; either end may wish so. Off by default. */
  check?: boolean;
  /** Milliseconds without a byte from the peer after which this end gives up; at least 1,000; 30,000 by default. */
  timeoutMs?: number;
  /**
   * Milliseconds for which both ends look for each other again when their session is lost: the end that dials tries again,
   * the one that listens waits. 0 ends the run at once; 600,000 by default.
   */
  patienceMs?: number;
  /** Opens another path to a listening peer; called once, if none of its addresses answers. */
  fallback?: FallbackPath;
  /** Ends the run early; what is whole and verified by then stays at the destination. */
  signal?: AbortSignal;
  /** Receives every event, in order; must return at once and not throw. */
  onEvent?: EventSink;
}

/** Options of {@linkcode send}. */
export interface SendOptions extends CommonOptions {
  /** Go on serving after a receiver has finished, up to 64 at once, until `signal` aborts. */
  keep?: boolean;
  /** Dial a receiver that listens, by what its `listening` event gave. */
  to?: string;
  /** Send one directory under its name, as several paths are; its contents alone by default. */
  asFolder?: boolean;
  /** Dial a receiver that listens there; tried before the addresses of `to`. */
  addresses?: readonly PeerAddress[];
}

/** Options of {@linkcode receive}. */
export interface ReceiveOptions extends CommonOptions, Partial<ReceivePolicy> {
  /** What the sender's `listening` event gave; without it, SSH keys open the channel. */
  ticket?: string;
  /** Asks a person whether to trust a key, as the sentence says; without it, a key that is not known is refused. */
  confirm?: (question: string) => Promise<boolean>;
  /**
   * Asks a person a question about the destination, to be answered by yes or no. What depends on the answer is put off, and the
   * rest is copied; `"yes"` answers every question. Without it what is there may be replaced, and any other answer is no.
   */
  ask?: ((question: string) => Promise<boolean>) | "yes";
  /** Listen for a sender instead of dialling one. */
  listen?: boolean;
}

/**
 * Serves `paths` to a receiver: of one directory the contents, unless `asFolder` is set, else each path under its name. A path that is a symbolic
 * link is followed. With `to` or `addresses` it dials a receiver that listens.
 * @returns how the session ended, once the receiver has verified and placed everything
 * @throws {RcopyError} with a `code`, and the `exitStatus` that the program would end with
 */
export async function send(paths: readonly string[], options: SendOptions = {}): Promise<TransferSummary> {
  if (paths.length === 0) throw new RcopyError("usage", "there is nothing to send; name at least one PATH");
  for (const path of paths) requirePermission("read", path, "cannot send");
  const { to, addresses = [] } = options;
  const dials = to !== undefined || addresses.length > 0;
  const dialTarget: DialTarget | undefined = dials ? { addresses, ticket: to, peer: "receiver" } : undefined;
  if (dialTarget) await requireDialTarget(dialTarget, options);
  return await withEngine(options, async (run) => {
    const { SendingSide } = await import("./transfer/sending_side.ts");
    using side = new SendingSide(run.engine, paths, { asFolder: options.asFolder ?? false });
    return await meet(side, { dialTarget, run, options });
  });
}

/**
 * Fetches what a sender serves, at the first of `addresses` and those of the ticket that answers, into the directory
 * `dest`, made if it is missing; one file becomes `dest`, unless that is a directory or ends in a slash. Without `dest` it is
 * the sender's name for what it sends, in the current directory. With `listen` it waits for a sender that dials.
 * @returns how the session ended, once both ends agree on what was copied
 * @throws {RcopyError} with a `code`, and the `exitStatus` that the program would end with
 */
export async function receive(
  addresses: readonly PeerAddress[],
  dest: string | undefined,
  options: ReceiveOptions = {},
): Promise<TransferSummary> {
  const { ticket, listen = false } = options;
  const policy = receivePolicy(options);
  const { dryRun } = policy;
  refuseIdleCheck(options.check, policy.exists);
  if (listen && (ticket !== undefined || addresses.length > 0)) {
    throw new RcopyError(
      "usage",
      "a receiver that listens is dialled; leave out the ticket and the addresses",
    );
  }
  const dialTarget: DialTarget | undefined = listen ? undefined : { addresses, ticket, peer: "sender" };
  if (dialTarget) await requireDialTarget(dialTarget, options);
  requirePermission("read", dest ?? ".", "cannot use the destination");
  if (!dryRun) requirePermission("write", dest ?? ".", "cannot use the destination");
  return await withEngine(options, async (run) => {
    const { engine } = run;
    if (!dryRun && engine.freeSpaceWants !== undefined) {
      const message = `without ${engine.freeSpaceWants} the free space is not checked beforehand`;
      run.emit({ type: "note", level: "info", message });
    }
    const { ReceivingSide } = await import("./transfer/receiving_side.ts");
    using side = new ReceivingSide(engine, {
      dest,
      policy,
      ask: options.ask,
      asksToReplace: options.exists === undefined,
    });
    const summary = await meet(side, { dialTarget, run, options });
    side.onDone();
    return summary;
  });
}

/** What both ends have in common, and what the engine can do for sockets. */
type Run = RunOptions & { sockets: SocketOptions | undefined };

/** Runs a transfer with an engine, and with everything else that both ends have in common. */
async function withEngine(
  options: CommonOptions,
  body: (run: Run) => Promise<TransferSummary>,
): Promise<TransferSummary> {
  const emit = options.onEvent ?? (() => {});
  refuseProofs(options);
  const timeoutMs = checkedTimeout(options.timeoutMs);
  const patienceMs = checkedPatience(options.patienceMs);
  const streams = checkedStreams(options.streams);
  const { check = false } = options;
  const { engine, sockets, reason } = await chooseEngine(options.io ?? "auto");
  using _engine = engine;
  emit({ type: "engine", engine: engine.kind, reason });
  if (engine.kind === "deno" && options.io !== "deno" && Deno.build.os === "linux") {
    const message =
      `${reason}; Deno's own file calls serve this run: only UTF-8 names, times to the millisecond`;
    emit({ type: "note", level: "info", message });
  }
  const { signal, release } = interruptible(options.signal);
  try {
    return await body({ engine, sockets, streams, timeoutMs, patienceMs, check, emit, signal });
  } finally {
    release();
  }
}

/** The listener to dial: its addresses, its ticket, what it does. */
type DialTarget = Pick<DialPlanOptions, "addresses" | "ticket" | "peer">;

/** Refuses what cannot be dialled, before anything is opened. @throws {RcopyError} `usage` */
async function requireDialTarget(target: DialTarget, options: CommonOptions): Promise<void> {
  const { requireDialable } = await import("./meet/dial_plan.ts");
  await requireDialable({ ...options, ...target });
}

/** Dials `dialTarget`; listens if there is none. Each end loads what it needs alone: a copy of nothing waits for that. */
async function meet(
  side: Side,
  { dialTarget, run, options }: {
    dialTarget: DialTarget | undefined;
    run: Run;
    options: SendOptions & ReceiveOptions;
  },
): Promise<TransferSummary> {
  const { signal } = run;
  const { insecure = false, auth = "auto", identity, allow, command } = options;
  const onNote = (message: string) => run.emit({ type: "note", level: "info", message });
  const how = { auth, identity, allow, command, onNote };
  if (dialTarget) {
    const { confirm, fallback } = options;
    const [{ planDial }, { dialSession }] = await Promise.all([
      import("./meet/dial_plan.ts"),
      import("./transfer/dial.ts"),
    ]);
    const plan = await planDial({ ...dialTarget, ...how, insecure, confirm, signal });
    return await dialSession(side, { ...plan, fallback }, run);
  }
  const [{ openListener }, { Server }] = await Promise.all([
    import("./meet/listener.ts"),
    import("./transfer/serve.ts"),
  ]);
  const { port = defaultPort, bind, local = false, advertise = [], keep = false } = options;
  const invite = { ...how, role: side.role };
  const onTlsOpened = (port: number) => run.sockets?.sendAtOnce(port);
  const { listening, renewal, ...opened } = await openListener({
    port,
    bind,
    local,
    advertise,
    insecure,
    invite,
    onTlsOpened,
  });
  using _renewal = renewal;
  run.emit({ type: "listening", ...listening, ...side.described });
  return await new Server({ ...run, ...opened, side, keep }).run();
}

function checkedStreams(streams: number | "auto" = "auto"): Streams {
  if (streams === "auto") return { limit: streamsMax, isFixed: false };
  if (Number.isInteger(streams) && streams >= 1 && streams <= streamsMax) {
    return { limit: streams, isFixed: true };
  }
  throw new RcopyError(
    "usage",
    `${streams} data connections are out of range; --streams takes 1 to ${streamsMax}, or auto`,
  );
}

/** A plain channel proves nothing. @throws {RcopyError} `usage` naming the option that says how to */
function refuseProofs({ insecure, auth = "auto", identity, allow = [] }: CommonOptions): void {
  if (!insecure) return;
  const given = auth !== "auto"
    ? `--auth ${auth}`
    : identity !== undefined
    ? "--identity"
    : allow.length > 0
    ? "--allow"
    : undefined;
  if (given === undefined) return;
  throw new RcopyError(
    "usage",
    `--insecure is a channel on which nobody proves anything, and ${given} says how to; leave out one of the two`,
  );
}

/** @throws {RcopyError} `usage` where nothing would be compared */
function refuseIdleCheck(check: boolean | undefined, exists: ReceivePolicy["exists"]): void {
  if (!check || exists === "changed") return;
  throw new RcopyError(
    "usage",
    `--check compares what is there with what is sent, and with --exists ${exists} nothing is compared; leave out one of the two`,
  );
}

function checkedTimeout(timeoutMs = defaultTimeoutMs): number {
  if (timeoutMs >= 1000 && timeoutMs <= 86_400_000) return timeoutMs;
  throw new RcopyError("usage", `a timeout of ${timeoutMs} ms is out of range; --timeout takes 1s to 24h`);
}

function checkedPatience(patienceMs = defaultPatienceMs): number {
  if (patienceMs >= 0 && patienceMs <= 86_400_000) return patienceMs;
  throw new RcopyError(
    "usage",
    `a patience of ${patienceMs} ms is out of range; --patience takes 0s to 24h`,
  );
}
