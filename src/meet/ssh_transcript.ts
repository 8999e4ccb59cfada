/** The bytes that a prover with an SSH key signs, and that its verifier checks. */
import { anchorOf } from "../security/anchor/certificate.ts";
import type { SshPublicKey } from "../security/ssh/key.ts";
import { encodeTranscript } from "../security/ssh/signature.ts";
import type { SignedClaim } from "./authenticate.ts";

/**
 * Encodes a claim, bound to the anchor of the TLS server and to the prover's key.
 * @throws {RcopyError} `protocol` for nonces that no end may send
 */
export async function transcriptOf(
  claim: SignedClaim,
  { anchor, ownKey }: { anchor: { spki: Uint8Array<ArrayBuffer> }; ownKey: SshPublicKey },
): Promise<Uint8Array<ArrayBuffer>> {
  const { serverName } = await anchorOf(anchor.spki);
  return encodeTranscript({
    proverRole: claim.proverRole,
    protocolVersion: claim.version,
    proverFeatures: claim.proverFeatures,
    anchorSpki: anchor.spki,
    serverName,
    proverNonce: claim.proverNonce,
    verifierNonce: claim.verifierNonce,
    ownKey,
  });
}
