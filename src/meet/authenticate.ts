/**
 * The handshake on a control connection, with the proof that comes before the hello inside TLS. See "Authentication" in
 * `src/wire/PROTOCOL.md`. The roles here:
 *  opener    opened the TCP connection and writes the first bytes; it is the prover, which proves itself by a credential
 *  acceptor  accepted the connection and answers; it is the verifier, and its own proof is the TLS certificate
 * Sender and receiver play no part.
 */
import { equalInConstantTime } from "../base/constant_time.ts";
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { closeOf, errorOfClose } from "./farewell.ts";
import { authNonceBytes } from "../wire/limits.ts";
import type { Close } from "../wire/closing.ts";
import type { Hello, Join, Joined } from "../wire/hello.ts";
import type { Message } from "../wire/message.ts";
import type { AuthChallenge, AuthProof, AuthStart } from "../wire/proof.ts";
import { encodePreamble, negotiate } from "../wire/version.ts";
import { readMessage, readPreamble, writeFrames } from "./handshake.ts";

/** Fields that a prover signs. The anchor is signed too; both ends know it already. */
export interface SignedClaim {
  /** Protocol version of the connection. */
  version: number;
  /** As in the prover's hello. */
  proverRole: Hello["role"];
  proverFeatures: bigint;
  /** Random, from each end. */
  proverNonce: Uint8Array;
  verifierNonce: Uint8Array;
  /** Of the prover, as OpenSSH encodes it. */
  publicKey: Uint8Array;
}

/** Means by which a prover proves itself. Absent on a plain channel. */
export type Credential =
  | { method: "ticket"; secret: Uint8Array }
  | { method: "ssh"; publicKey: Uint8Array; sign: (claim: SignedClaim) => Promise<Uint8Array> };

/** Proofs that a verifier accepts; a method that is absent is refused. The verifier is absent on a plain channel. */
export interface Verifier {
  /** Of the ticket. */
  secret?: Uint8Array;
  /** Throws `refused` for a key that would not be trusted, so that its holder need not sign, and may offer another. */
  admit?: (publicKey: Uint8Array, channel: Channel) => Promise<void>;
  /** Throws `refused` unless the signature holds and its key is trusted. */
  verify?: (claim: SignedClaim, signature: Uint8Array, channel: Channel) => Promise<void>;
}

/** An opener's handshake, read and verified by the acceptor, which has still to answer it. */
export type Handshake =
  | {
    of: "control";
    hello: Hello;
    /** Whether this end's preamble has been written, so that its answer goes without. */
    preambleSent: boolean;
    /** Key of the prover, if it has proved itself by signature. */
    publicKey?: Uint8Array;
  }
  | { of: "data"; join: Join };

/**
 * Reads an opener's part of a handshake, and verifies its proof if there is a `verifier`. A failure behind a sound preamble is
 * answered with a close that says why.
 * @throws {RcopyError} `refused`, `protocol` (also strangers), `version`, `peer-lost`
 */
export async function readHandshake(channel: Channel, verifier?: Verifier): Promise<Handshake> {
  const { connection, low, high } = await readPreamble(channel);
  const progress = { preambleSent: false };
  try {
    const version = negotiate(low, high);
    return connection === "control"
      ? await readControlHandshake(channel, { version, verifier, progress })
      : { of: "data", join: expectKind(channel, await readMessage(channel), "join") };
  } catch (thrown) {
    const error = asRcopyError(thrown);
    const preamble = progress.preambleSent ? undefined : encodePreamble(connection);
    // A peer that is gone cannot be told.
    if (error.code !== "peer-lost") await writeFrames(channel, preamble, closeOf(error)).catch(() => {});
    throw error;
  }
}

async function readControlHandshake(
  channel: Channel,
  { version, verifier, progress }: {
    version: number;
    verifier: Verifier | undefined;
    /** Told when this end's preamble has been written. */
    progress: { preambleSent: boolean };
  },
): Promise<Handshake> {
  if (!verifier) {
    const hello = expectHello(channel, await readMessage(channel));
    return { of: "control", hello, preambleSent: false };
  }
  const start = expectKind(channel, await readMessage(channel), "authStart");
  const isBySignature = start.method === "ssh";
  const verifierNonce = crypto.getRandomValues(new Uint8Array(authNonceBytes));
  if (isBySignature) {
    await admit(verifier, start, channel);
    await writeFrames(channel, encodePreamble("control"), { kind: "authChallenge", nonce: verifierNonce });
    progress.preambleSent = true;
  }
  const proof = expectKind(channel, await readMessage(channel), "authProof");
  const hello = expectHello(channel, await readMessage(channel));
  await check(verifier, start, { proof, hello, version, verifierNonce, channel });
  const handshake = { of: "control", hello, preambleSent: isBySignature } as const;
  return isBySignature ? { ...handshake, publicKey: start.publicKey } : handshake;
}

/** Writes the acceptor's answer to a join: that it is accepted, or a close with the reason. */
export async function answerJoin(channel: Channel, message: Joined | Close): Promise<void> {
  await writeFrames(channel, encodePreamble("data"), message);
}

/** Writes the acceptor's answer to a hello: its own hello, or a close with the reason. */
export async function answerHandshake(
  channel: Channel,
  message: Hello | Close,
  { preambleSent }: { preambleSent: boolean },
): Promise<void> {
  await writeFrames(channel, preambleSent ? undefined : encodePreamble("control"), message);
}

/** An opener's part of a handshake on control. */
export interface OpeningHandshake {
  /** Absent on a plain channel. */
  credential: Credential | undefined;
  hello: Hello;
  /** Called once the acceptor has answered with a sound preamble: from then on it can be told of a failure. */
  onPreamble: () => void;
}

/**
 * Performs the opener's part of the handshake on control, up to the acceptor's answer to its hello.
 * @throws {RcopyError} `protocol`, `version`, `peer-lost`, and what signing throws
 */
export async function openHandshake(channel: Channel, opening: OpeningHandshake): Promise<Hello | Close> {
  const { credential, hello } = opening;
  if (credential?.method === "ssh") return await openBySignature(channel, { ...opening, credential });
  const secret: Message[] = credential
    ? [
      { kind: "authStart", method: "ticket", nonce: none, publicKey: none },
      { kind: "authProof", secret: credential.secret, signature: none },
    ]
    : [];
  await writeFrames(channel, encodePreamble("control"), ...secret, hello);
  await readControlPreamble(channel, opening);
  return expectAnswer(channel, await readMessage(channel));
}

async function openBySignature(
  channel: Channel,
  opening: OpeningHandshake & { credential: Credential & { method: "ssh" } },
): Promise<Hello | Close> {
  const { credential, hello } = opening;
  const { publicKey } = credential;
  const proverNonce = crypto.getRandomValues(new Uint8Array(authNonceBytes));
  await writeFrames(channel, encodePreamble("control"), {
    kind: "authStart",
    method: "ssh",
    nonce: proverNonce,
    publicKey,
  });
  const version = await readControlPreamble(channel, opening);
  const answer = await readMessage(channel);
  if (answer.kind === "close") return answer;
  const { nonce: verifierNonce } = expectKind(channel, answer, "authChallenge");
  const { role: proverRole, features: proverFeatures } = hello;
  const signature = await credential.sign({
    version,
    proverRole,
    proverFeatures,
    proverNonce,
    verifierNonce,
    publicKey,
  });
  await writeFrames(channel, undefined, { kind: "authProof", secret: none, signature }, hello);
  return expectAnswer(channel, await readMessage(channel));
}

const none = new Uint8Array(0);

async function admit(verifier: Verifier, start: AuthStart, channel: Channel): Promise<void> {
  if (!verifier.verify) throw new RcopyError("refused", "this end accepts no SSH key; use its ticket");
  await verifier.admit?.(start.publicKey, channel);
}

async function check(
  verifier: Verifier,
  start: AuthStart,
  given: { proof: AuthProof; hello: Hello; version: number; verifierNonce: Uint8Array; channel: Channel },
): Promise<void> {
  const { proof, hello, version, verifierNonce, channel } = given;
  if (start.method === "ticket") {
    if (!verifier.secret) {
      throw new RcopyError("refused", "this end accepts no ticket; it demands an SSH key");
    }
    if (!equalInConstantTime(verifier.secret, proof.secret)) {
      throw new RcopyError(
        "refused",
        "the secret of the ticket is not the one of this run; get a new ticket",
      );
    }
    return;
  }
  if (!verifier.verify) throw new RcopyError("refused", "this end accepts no SSH key; use its ticket");
  const { nonce: proverNonce, publicKey } = start;
  if (proof.signature.length === 0) {
    throw new RcopyError("refused", "a signature was promised and did not come");
  }
  const claim = {
    version,
    proverRole: hello.role,
    proverFeatures: hello.features,
    proverNonce,
    verifierNonce,
    publicKey,
  };
  await verifier.verify(claim, proof.signature, channel);
}

/** Reads the acceptor's preamble; gives the protocol version that both ends speak. */
async function readControlPreamble(
  channel: Channel,
  { onPreamble }: Pick<OpeningHandshake, "onPreamble">,
): Promise<number> {
  const { connection, low, high } = await readPreamble(channel).catch((thrown) => {
    const { code, message } = asRcopyError(thrown);
    if (code !== "protocol") throw thrown;
    const what = `${channel.peer} does not answer as rcopy does (${message}); check address and port`;
    throw new RcopyError(code, what, { cause: thrown });
  });
  onPreamble();
  if (connection === "control") return negotiate(low, high);
  throw new RcopyError("protocol", `${channel.peer} answered with a data connection`);
}

function expectAnswer(channel: Channel, message: Message): Hello | Close {
  return message.kind === "close" ? message : expectKind(channel, message, "hello");
}

/** The hello of an opener, which requests data connections. @throws {RcopyError} `protocol` for what only an offerer says */
function expectHello(channel: Channel, message: Message): Hello {
  const hello = expectKind(channel, message, "hello");
  if (hello.session.length === 0 && hello.laneTokens.length === 0 && !hello.returned) return hello;
  throw new RcopyError(
    "protocol",
    `${channel.peer} names a session, offers data connections, or calls a peer returned, which only the end that it connected to does`,
  );
}

type HandshakeMessage = Hello | Join | AuthStart | AuthChallenge | AuthProof;

function expectKind<K extends HandshakeMessage["kind"]>(
  channel: Channel,
  message: Message,
  kind: K,
): Extract<HandshakeMessage, { kind: K }> {
  if (message.kind === kind) return message as Extract<HandshakeMessage, { kind: K }>;
  if (message.kind === "close") throw errorOfClose(message);
  throw new RcopyError("protocol", `${channel.peer} sent ${message.kind} where ${kind} was due`);
}
