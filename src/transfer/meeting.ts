/**
 * How the two ends come together, whichever of them has the files.
 *  openDoor  listener  a port, and what the other end needs to find and pass it
 *  routeTo   dialer    addresses, transport and proof, from a ticket or from `--insecure`
 */
import { RcopyError } from "../base/errors.ts";
import { reachableAddresses } from "../net/addresses.ts";
import type { PeerAddress } from "../net/dial.ts";
import { listenForPeers, type PeerListener } from "../net/listen.ts";
import { requireTightPin } from "../net/pin_guard.ts";
import { type ListenTransport, plainTransport } from "../net/transport.ts";
import type { ListenerChecks } from "./authenticate.ts";
import type { Route } from "./dial_session.ts";
import type { TransferEvent } from "./events.ts";
import type { Role } from "./session.ts";
import { followTicket, inviteByTicket } from "./ticket_channel.ts";

/** Where and how to listen. */
export interface DoorOptions {
  port: number;
  bind: string | undefined;
  local: boolean;
  /** Addresses to put first; the port listened on by default. */
  advertise: readonly { host: string; port?: number }[];
  insecure: boolean;
}

/** An open port. */
export interface Door {
  listener: PeerListener;
  /** What dialers must prove; nothing on a plain channel. */
  checks: ListenerChecks | undefined;
  /** Where further ports of this run are opened. */
  place: { bind: string | undefined; local: boolean; transport: ListenTransport };
  event: TransferEvent & { type: "listening" };
}

/** @throws {RcopyError} `address-in-use`, `usage`, `permission-flag` */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { bind, local } = options;
  const invitation = options.insecure ? undefined : await inviteByTicket();
  const transport = invitation?.transport ?? plainTransport;
  const listener = listenForPeers({ port: options.port, bind, local }, transport);
  const { port, dualStack } = listener;
  const addresses = addressesOf(options, dualStack);
  const advertised = options.advertise.map((one) => ({ host: one.host, port: one.port ?? port }));
  const ticket = invitation?.ticketFor(port, [...advertised, ...addresses.map((host) => ({ host, port }))]);
  const event = { type: "listening" as const, port, addresses, advertised };
  return {
    listener,
    checks: invitation?.checks,
    place: { bind, local, transport },
    event: ticket === undefined ? event : { ...event, ticket },
  };
}

export interface RouteOptions {
  /** Tried before those of the ticket. */
  addresses: readonly PeerAddress[];
  ticket: string | undefined;
  insecure: boolean;
  /** Who is dialled. */
  peer: Role;
  onNote: (message: string) => void;
}

/** @throws {RcopyError} `usage` (also for a mistyped ticket), `refused` where Deno would trust others than the peer */
export async function routeTo(options: RouteOptions): Promise<Route> {
  const { ticket, insecure, peer, addresses: named } = options;
  const [own, other] = peer === "sender" ? ["receive", "send"] : ["send", "receive --listen"];
  if (ticket !== undefined && insecure) {
    throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
  }
  if (ticket === undefined && !insecure) {
    throw new RcopyError(
      "usage",
      `${own} needs the ticket that rcopy ${other} printed; a channel without authentication and encryption takes ` +
        "--insecure at both ends",
    );
  }
  const followed = ticket === undefined ? undefined : await followTicket(ticket);
  const addresses = [...named, ...followed?.addresses ?? []];
  if (addresses.length === 0) {
    const where = followed ? "the ticket names no address" : `there is no ${peer} to connect to`;
    throw new RcopyError("usage", `${where}; name the ${peer}'s with -a HOST:PORT`);
  }
  if (!followed) return { addresses, transport: plainTransport };
  const { transport, proof } = followed;
  if (transport.kind === "tls") await requireTightPin(transport, options.onNote);
  return { addresses, transport, proof };
}

function addressesOf({ bind, local }: DoorOptions, dualStack: boolean): string[] {
  if (local) return ["127.0.0.1"];
  if (bind !== undefined && !/^(0\.0\.0\.0|::)$/.test(bind)) return [bind];
  return reachableAddresses({ dualStack });
}
