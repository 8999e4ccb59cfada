/** Invitations of a listener: by ticket, by SSH keys, or by either at one port. */
import type { Role } from "../wire/hello.ts";
import type { ServerTransport } from "../net/transport.ts";
import { fitsTicket } from "../security/anchor/ticket.ts";
import { certifyBySsh, type SshLeaf, sshVerifier } from "./ssh_listener.ts";
import {
  describeAllowedPeers,
  describeIdentity,
  noIdentity,
  prepareSsh,
  type SshOptions,
  type SshRun,
} from "./ssh_run.ts";
import { type Invitation, inviteByTicket, ticketInvitation } from "./by_ticket.ts";

/** How two ends prove themselves to each other. */
export type AuthMethod = "auto" | "ticket" | "ssh";

export interface InviteOptions extends SshOptions {
  auth: AuthMethod;
  /** Of the listener. */
  role: Role;
  onNote: (message: string) => void;
}

/**
 * Makes the invitation of one run. With `auto`, an SSH key that fits into a ticket certifies the channel, so that it opens to
 * trusted keys and to the ticket; where there is none, only the ticket opens it, and a note says so.
 * @throws {RcopyError} `refused` where `ssh` is asked for and no key can be used; `usage` for a wrong `allow`
 */
export async function invite(options: InviteOptions): Promise<Invitation> {
  const { auth, onNote } = options;
  if (auth === "ticket") return await inviteByTicket();
  const run = await prepareSsh(options);
  const complaints: string[] = [...run.notes];
  const leaf = await certifyBySsh(run.identities, {
    kinds: auth === "ssh" ? "all" : "ticket",
    now: new Date(),
    onNote: (message) => complaints.push(message),
  });
  if (leaf !== undefined) return await inviteByKey(run, leaf, options);
  if (auth === "ssh") throw noIdentity({ ...run, notes: complaints }, "--auth ssh");
  const isTooLong = run.identities.some(({ key }) => !fitsTicket(key.spki));
  const reasons = isTooLong
    ? [...complaints, "an RSA key is too long for a ticket; --auth ssh can use it"]
    : complaints;
  onNote(
    `only the ticket opens this, no SSH key does: ${
      reasons.length > 0 ? reasons.join("; ") : "there is none in ssh-agent or ~/.ssh"
    }`,
  );
  return await inviteByTicket();
}

async function inviteByKey(run: SshRun, leaf: SshLeaf, options: InviteOptions): Promise<Invitation> {
  const { auth, role, onNote } = options;
  const { identity, transport } = leaf;
  const withTicket = auth === "auto";
  const base = ticketInvitation(identity.key.spki, transport);
  const verifier = {
    ...sshVerifier(run, identity.key, { role, onNote }),
    ...withTicket ? base.verifier : {},
  };
  const peers = await describeAllowedPeers(run, withTicket);
  const invitation = {
    ...base,
    verifier,
    notes: [
      `this end shows the key ${await describeIdentity(identity)}`,
      `open to: ${peers.join("; ")}`,
    ],
    renew: () => renewed(identity, onNote),
  };
  return withTicket ? invitation : { ...invitation, ticketFor: () => undefined };
}

/** A new leaf certified by `identity`; `undefined` if its key will not sign now. */
async function renewed(
  identity: SshLeaf["identity"],
  onNote: (message: string) => void,
): Promise<ServerTransport | undefined> {
  const leaf = await certifyBySsh([identity], { kinds: "all", now: new Date(), onNote });
  return leaf?.transport;
}
