/** Listeners with SSH keys: a key of the user certifies the TLS leaf, and peers prove themselves by keys that are trusted. */
import type { Role } from "../wire/hello.ts";
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import type { ServerTransport } from "../net/transport.ts";
import { certifyLeaf, limitedValidity } from "../security/anchor/certificate.ts";
import { certifierOf, type SshIdentity } from "../security/user/identities.ts";
import { parseSshBlob, type SshPublicKey } from "../security/ssh/key.ts";
import { verifySshsig } from "../security/ssh/signature.ts";
import { judgeReceiverKey, judgeSenderKey, type TrustVerdict } from "../security/user/trust.ts";
import { senderKeyFacts, sharedFacts } from "../security/user/trust_facts.ts";
import type { Verifier } from "./authenticate.ts";
import type { SshRun } from "./ssh_run.ts";
import { transcriptOf } from "./ssh_transcript.ts";

/** A leaf under a key of the user. */
export interface SshLeaf {
  identity: SshIdentity;
  transport: ServerTransport & { kind: "tls" };
}

/** Remedies that one run prints at most: any peer that can connect can cause one more. */
const remediesMax = 8;

/**
 * A leaf certified by the first identity that will sign; `onNote` hears of those that do not. After one that does not
 * answer in time no other of the agent is tried.
 * @param options.kinds which keys will do: all, or those that fit into a ticket
 */
export async function certifyBySsh(
  identities: readonly SshIdentity[],
  options: { kinds: "all" | "ticket"; now: Date; onNote: (message: string) => void },
): Promise<SshLeaf | undefined> {
  let isAgentSilent = false;
  for (const identity of identities) {
    const isOfAgent = identity.origin === "ssh-agent";
    if (options.kinds === "ticket" && identity.key.kind === "rsa" || isOfAgent && isAgentSilent) continue;
    try {
      const leaf = await certifyLeaf(certifierOf(identity), limitedValidity(options.now));
      return { identity, transport: { kind: "tls", chainPem: leaf.chainPem, keyPem: leaf.keyPem } };
    } catch (thrown) {
      const error = asRcopyError(thrown);
      if (error.code === "internal") throw error;
      if (error.code === "timeout") isAgentSilent ||= isOfAgent;
      options.onNote(error.message);
    }
  }
  return undefined;
}

/** Verifies provers by their SSH keys, for the TLS server whose anchor is `anchor`. */
export function sshVerifier(
  run: SshRun,
  anchor: SshPublicKey,
  options: { role: Role; onNote: (message: string) => void },
): Pick<Required<Verifier>, "admit" | "verify"> {
  const judge = new ProverJudge(run, options);
  return {
    admit: async (publicKey, channel) => {
      await judge.requireTrust(readKey(publicKey), channel);
    },
    verify: async (claim, signature, channel) => {
      const key = readKey(claim.publicKey);
      const holds = await verifySshsig(
        key,
        Uint8Array.from(signature),
        await transcriptOf(claim, { anchor, ownKey: key }),
      );
      if (holds !== true) {
        throw new RcopyError(
          "refused",
          "the signature does not hold: it is not of that key, or of another session",
        );
      }
      // Asked again: what holds is a proof now, and files may have changed since.
      await judge.requireTrust(key, channel);
      if (options.role === claim.proverRole) {
        throw new RcopyError("refused", `both ends want to be the ${options.role}`);
      }
    },
  };
}

/** @throws {RcopyError} `refused` */
function readKey(publicKey: Uint8Array): SshPublicKey {
  return parseSshBlob(Uint8Array.from(publicKey));
}

/** Judges keys of provers. A remedy for a refused key is shown at this end, never to the prover. */
class ProverJudge {
  readonly #run: SshRun;
  readonly #role: Role;
  readonly #onNote: (message: string) => void;
  readonly #told = new Set<string>();

  constructor(run: SshRun, options: { role: Role; onNote: (message: string) => void }) {
    this.#run = run;
    this.#role = options.role;
    this.#onNote = options.onNote;
  }

  /** @throws {RcopyError} `refused`, in words for the prover */
  async requireTrust(key: SshPublicKey, channel: Channel): Promise<void> {
    const { source: address } = channel;
    const { trust } = this.#run;
    const facts = await senderKeyFacts(trust, key, { address, dialed: undefined, canAsk: false });
    const verdict: TrustVerdict = this.#role === "sender"
      ? judgeReceiverKey(await sharedFacts(trust, key, address))
      : judgeSenderKey(facts);
    if (verdict.verdict === "accept") return;
    if (verdict.verdict === "refuse" && !this.#told.has(facts.fingerprint) && this.#told.size < remediesMax) {
      this.#told.add(facts.fingerprint);
      this.#onNote(`refused ${address}: ${verdict.reason}. To let it in, ${verdict.remedy}`);
    }
    throw new RcopyError("refused", `your key ${facts.fingerprint} is not trusted here`);
  }
}
