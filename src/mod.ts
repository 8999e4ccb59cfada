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
 * const listening = Promise.withResolvers<number>();
 * const sending = send([source], {
 *   insecure: true,
 *   local: true,
 *   port: 0,
 *   onEvent: (event) => event.type === "listening" && listening.resolve(event.port),
 * });
 * const address = { host: "127.0.0.1", port: await listening.promise };
 * const received = await receive([address], target, { insecure: true });
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
import { listenForPeers } from "./net/listen.ts";
import { plainTransport } from "./net/transport.ts";
import { openDestination } from "./transfer/destination.ts";
import type { EventSink, TransferSummary } from "./transfer/events.ts";
import { fetchTree } from "./transfer/fetch.ts";
import { interruptible } from "./transfer/interrupt.ts";
import { requirePermission } from "./transfer/permission.ts";
import type { ExistsPolicy } from "./transfer/plan.ts";
import { Server } from "./transfer/serve.ts";
import { closeSources, openSources } from "./transfer/source_roots.ts";

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
export type { ExistsPolicy } from "./transfer/plan.ts";

/** Port that a sender listens on unless told otherwise. */
export const defaultPort = 3120;
/** Milliseconds without a byte from the peer after which an end gives up, unless told otherwise. */
export const defaultTimeoutMs = 30_000;
/** Data connections of a session. */
const streams = 1;

/** Options of both ends. */
export interface CommonOptions {
  /**
   * Must be true: this version speaks plain TCP only, without authentication or encryption, and both ends must say that
   * they want that.
   */
  insecure: boolean;
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
}

/** Options of {@linkcode receive}. */
export interface ReceiveOptions extends CommonOptions {
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
export async function send(paths: readonly string[], options: SendOptions): Promise<TransferSummary> {
  requireInsecure(options);
  if (paths.length === 0) throw new RcopyError("usage", "there is nothing to send; name at least one PATH");
  for (const path of paths) requirePermission("read", path, "cannot send");
  const emit = options.onEvent ?? (() => {});
  const timeoutMs = checkedTimeout(options.timeoutMs);
  const { engine, reason } = await chooseEngine(options.io ?? "auto");
  using _engine = engine;
  emit({ type: "engine", engine: engine.kind, reason });
  // Everything that is wrong with the paths is said now, and not when the first receiver comes.
  closeSources(openSources(engine, paths));
  const listener = listenForPeers({
    port: options.port ?? defaultPort,
    bind: options.bind,
    local: options.local,
  }, plainTransport);
  emit({ type: "listening", port: listener.port, addresses: addressesOf(options, listener.dualStack) });
  const { signal, release } = interruptible(options.signal);
  try {
    const { keep = false } = options;
    return await new Server({ engine, listener, paths, keep, streams, timeoutMs, emit, signal }).run();
  } finally {
    release();
  }
}

/**
 * Fetches what a sender serves at the first of `addresses` that answers into the directory `dest`, made if it is missing.
 * @returns how the session ended, once both ends agree on what was copied
 * @throws {RcopyError} with a `code`, and the `exitStatus` that the program would end with
 */
export async function receive(
  addresses: readonly PeerAddress[],
  dest: string,
  options: ReceiveOptions,
): Promise<TransferSummary> {
  requireInsecure(options);
  if (addresses.length === 0) {
    throw new RcopyError("usage", "there is no sender to fetch from; name its HOST:PORT");
  }
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
      addresses,
      transport: plainTransport,
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

function requireInsecure(options: CommonOptions): void {
  if (options.insecure) return;
  throw new RcopyError(
    "usage",
    "this version has no secure channel yet: it speaks plain TCP, without authentication or encryption; " +
      "where that is acceptable, say --insecure at both ends",
  );
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
