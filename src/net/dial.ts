/** Connecting to a peer that listens. */
import { RcopyError } from "../base/errors.ts";
import { showAddress, TcpChannel } from "./channel.ts";

/** Where a peer may be reached. */
export interface PeerAddress {
  /** Host name, IPv4 or IPv6 address (without brackets). */
  host: string;
  port: number;
}

/** How long a dialer waits for one address, and keeps trying while nobody listens there yet. */
const attemptMs = 10_000;
const startUpMs = 3_000;
const retryDelayMs = 100;

/**
 * Connects to the first of the addresses that answers, in their order. An address that refuses is tried again
 * for a short while, so that both ends can be started at the same moment.
 * @throws {RcopyError} `unreachable` naming every address and its reason; `interrupted`; `permission-flag`
 */
export async function dialPeer(addresses: readonly PeerAddress[], signal: AbortSignal): Promise<TcpChannel> {
  const deadline = performance.now() + startUpMs;
  for (let delayMs = retryDelayMs;; delayMs *= 2) {
    const reasons: string[] = [];
    let refused = false;
    for (const address of addresses) {
      if (signal.aborted) throw signal.reason;
      try {
        return await dialOne(address, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof Deno.errors.NotCapable) {
          const where = showAddress(address.host, address.port);
          const message = `cannot connect to ${where}: Deno was not given --allow-net for it`;
          throw new RcopyError("permission-flag", message, { cause: error });
        }
        refused ||= error instanceof Deno.errors.ConnectionRefused;
        reasons.push(`${showAddress(address.host, address.port)}: ${reasonOf(error)}`);
      }
    }
    if (!refused || performance.now() + delayMs > deadline) {
      const message = `cannot reach the peer at ${reasons.join("; ")}; is rcopy send running there, ` +
        "and does a firewall let its port through?";
      throw new RcopyError("unreachable", message);
    }
    await pause(delayMs, signal);
  }
}

/** One attempt at one address, bounded in time. */
export async function dialOne(address: PeerAddress, signal: AbortSignal): Promise<TcpChannel> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]);
  const connection = await Deno.connect({
    hostname: address.host,
    port: address.port,
    signal: limit,
  });
  return new TcpChannel(connection);
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "nothing listens there";
  if (error instanceof DOMException && error.name === "TimeoutError") return "no answer";
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => (signal.removeEventListener("abort", stop), resolve());
    const timer = setTimeout(done, delayMs);
    const stop = () => (clearTimeout(timer), reject(signal.reason));
    signal.addEventListener("abort", stop, { once: true });
  });
}
