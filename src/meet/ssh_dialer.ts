/**
 * A dialer that has an SSH key and no ticket.
 *  1. probe    the key that the listener claims; nothing is believed
 *  2. judge    by what the user trusts; a person may be asked, with no connection open
 *  3. pin      the connection that counts leads to exactly that key
 *  4. prove    by a signature over the session, with one key after the other until one is accepted
 */
import type { Role } from "../wire/hello.ts";
import { RcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import type { PeerAddress } from "../net/address.ts";
import { type ProbedKey, probeListener } from "./probe.ts";
import type { ClientTransport } from "../net/transport.ts";
import { anchorOf } from "../security/anchor/certificate.ts";
import type { SshIdentity } from "../security/user/identities.ts";
import { addPin, knownPeersPath, peerName } from "../security/user/known_peers.ts";
import { parseSpki, type SshPublicKey } from "../security/ssh/key.ts";
import { signSshsig } from "../security/ssh/signature.ts";
import { judgeReceiverKey, judgeSenderKey, type TrustVerdict } from "../security/user/trust.ts";
import { senderKeyFacts, sharedFacts } from "../security/user/trust_facts.ts";
import { authSignatureBytesMax } from "../wire/limits.ts";
import type { Credential } from "./authenticate.ts";
import { noIdentity, type SshRun } from "./ssh_run.ts";
import { transcriptOf } from "./ssh_transcript.ts";

/** Everything that a dialer needs to reach a listener whose key it trusts. */
export interface SshDialPlan {
  transport: ClientTransport & { kind: "tls" };
  /** One for each key, to be tried in order. */
  credentials: readonly Credential[];
  addresses: readonly PeerAddress[];
  /** To be called once the listener has let us in: pins a key that a person accepted. */
  onAccepted: () => Promise<void>;
}

export interface SshDialPlanOptions {
  addresses: readonly PeerAddress[];
  run: SshRun;
  /** Of this end. */
  role: Role;
  /** Asks a person whether to trust a key; absent if there is no terminal. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  onNote: (message: string) => void;
  signal: AbortSignal;
}

/** @throws {RcopyError} `refused` with reason and remedy, `unreachable`, `permission-flag`; the reason of `signal` */
export async function planDialBySsh(options: SshDialPlanOptions): Promise<SshDialPlan> {
  const { run } = options;
  const identities = run.identities.filter(fitsOnWire);
  if (identities.length === 0) throw noIdentity(run, "a connection without a ticket");
  const probed = await probeListener(options.addresses, options.signal);
  const key = parseSpki(probed.anchorSpki);
  const peer = peerName(probed.address);
  if (probed.isOfOneRun) throw takesTicketOnly(peer);
  const isAskedFor = await requireTrust(key, probed, options);
  const { anchorPem, serverName } = await anchorOf(key.spki);
  return {
    transport: { kind: "tls", anchorPem, serverName },
    credentials: identities.map((identity) => credentialOf(identity, key)),
    addresses: [probed.address],
    onAccepted: async () => {
      if (isAskedFor) await pin(run, { peer, key }, options.onNote);
    },
  };
}

/** @returns whether a person accepted it, so that it is to be pinned. @throws {RcopyError} `refused` */
async function requireTrust(
  key: SshPublicKey,
  probed: ProbedKey,
  options: SshDialPlanOptions,
): Promise<boolean> {
  const { run: { trust }, confirm, onNote } = options;
  const { address } = probed;
  const numeric = /^[\d.]+$|:/.test(address.host) ? address.host : undefined;
  const verdict: TrustVerdict = options.role === "sender"
    ? judgeReceiverKey(await sharedFacts(trust, key, numeric))
    : judgeSenderKey(
      await senderKeyFacts(trust, key, { address: numeric, dialed: address, canAsk: confirm !== undefined }),
    );
  switch (verdict.verdict) {
    case "accept":
      onNote(`the key of ${showText(address.host)} is trusted: ${verdict.reason}`);
      return false;
    case "refuse":
      throw new RcopyError("refused", `${verdict.reason}; ${verdict.remedy}`);
    case "ask":
      if (await confirm!(verdict.reason)) return true;
      throw new RcopyError("refused", `${verdict.reason}; it was not accepted`);
    default:
      return verdict satisfies never;
  }
}

function takesTicketOnly(peer: string): RcopyError {
  return new RcopyError(
    "refused",
    `${
      showText(peer)
    } has no SSH key to show: only its ticket opens it; run the line that it printed, or give it an ` +
      "SSH key (ssh-keygen -t ed25519, ssh-add) and start it again",
  );
}

/** An SSHSIG holds the key and the signature. */
function fitsOnWire({ key }: SshIdentity): boolean {
  return 2 * key.blob.length < authSignatureBytesMax;
}

function credentialOf(identity: SshIdentity, anchor: SshPublicKey): Credential {
  return {
    method: "ssh",
    publicKey: identity.key.blob,
    sign: async (claim) => {
      try {
        return await signSshsig(identity, await transcriptOf(claim, { anchor, ownKey: identity.key }));
      } catch (cause) {
        // An agent that does not answer has refused; the next key may do.
        if (!(cause instanceof RcopyError) || cause.code !== "timeout") throw cause;
        throw new RcopyError("refused", cause.message, { cause });
      }
    },
  };
}

/** Pins the key. If the file cannot be written, a note says so, and the person is asked again the next time. */
async function pin(
  { places }: SshRun,
  accepted: { peer: string; key: SshPublicKey },
  onNote: (message: string) => void,
): Promise<void> {
  const path = knownPeersPath(places);
  if (path === undefined) return onNote("the key is not remembered: there is no home to remember it in");
  try {
    await addPin(path, { ...accepted, uid: places.uid });
    onNote(`the key is remembered in ${showText(path)}`);
  } catch (error) {
    if (!(error instanceof RcopyError)) throw error;
    onNote(error.message);
  }
}
