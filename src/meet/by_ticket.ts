/**
 * Channels by ticket, for both ends.
 *  inviteByTicket    listener  makes a key and a secret for this run; gives transport, verifier, and the ticket
 *  planDialByTicket  dialer    reads the ticket; gives transport, credential, and addresses
 */
import type { PeerAddress } from "../net/address.ts";
import type { ClientTransport, ServerTransport } from "../net/transport.ts";
import { anchorOf, certifyLeaf, makeAnchorKey, unlimitedValidity } from "../security/anchor/certificate.ts";
import { decodeTicket, encodeTicket, secretBytes } from "../security/anchor/ticket.ts";
import type { Credential, Verifier } from "./authenticate.ts";

/** Everything that a listener needs for one run. */
export interface Invitation {
  transport: ServerTransport;
  verifier: Verifier;
  /** The ticket, once the port is known; a secret. `undefined` where no ticket opens the channel. */
  ticketFor(port: number, addresses: readonly PeerAddress[]): string | undefined;
  /** Sentences for a person: the key that this end shows, and the peers that are let in. */
  notes?: readonly string[];
  /** A new leaf, where the old one expires; `undefined` if none can be had now. */
  renew?: () => Promise<ServerTransport | undefined>;
}

/** Everything that a dialer learns from a ticket. */
export interface TicketDialPlan {
  transport: ClientTransport;
  credential: Credential;
  /** Of the listener, the best first. */
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
