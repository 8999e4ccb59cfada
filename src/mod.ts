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
import { reachableAddresses } from "./net/addresses.ts";
import type { PeerAddress } from "./net/dial.ts";
import { listenForPeers, type PeerListener } from "./net/listen.ts";
import { plainTransport } from "./net/transport.ts";
import { openDestination } from "./transfer/destination.ts";
import type { EventSink, TransferEvent, TransferSummary } from "./transfer/events.ts";
import { fetchTree } from "./transfer/fetch.ts";
import { interruptible } from "./transfer/interrupt.ts";
import { type AuthMethod, invite } from "./transfer/invite.ts";
import { LeafRenewal } from "./transfer/leaf_renewal.ts";
import { requirePermission } from "./transfer/permission.ts";
import type { ExistsPolicy } from "./transfer/plan.ts";
import { requireRoute, routeTo } from "./transfer/route.ts";
import { Server } from "./transfer/serve.ts";
import { closeSources, openSources } from "./transfer/source_roots.ts";
import type { Invitation } from "./transfer/ticket_channel.ts";

export { type ErrorCode, exitStatusOfCode, RcopyError, type RcopyErrorOptions } from "./base/errors.ts";
export type { PeerAddress } from "./net/dial.ts";
export type {
  Bottleneck,
  EntryFailure,
  EventSink,
  ProgressSnapshot,
  TransferEvent,
  TransferSummary,
} from "./transfer/events.ts";
export { version } from "./transfer/greeting.ts";
export type { AuthMethod } from "./transfer/invite.ts";
export type { ExistsPolicy } from "./transfer/plan.ts";

/** Port that a sender listens on unless told otherwise. */
export const defaultPort = 3120;
/** Milliseconds without a byte from the peer after which an end gives up, unless told otherwise. */
export const defaultTimeoutMs = 30_000;
/** Data connections of a session. */
const streams = 1;

/** Options of both ends. */
export interface CommonOptions {
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
  /** File engine; `auto` (the default) takes io_uring where it can be had. */
  io?: "auto" | "uring" | "deno";
  /** Milliseconds without a byte from the peer after which this end gives up; at least 1,000; 30,000 by default. */
  timeoutMs?: number;
  /** Ends the run early; what is whole and verified by then stays at the destination. */
  signal?: AbortSignal;
  /** Receives every event, in order; must return at once and not throw. */
  onEvent?: EventSink;
}

/** Options of {@linkcode send}. */
export interface SendOptions extends CommonOptions {
  /** Port to listen on, 0 to 65,535; 0 picks a free one; 3120 by default. */
  port?: number;
  /** Listen on loopback only. */
  local?: boolean;
  /** Address of this machine to listen on; all by default. */
  bind?: string;
  /** Go on serving after a receiver has finished, up to 64 at once, until `signal` aborts. */
  keep?: boolean;
  /** Addresses to put first in the ticket: a public name, a forwarded port; the port listened on by default. */
  advertise?: readonly { host: string; port?: number }[];
}

/** Options of {@linkcode receive}. */
export interface ReceiveOptions extends CommonOptions {
  /** What the sender's `listening` event gave; without it, SSH keys open the channel. */
  ticket?: string;
  /** Asks a person whether to trust a key, as the sentence says; without it, a key that is not known is refused. */
  confirm?: (question: string) => Promise<boolean>;
  /** What happens to files and links that exist already; `changed` by default. */
  exists?: ExistsPolicy;
  /** Everything on stable storage before the sender gets its receipt. */
  durable?: boolean;
  /** Write nothing; report what would be copied by `planned` events. */
  dryRun?: boolean;
}

/**
 * Serves `paths` to a receiver: of one directory the contents, else each path under its name. A path that is a symbolic
 * link is followed.
 * @returns how the session ended, once the receiver has verified and placed everything
 * @throws {RcopyError} with a `code`, and the `exitStatus` that the program would end with
 */
export async function send(paths: readonly string[], options: SendOptions = {}): Promise<TransferSummary> {
  if (paths.length === 0) throw new RcopyError("usage", "there is nothing to send; name at least one PATH");
  for (const path of paths) requirePermission("read", path, "cannot send");
  const emit = options.onEvent ?? (() => {});
  const timeoutMs = checkedTimeout(options.timeoutMs);
  const { engine, reason } = await chooseEngine(options.io ?? "auto");
  using _engine = engine;
  emit({ type: "engine", engine: engine.kind, reason });
  // Everything that is wrong with the paths is said now, and not when the first receiver comes.
  closeSources(openSources(engine, paths));
  const onNote = noteTo(emit);
  const { auth = "auto" } = options;
  const invitation = options.insecure
    ? undefined
    : await invite({ ...options, auth, role: "sender", onNote });
  const listener = listenForPeers({
    port: options.port ?? defaultPort,
    bind: options.bind,
    local: options.local,
  }, invitation?.transport ?? plainTransport);
  for (const note of invitation?.notes ?? []) onNote(note);
  emit(listeningEvent(options, listener, invitation));
  const { signal, release } = interruptible(options.signal);
  using _renewal = new LeafRenewal(listener, invitation?.renew, onNote);
  try {
    const { keep = false } = options;
    const checks = invitation?.checks;
    return await new Server({ engine, listener, checks, paths, keep, streams, timeoutMs, emit, signal })
      .run();
  } finally {
    release();
  }
}

/**
 * Fetches what a sender serves, at the first of `addresses` and those of the ticket that answers, into the directory
 * `dest`, made if it is missing.
 * @returns how the session ended, once both ends agree on what was copied
 * @throws {RcopyError} with a `code`, and the `exitStatus` that the program would end with
 */
export async function receive(
  addresses: readonly PeerAddress[],
  dest: string,
  options: ReceiveOptions = {},
): Promise<TransferSummary> {
  requireRoute(addresses, options);
  const { dryRun = false } = options;
  requirePermission("read", dest, "cannot use the destination");
  if (!dryRun) requirePermission("write", dest, "cannot use the destination");
  const emit = options.onEvent ?? (() => {});
  const timeoutMs = checkedTimeout(options.timeoutMs);
  const { engine, reason } = await chooseEngine(options.io ?? "auto");
  using _engine = engine;
  emit({ type: "engine", engine: engine.kind, reason });
  // What is wrong with DEST is said now, but it is made only once there is a sender.
  let destination = openDestination(engine, dest, { create: false });
  const { signal, release } = interruptible(options.signal);
  try {
    const { exists = "changed", durable = false } = options;
    return await fetchTree({
      engine,
      ...await routeTo(addresses, { ...options, role: "receiver", onNote: noteTo(emit), signal }),
      destination: () => destination ??= openDestination(engine, dest, { create: !dryRun }),
      exists,
      durable,
      dryRun,
      streams,
      timeoutMs,
      emit,
      signal,
    });
  } finally {
    release();
    if (destination) engine.closeDirectory(destination);
  }
}

/** Notes for whoever receives the events. */
function noteTo(emit: EventSink): (message: string) => void {
  return (message) => emit({ type: "note", level: "info", message });
}

function listeningEvent(
  options: SendOptions,
  { port, dualStack }: PeerListener,
  invitation: Invitation | undefined,
): TransferEvent & { type: "listening" } {
  const addresses = addressesOf(options, dualStack);
  const advertised = (options.advertise ?? []).map((one) => ({ host: one.host, port: one.port ?? port }));
  const own = addresses.map((host) => ({ host, port }));
  const ticket = invitation?.ticketFor(port, [...advertised, ...own]);
  const event = { type: "listening", port, addresses, advertised } as const;
  if (ticket !== undefined) return { ...event, ticket };
  return invitation === undefined ? event : { ...event, keysOnly: true };
}

function checkedTimeout(timeoutMs = defaultTimeoutMs): number {
  if (timeoutMs >= 1000 && timeoutMs <= 86_400_000) return timeoutMs;
  throw new RcopyError("usage", `a timeout of ${timeoutMs} ms is out of range; --timeout takes 1s to 24h`);
}

function addressesOf(options: SendOptions, dualStack: boolean): string[] {
  if (options.local) return ["127.0.0.1"];
  if (options.bind !== undefined && !/^(0\.0\.0\.0|::)$/.test(options.bind)) return [options.bind];
  return reachableAddresses({ dualStack });
}
