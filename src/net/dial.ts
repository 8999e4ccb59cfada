/** Connecting to a peer that listens. */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { mayUseNetwork } from "../base/permission.ts";
import { type PeerAddress, showAddress } from "./address.ts";
import type { Channel } from "./channel.ts";
import { reasonOf, unreachable } from "./reason.ts";
import { TcpChannel } from "./tcp_channel.ts";
import { type ClientTransport, startTls } from "./transport.ts";

/** How long one attempt may take, and how long an address that refuses is tried again. */
const attemptMs = 10_000;
const startUpMs = 3_000;
const retryDelayMs = 100;
/** How long earlier addresses may be silent before the next one is tried too. */
const staggerMs = 250;

export interface DialOptions {
  transport: ClientTransport;
  /** Ends what is under way with its reason. */
  signal: AbortSignal;
}

/**
 * Connects to the peer at the first of the addresses that answers; earlier ones have a head start. With TLS only a peer that
 * holds the anchor counts as an answer. An address that refuses is tried again for a short while, so that both ends
 * can be started at the same moment.
 * @throws {RcopyError} `unreachable` naming every address and its reason; `refused` where another peer answered;
 * `interrupted`; `permission-flag`
 */
export async function dialPeer(
  addresses: readonly PeerAddress[],
  options: DialOptions,
): Promise<Channel> {
  const deadline = performance.now() + startUpMs;
  for (let delayMs = retryDelayMs;; delayMs *= 2) {
    const { channel, failures } = await race(addresses, options);
    if (channel) return channel;
    const isStarting = failures.some(({ error }) => error instanceof Deno.errors.ConnectionRefused);
    if (!isStarting || performance.now() + delayMs > deadline) throw dialError(failures);
    await pause(delayMs, options.signal);
  }
}

/**
 * Connects as {@linkcode dialPeer} does, to a peer that listens already: no address is tried a second time.
 * @throws {RcopyError} as {@linkcode dialPeer}; the reason of `signal`
 */
export async function dialListeningPeer(
  addresses: readonly PeerAddress[],
  options: DialOptions,
): Promise<Channel> {
  const { channel, failures } = await race(addresses, options);
  if (channel) return channel;
  throw dialError(failures);
}

/** One round over all addresses. @throws the reason of `signal` */
async function race(
  addresses: readonly PeerAddress[],
  options: DialOptions,
): Promise<{ channel: Channel | undefined; failures: readonly Failure[] }> {
  const outcome = await new Race(addresses, options).run();
  if (!options.signal.aborted) return outcome;
  outcome.channel?.close();
  throw options.signal.reason;
}

/**
 * One attempt at one address, bounded in time.
 * @throws what `Deno.connect` throws; {@linkcode RcopyError} where TLS failed; the reason of `signal`
 */
export async function dialOne(
  address: PeerAddress,
  { transport, signal }: DialOptions,
): Promise<Channel> {
  if (!mayUseNetwork(address)) throw new Deno.errors.NotCapable(`no --allow-net for ${showAddress(address)}`);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]);
  const connection = await Deno.connect({
    hostname: address.host,
    port: address.port,
    signal: limit,
  });
  if (transport.kind === "plain") return new TcpChannel(connection, address.host);
  const peer = showAddress(address);
  try {
    connection.setNoDelay(true);
  } catch (error) {
    connection.close();
    throw error;
  }
  return new TcpChannel(await startTls(connection, transport, { peer, signal: limit }), address.host);
}

interface Failure {
  address: PeerAddress;
  error: unknown;
}

/** One attempt at each address, begun one after the other; the first that succeeds ends the others. */
class Race {
  readonly #addresses: readonly PeerAddress[];
  readonly #transport: ClientTransport;
  readonly #others = new AbortController();
  readonly #signal: AbortSignal;
  readonly #failures: Failure[] = [];
  readonly #over = Promise.withResolvers<Channel | undefined>();
  #started = 0;
  #running = 0;
  #winner: Channel | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(addresses: readonly PeerAddress[], { transport, signal }: DialOptions) {
    this.#addresses = addresses;
    this.#transport = transport;
    this.#signal = AbortSignal.any([signal, this.#others.signal]);
  }

  /** The connection that won, if any, and why each of the others did not. */
  async run(): Promise<{ channel: Channel | undefined; failures: readonly Failure[] }> {
    this.#startNext();
    const channel = await this.#over.promise;
    clearTimeout(this.#timer);
    return { channel, failures: this.#failures };
  }

  #startNext(): void {
    clearTimeout(this.#timer);
    const address = this.#signal.aborted ? undefined : this.#addresses[this.#started];
    if (!address) {
      if (this.#running === 0) this.#over.resolve(undefined);
      return;
    }
    this.#started++;
    this.#running++;
    if (this.#started < this.#addresses.length) {
      this.#timer = setTimeout(() => this.#startNext(), staggerMs);
    }
    void this.#attempt(address);
  }

  async #attempt(address: PeerAddress): Promise<void> {
    try {
      const channel = await dialOne(address, { transport: this.#transport, signal: this.#signal });
      if (this.#winner) channel.close();
      else {
        this.#winner = channel;
        this.#over.resolve(channel);
        this.#others.abort(new DOMException("another address was faster", "AbortError"));
      }
    } catch (error) {
      this.#failures.push({ address, error });
    }
    this.#running--;
    this.#startNext();
  }
}

/** Why none of the addresses led to the peer. */
function dialError(failures: readonly Failure[]): RcopyError {
  for (const { address, error } of failures) {
    if (!(error instanceof Deno.errors.NotCapable)) continue;
    const where = showAddress(address);
    const message = `cannot connect to ${where}: Deno was not given --allow-net for it`;
    return new RcopyError("permission-flag", message, { cause: error });
  }
  const refusal = failures.find(({ error }) => error instanceof RcopyError)?.error;
  if (refusal) {
    const { code } = asRcopyError(refusal);
    const reasons = failures.map(({ address, error }) =>
      error instanceof RcopyError ? error.message : `${showAddress(address)}: ${reasonOf(error).words}`
    );
    return new RcopyError(code, `cannot connect to the peer: ${reasons.join("; ")}`, { cause: refusal });
  }
  return unreachable(failures);
}
