/**
 * How the two ends come together, whichever of them has the files.
 *  openDoor  listener  a port, and what the other end needs to find and pass it
 *  routeTo   dialer    addresses, transport and proof, from a ticket, from SSH keys, or from `--insecure`
 */
import { RcopyError } from "../base/errors.ts";
import { reachableAddresses } from "../net/addresses.ts";
import type { PeerAddress } from "../net/dial.ts";
import { listenForPeers, type PeerListener } from "../net/listen.ts";
import { requireChecks, requireNoOtherRoots, requireTightPin } from "../net/pin_guard.ts";
import { type ListenTransport, plainTransport } from "../net/transport.ts";
import { decodeTicket } from "../security/ticket.ts";
import type { ListenerChecks } from "./authenticate.ts";
import type { Route } from "./dial_session.ts";
import type { TransferEvent } from "./events.ts";
import type { Role } from "./session.ts";
import type { AuthMethod, InviteOptions } from "./invite.ts";
import { LeafRenewal } from "./leaf_renewal.ts";
import type { SshOptions } from "./ssh_run.ts";
import { followTicket, type Invitation } from "./ticket_channel.ts";

/** Where and how to listen. */
export interface DoorOptions {
  port: number;
  bind: string | undefined;
  local: boolean;
  /** Addresses to put first; the port listened on by default. */
  advertise: readonly { host: string; port?: number }[];
  insecure: boolean;
  /** How peers are let in, where the channel is secure. */
  invite: InviteOptions;
  /** Told of the port whenever it has been opened for TLS. */
  onTlsOpened: (port: number) => void;
}

/** An open port. */
export interface Door {
  listener: PeerListener;
  /** What dialers must prove; nothing on a plain channel. */
  checks: ListenerChecks | undefined;
  /** Where further ports of this run are opened. */
  place: { bind: string | undefined; local: boolean; transport: ListenTransport };
  event: TransferEvent & { type: "listening" };
  /** Keeps the certificate from expiring while the port is open. */
  renewal: Disposable;
}

/** @throws {RcopyError} `address-in-use`, `usage`, `permission-flag` */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { bind, local, onTlsOpened } = options;
  const { onNote } = options.invite;
  const invitation = options.insecure ? undefined : await letIn(options.invite);
  const transport: ListenTransport = invitation?.transport ?? plainTransport;
  const listener = listenForPeers({ port: options.port, bind, local, onTlsOpened }, transport);
  const { port, dualStack } = listener;
  const addresses = addressesOf(options, dualStack);
  const advertised = options.advertise.map((one) => ({ host: one.host, port: one.port ?? port }));
  const ticket = invitation?.ticketFor(port, [...advertised, ...addresses.map((host) => ({ host, port }))]);
  for (const note of invitation?.notes ?? []) onNote(note);
  const event = { type: "listening" as const, port, addresses, advertised };
  const place = { bind, local, transport };
  const renewal = new LeafRenewal(invitation?.renew, {
    onNote,
    onRenewed: async (renewed) => {
      await listener.reopen(renewed);
      place.transport = renewed; // Of lanes that are opened from now on.
    },
  });
  return {
    listener,
    checks: invitation?.checks,
    place,
    event: ticket !== undefined ? { ...event, ticket } : invitation ? { ...event, keysOnly: true } : event,
    renewal,
  };
}

/** What SSH keys need is loaded only where they may be used: a receiver with a ticket starts sooner. */
async function letIn(options: InviteOptions): Promise<Invitation> {
  const { invite } = await import("./invite.ts");
  return await invite(options);
}

export interface RouteOptions extends SshOptions {
  /** Tried before those of the ticket. */
  addresses: readonly PeerAddress[];
  ticket: string | undefined;
  insecure: boolean;
  auth: AuthMethod;
  /** Who is dialled. */
  peer: Role;
  /** Asks a person whether to trust a key; absent where nobody can be asked. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  onNote: (message: string) => void;
  signal: AbortSignal;
}

/**
 * The way to the peer; without a ticket, its key is looked at and judged.
 * @throws {RcopyError} `usage` (also for a mistyped ticket), `refused` for a peer that is not trusted, and where Deno would
 * trust others than the peer; `unreachable`, `permission-flag`; the reason of `signal`
 */
export async function routeTo(options: RouteOptions): Promise<Route> {
  requireWay(options);
  const { ticket, insecure, peer, addresses: named } = options;
  if (ticket === undefined) {
    if (named.length === 0) {
      throw new RcopyError(
        "usage",
        `there is no ${peer} to connect to; name the ${peer}'s address with -a HOST:PORT`,
      );
    }
    return insecure ? { addresses: named, transport: plainTransport } : await routeBySsh(options);
  }
  const { transport, proof, addresses: its } = await followTicket(ticket);
  const addresses = [...named, ...its];
  if (addresses.length === 0) {
    throw new RcopyError(
      "usage",
      `the ticket names no address; name the ${peer}'s with -a HOST:PORT`,
    );
  }
  if (transport.kind === "tls") await requireTightPin(transport, options.onNote);
  return { addresses, transport, proof };
}

/** Looks at what was said before anything is done. @throws {RcopyError} `usage`, also for a mistyped ticket */
export function requireWay(
  options: Pick<RouteOptions, "ticket" | "peer" | "addresses"> & { insecure?: boolean; auth?: AuthMethod },
): void {
  const { ticket, insecure = false, auth = "auto", peer, addresses } = options;
  if (ticket !== undefined) decodeTicket(ticket);
  if (ticket !== undefined && insecure) {
    throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
  }
  if (ticket !== undefined && auth === "ssh") {
    throw new RcopyError("usage", "--auth ssh takes no ticket; leave out one of the two");
  }
  if (ticket !== undefined || insecure) return;
  if (auth !== "ticket" && addresses.length > 0) return;
  const [own, other] = peer === "sender" ? ["receive", "send"] : ["send", "receive --listen"];
  throw new RcopyError(
    "usage",
    `${own} needs the ticket that rcopy ${other} printed, or -a HOST:PORT where SSH keys are known at both ends; a ` +
      "channel without authentication and encryption takes --insecure at both ends",
  );
}

async function routeBySsh(options: RouteOptions): Promise<Route> {
  const { addresses, peer, confirm, onNote, signal } = options;
  const role = peer === "sender" ? "receiver" : "sender";
  const [{ prepareSsh }, { dialBySsh }] = await Promise.all([
    import("./ssh_run.ts"),
    import("./ssh_dialer.ts"),
  ]);
  // The look at the peer's key is a connection already.
  requireNoOtherRoots(onNote);
  const run = await prepareSsh({ ...options, role });
  const route = await dialBySsh({ addresses, run, role, confirm, onNote, signal });
  await requireChecks(route.transport, onNote);
  const [proof, ...otherProofs] = route.proofs;
  return { ...route, proof, otherProofs };
}

function addressesOf({ bind, local }: DoorOptions, dualStack: boolean): string[] {
  if (local) return ["127.0.0.1"];
  if (bind !== undefined && !/^(0\.0\.0\.0|::)$/.test(bind)) return [bind];
  return reachableAddresses({ dualStack });
}
