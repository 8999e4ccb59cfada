/** The ways to a peer: its addresses first, and where none answers the way around. */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { TcpChannel } from "../net/channel.ts";
import { dialListeningPeer, dialPeer, type PeerAddress } from "../net/dial.ts";
import type { DialTransport } from "../net/transport.ts";
import type { DialerProof } from "./authenticate.ts";

/** Whom to dial, how, and with what proof. */
export interface Route {
  addresses: readonly PeerAddress[];
  transport: DialTransport;
  /** What this end proves itself by; nothing on a plain channel. */
  proof?: DialerProof | undefined;
  /** What it proves itself by where that is refused, in order. */
  otherProofs?: readonly DialerProof[] | undefined;
  /** Called once the listener has let this end in. */
  onAccepted?: (() => Promise<void>) | undefined;
  /** The way around, to a peer that listens already and cannot be reached at any of the addresses; asked for once. */
  detour?: Detour | undefined;
}

/** Opens another way to the peer, told why there is none; gives the one address where it begins. */
export type Detour = (why: RcopyError) => Promise<PeerAddress>;

/** How long the addresses have to answer where there is a way around. */
const directMs = 5_000;

/** A connection, and how to make another. */
export interface Reached {
  channel: TcpChannel;
  again: () => Promise<TcpChannel>;
  /** Whether it goes the way around. */
  forwarded: boolean;
}

/** Connects directly, or where that fails the way around. @throws {RcopyError} as {@linkcode dialPeer} and the detour */
export async function reach({ addresses, transport, detour }: Route, signal: AbortSignal): Promise<Reached> {
  const directly = () => dialPeer(addresses, transport, signal);
  if (!detour) return { channel: await directly(), again: directly, forwarded: false };
  const limit = AbortSignal.timeout(directMs);
  try {
    const channel = await dialListeningPeer(addresses, transport, AbortSignal.any([signal, limit]));
    return { channel, again: directly, forwarded: false };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const isLate = thrown === limit.reason;
    const late = `none of its addresses answered within ${directMs / 1000} s`;
    const entrance = await detour(isLate ? new RcopyError("unreachable", late) : asRcopyError(thrown));
    const around = () => dialPeer([entrance], transport, signal);
    return { channel: await around(), again: around, forwarded: true };
  }
}
