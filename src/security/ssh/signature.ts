/**
 * SSHSIG, the signatures of `ssh-keygen -Y` (PROTOCOL.sshsig): bound to a namespace, so that one made for another purpose
 * proves nothing here. And the transcript that a dialer signs to prove itself.
 */
import type { Role } from "../../wire/hello.ts";
import { sameBytes } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import {
  encodeSshSignature,
  isSameKey,
  parseSshBlob,
  parseSshSignature,
  type SshPublicKey,
  type SshSignature,
  verifySshSignature,
} from "./key.ts";
import { SshReader, SshWriter } from "./wire.ts";

/** What signatures of rcopy are for; those of files, commits and logins have other namespaces. */
export const proofNamespace = "rcopy-auth-v1";

/** A private key that signs, in a key file or in an agent; only its signatures come out. */
export interface SshSigner {
  readonly key: SshPublicKey;
  /** @param options.hash of RSA only: SHA-512 unless told otherwise */
  sign(data: Uint8Array<ArrayBuffer>, options?: { hash?: "SHA-256" | "SHA-512" }): Promise<SshSignature>;
}

const magic = new TextEncoder().encode("SSHSIG");
const version = 1;
/** Of an RSA key of 16,384 bits and its signature, with room to spare. */
export const sshsigBytesMax = 8192;

/** A signature in its binary form, with the public key in it. @throws what the signer throws */
export async function signSshsig(
  signer: SshSigner,
  message: Uint8Array<ArrayBuffer>,
  options: { namespace?: string } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const namespace = options.namespace ?? proofNamespace;
  const signature = await signer.sign(await signedBytes(message, namespace));
  return new SshWriter().raw(magic).u32(version).string(signer.key.blob).string(namespace).string("")
    .string("sha512").string(encodeSshSignature(signature)).bytes();
}

/**
 * Whether `sshsig` is a signature over `message` by exactly `key`, in rcopy's namespace, with SHA-512.
 * `false` for whatever else it is; never throws for what a peer sent.
 */
export async function verifySshsig(
  key: SshPublicKey,
  sshsig: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const opened = openSshsig(sshsig);
    return isSameKey(opened.key, key) &&
      await verifySshSignature(key, opened.signature, await signedBytes(message, proofNamespace)) === true;
  } catch (error) {
    if (error instanceof RcopyError) return false;
    throw error;
  }
}

/**
 * The key and the raw signature in an SSHSIG: nothing is verified yet.
 * @throws {RcopyError} `refused` for damage, another version, another namespace, another hash
 */
export function openSshsig(sshsig: Uint8Array<ArrayBuffer>): { key: SshPublicKey; signature: SshSignature } {
  const reader = new SshReader(sshsig, "SSH signature");
  if (sshsig.length > sshsigBytesMax) throw reader.damaged(`it has ${sshsig.length} bytes`);
  if (!sameBytes(reader.raw(magic.length), magic)) throw reader.damaged("it does not begin with SSHSIG");
  const number = reader.u32();
  if (number !== version) throw reader.damaged(`it has version ${number}`);
  const key = parseSshBlob(reader.string(sshsigBytesMax));
  if (reader.text(256) !== proofNamespace) throw reader.damaged("it was made for another purpose");
  reader.string(256); // reserved: to be ignored, and signed over as empty
  if (reader.text(16) !== "sha512") throw reader.damaged("it was not made with SHA-512");
  const signature = parseSshSignature(reader.string(sshsigBytesMax));
  reader.end();
  return { key, signature };
}

/** What is really signed: the purpose and the hash of the message. */
async function signedBytes(
  message: Uint8Array<ArrayBuffer>,
  namespace: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-512", message));
  return new SshWriter().raw(magic).string(namespace).string("").string("sha512").string(hash).bytes();
}

/** Everything that a proof is bound to; a difference between the two ends in any field makes the proof worthless. */
export interface ProofTranscript {
  /** The prover's side of the transfer; the verifier has the other one. */
  proverRole: Role;
  protocolVersion: number;
  /** Features that the prover offers; the verifier's answer is protected by the channel that the anchor opened. */
  proverFeatures: bigint;
  /** Public key of the anchor that this connection was verified against, as certificates have it. */
  anchorSpki: Uint8Array;
  serverName: string;
  proverNonce: Uint8Array;
  verifierNonce: Uint8Array;
  /** The prover's. */
  ownKey: SshPublicKey;
}

export const nonceBytes = 32;

/**
 * The transcript as the bytes that both ends build: each field with its length before it, in one order.
 * The label names the signer's side, so that nothing a verifier ever signs could pass for it.
 */
export function encodeTranscript(transcript: ProofTranscript): Uint8Array<ArrayBuffer> {
  const { proverNonce, verifierNonce, proverRole } = transcript;
  if (proverNonce.length !== nonceBytes || verifierNonce.length !== nonceBytes) {
    throw new RcopyError("protocol", `a nonce does not have ${nonceBytes} bytes`);
  }
  if (sameBytes(proverNonce, verifierNonce)) {
    throw new RcopyError("protocol", "the peer sent our own nonce back");
  }
  const u32 = (value: number) => new SshWriter().u32(value).bytes();
  const u64 = (value: bigint) => new SshWriter().u64(value).bytes();
  return new SshWriter()
    .string("rcopy proof of the prover")
    .string(proverRole === "sender" ? "prover sends" : "prover receives")
    .string(u32(transcript.protocolVersion))
    .string(u64(transcript.proverFeatures))
    .string(transcript.anchorSpki)
    .string(transcript.serverName)
    .string(proverNonce)
    .string(verifierNonce)
    .string(transcript.ownKey.blob)
    .bytes();
}
