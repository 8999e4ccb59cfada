/** Connecting to a listener as planned: at its addresses first, by a fallback path if none of them answers. */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import type { PeerAddress } from "../net/address.ts";
import { dialListeningPeer, dialPeer } from "../net/dial.ts";
import type { ClientTransport } from "../net/transport.ts";
import type { Credential } from "./authenticate.ts";

/** Everything that a dialer must know before it connects. */
export interface DialPlan {
  /** Of the listener, the best first. */
  addresses: readonly PeerAddress[];
  transport: ClientTransport;
  /** What this end proves itself by; absent on a plain channel. */
  credential?: Credential | undefined;
  /** Credentials to try one after the other once `credential` has been refused. */
  otherCredentials?: readonly Credential[] | undefined;
  /** Called once the listener has let this end in. */
  onAccepted?: (() => Promise<void>) | undefined;
  /** Present only if the listener is known to listen already. */
  fallback?: FallbackPath | undefined;
}

/**
 * Opens another path to the listener, such as a tunnel; called at most once, with the reason why no address answered.
 * @returns the one address at which the path begins
 */
export type FallbackPath = (why: RcopyError) => Promise<PeerAddress>;

/** How long the addresses have to answer if there is a fallback path. */
const directMs = 5_000;

/** A connection, and how to make another to the peer that is known to listen; names are looked up anew. */
export interface Reached {
  channel: Channel;
  again: () => Promise<Channel>;
  /** Whether the connection goes by the fallback path. */
  forwarded: boolean;
}

/**
 * Connects at one of the addresses; by the fallback path if that fails.
 * @throws {RcopyError} as {@linkcode dialPeer}; whatever the fallback path throws
 */
export async function reach(
  { addresses, transport, fallback }: DialPlan,
  signal: AbortSignal,
): Promise<Reached> {
  const again = () => dialListeningPeer(addresses, { transport, signal });
  if (!fallback) {
    return { channel: await dialPeer(addresses, { transport, signal }), again, forwarded: false };
  }
  const limit = AbortSignal.timeout(directMs);
  try {
    const hurried = { transport, signal: AbortSignal.any([signal, limit]) };
    const channel = await dialListeningPeer(addresses, hurried);
    return { channel, again, forwarded: false };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const isLate = thrown === limit.reason;
    const late = `none of its addresses answered within ${directMs / 1000} s`;
    const start = await fallback(isLate ? new RcopyError("unreachable", late) : asRcopyError(thrown));
    const byFallback = () => dialPeer([start], { transport, signal });
    return { channel: await byFallback(), again: byFallback, forwarded: true };
  }
}
