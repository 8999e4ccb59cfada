/** An open port, with the transport, the verifier and the ticket that belong to it. */
import { reachableAddresses } from "../net/addresses.ts";
import { listenForPeers, type PeerListener } from "../net/listen.ts";
import { plainTransport, type ServerTransport } from "../net/transport.ts";
import type { Verifier } from "./authenticate.ts";
import type { Invitation } from "./by_ticket.ts";
import type { InviteOptions } from "./invite.ts";
import { LeafRenewal } from "./leaf_renewal.ts";
import type { Listening } from "./listening.ts";

/** Where and how to listen. */
export interface ListenerOptions {
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

/** An open port and everything that a run needs to serve it. */
export interface OpenedListener {
  listener: PeerListener;
  /** Of the peers' proofs; absent on a plain channel. */
  verifier: Verifier | undefined;
  /** Where further ports of this run are opened. */
  place: { bind: string | undefined; local: boolean; transport: ServerTransport };
  listening: Listening;
  /** Keeps the certificate from expiring while the port is open. */
  renewal: Disposable;
}

/** Opens a port for peers. @throws {RcopyError} `address-in-use`, `usage`, `permission-flag` */
export async function openListener(options: ListenerOptions): Promise<OpenedListener> {
  const { bind, local, onTlsOpened } = options;
  const { onNote } = options.invite;
  const invitation = options.insecure ? undefined : await inviteLazily(options.invite);
  const transport: ServerTransport = invitation?.transport ?? plainTransport;
  const listener = listenForPeers({ port: options.port, bind, local, onTlsOpened }, transport);
  const { port, dualStack } = listener;
  const addresses = addressesOf(options, dualStack);
  const advertised = options.advertise.map((one) => ({ host: one.host, port: one.port ?? port }));
  const ticket = invitation?.ticketFor(port, [...advertised, ...addresses.map((host) => ({ host, port }))]);
  for (const note of invitation?.notes ?? []) onNote(note);
  const listening = { port, addresses, advertised };
  const place = { bind, local, transport };
  const renewal = new LeafRenewal(invitation?.renew, {
    onNote,
    onRenewed: async (renewed) => {
      await listener.reopen(renewed);
      place.transport = renewed; // For ports of Workers that are opened from now on.
    },
  });
  return {
    listener,
    verifier: invitation?.verifier,
    place,
    listening: ticket !== undefined
      ? { ...listening, ticket }
      : invitation
      ? { ...listening, keysOnly: true }
      : listening,
    renewal,
  };
}

/** Loads the code for SSH keys only if they may be used: a receiver with a ticket starts sooner. */
async function inviteLazily(options: InviteOptions): Promise<Invitation> {
  const { invite } = await import("./invite.ts");
  return await invite(options);
}

function addressesOf({ bind, local }: ListenerOptions, dualStack: boolean): string[] {
  if (local) return ["127.0.0.1"];
  if (bind !== undefined && !/^(0\.0\.0\.0|::)$/.test(bind)) return [bind];
  return reachableAddresses({ dualStack });
}
