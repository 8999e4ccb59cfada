/** How a dialer gets to its peer: by ticket, by SSH keys, or plainly. */
import { RcopyError } from "../base/errors.ts";
import type { PeerAddress } from "../net/dial.ts";
import { requireTightPin } from "../net/pin_guard.ts";
import { type DialTransport, plainTransport } from "../net/transport.ts";
import type { DialerProof } from "./authenticate.ts";
import type { AuthMethod } from "./invite.ts";
import { dialBySsh } from "./ssh_dialer.ts";
import { prepareSsh, type SshOptions } from "./ssh_run.ts";
import { followTicket } from "./ticket_channel.ts";

/** What a dialer was told. */
export interface RouteOptions extends SshOptions {
  ticket?: string | undefined;
  insecure?: boolean | undefined;
  auth?: AuthMethod | undefined;
}

/** Whom to dial, how, and with what proof. */
export interface Route {
  addresses: readonly PeerAddress[];
  transport: DialTransport;
  proof?: DialerProof;
  otherProofs?: readonly DialerProof[];
  onAccepted?: () => Promise<void>;
}

/** Finds what is contradictory before anything is done. @throws {RcopyError} `usage` */
export function requireRoute(named: readonly PeerAddress[], options: RouteOptions): void {
  const { ticket, insecure = false, auth = "auto" } = options;
  if (ticket !== undefined && insecure) {
    throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
  }
  if (ticket !== undefined && auth === "ssh") {
    throw new RcopyError("usage", "--auth ssh takes no ticket; leave out one of the two");
  }
  if (ticket !== undefined || insecure && named.length > 0) return;
  if (insecure) {
    throw new RcopyError("usage", "there is no sender to fetch from; name the sender's with -a HOST:PORT");
  }
  if (auth === "ticket" || named.length === 0) {
    throw new RcopyError(
      "usage",
      "receive needs the ticket that rcopy send printed, or the sender's -a HOST:PORT where SSH keys are known at both " +
        "ends; a channel without authentication and encryption takes --insecure at both ends",
    );
  }
}

/**
 * The way to the peer; without a ticket, its key is looked at and judged.
 * @throws {RcopyError} `usage`, `refused`, `unreachable`, `permission-flag`; the reason of `signal`
 */
export async function routeTo(
  named: readonly PeerAddress[],
  options: RouteOptions & {
    role: "sender" | "receiver";
    confirm?: ((question: string) => Promise<boolean>) | undefined;
    onNote: (message: string) => void;
    signal: AbortSignal;
  },
): Promise<Route> {
  const { ticket, insecure, onNote } = options;
  if (insecure) return { addresses: named, transport: plainTransport };
  if (ticket === undefined) return await routeBySsh(named, options);
  const { transport, proof, addresses } = await followTicket(ticket);
  const all = [...named, ...addresses];
  if (all.length === 0) {
    throw new RcopyError("usage", "the ticket names no address; name the sender's with -a HOST:PORT");
  }
  if (transport.kind === "tls") await requireTightPin(transport, onNote);
  return { addresses: all, transport, proof };
}

async function routeBySsh(
  addresses: readonly PeerAddress[],
  options: Parameters<typeof routeTo>[1],
): Promise<Route> {
  const { role, confirm, onNote, signal } = options;
  const run = await prepareSsh(options);
  const route = await dialBySsh({ addresses, run, role, confirm, onNote, signal });
  await requireTightPin(route.transport, onNote);
  const [proof, ...otherProofs] = route.proofs;
  return { ...route, ...proof ? { proof } : {}, otherProofs };
}
