/**
 * A channel opened by a ticket, from both sides.
 *  invite   listener  key and secret of this run → what to listen with, what to demand, the ticket
 *  follow   dialer    the ticket → what to dial with, what to prove oneself by
 */
import type { PeerAddress } from "../net/address.ts";
import type { ClientTransport, ServerTransport } from "../net/transport.ts";
import { anchorOf, certifyLeaf, makeAnchorKey, unlimitedValidity } from "../security/anchor/certificate.ts";
import { decodeTicket, encodeTicket, secretBytes } from "../security/anchor/ticket.ts";
import type { Credential, Verifier } from "./authenticate.ts";

/** What a listener needs for one run. */
export interface Invitation {
  transport: ServerTransport;
  verifier: Verifier;
  /** The ticket, once the port is known; a secret. `undefined` where no ticket opens the channel. */
  ticketFor(port: number, addresses: readonly PeerAddress[]): string | undefined;
  /** Who may come in, and what they can know this end by. */
  notes?: readonly string[];
  /** A new leaf, where the old one expires; `undefined` if none can be had now. */
  renew?: () => Promise<ServerTransport | undefined>;
}

/** What a dialer needs for one peer. */
export interface TicketDialPlan {
  transport: ClientTransport;
  credential: Credential;
  /** Where the ticket says that the listener may be reached. */
  addresses: readonly PeerAddress[];
}

/** Makes a key and a secret for this run, both kept in memory only. */
export async function inviteByTicket(): Promise<Invitation> {
  const anchor = await makeAnchorKey();
  const { chainPem, keyPem } = await certifyLeaf(anchor, unlimitedValidity);
  return ticketInvitation(anchor.spki, { kind: "tls", chainPem, keyPem });
}

/** A new secret that opens a channel whose anchor is there already. */
export function ticketInvitation(anchor: Uint8Array<ArrayBuffer>, transport: ServerTransport): Invitation {
  const secret = crypto.getRandomValues(new Uint8Array(secretBytes));
  return {
    transport,
    verifier: { secret },
    ticketFor: (port, addresses) => encodeTicket({ anchor, secret, port, addresses }),
  };
}

/** Reads a ticket. @throws {RcopyError} `usage` where it is mistyped */
export async function planDialByTicket(ticket: string): Promise<TicketDialPlan> {
  const { anchor, secret, addresses } = decodeTicket(ticket);
  const { anchorPem, serverName } = await anchorOf(anchor);
  return {
    transport: { kind: "tls", anchorPem, serverName },
    credential: { method: "ticket", secret },
    addresses,
  };
}
