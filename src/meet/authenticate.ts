/**
 * How a dialer proves itself, before its hello and inside TLS; the listener is who its anchor says. See "Authentication" in
 * `src/wire/PROTOCOL.md`. Sender and receiver play no part here: whoever dialled proves itself to whoever listens.
 */
import { equalInConstantTime } from "../base/constant_time.ts";
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { wireCodeOf } from "../wire/codes.ts";
import { authNonceBytes } from "../wire/limits.ts";
import type { Close } from "../wire/closing.ts";
import type { Hello, Join } from "../wire/hello.ts";
import type { Message } from "../wire/message.ts";
import type { AuthChallenge, AuthProof, AuthStart } from "../wire/proof.ts";
import { encodePreamble } from "../wire/version.ts";
import { readMessage, readPreamble, writeFrames } from "./handshake.ts";

/** What a proof by signature is about. Whoever signs and verifies adds the anchor, which they know already. */
export interface SignedClaim {
  /** Protocol version of the connection. */
  version: number;
  /** What the dialer says of itself in its hello. */
  dialerRole: Hello["role"];
  dialerFeatures: bigint;
  /** Random, from each end. */
  dialerNonce: Uint8Array;
  listenerNonce: Uint8Array;
  /** The dialer's, as OpenSSH encodes it. */
  publicKey: Uint8Array;
}

/** What a dialer proves itself by. Absent on a plain channel. */
export type DialerProof =
  | { method: "ticket"; secret: Uint8Array }
  | { method: "ssh"; publicKey: Uint8Array; sign: (claim: SignedClaim) => Promise<Uint8Array> };

/** What a listener accepts; a method that is absent is refused. Absent as a whole on a plain channel. */
export interface ListenerChecks {
  /** Of the ticket. */
  secret?: Uint8Array;
  /** Throws `refused` for a key that would not be trusted, so that its holder need not sign, and may offer another. */
  admit?: (publicKey: Uint8Array, channel: Channel) => Promise<void>;
  /** Throws `refused` unless the signature holds and its key is trusted. */
  verify?: (claim: SignedClaim, signature: Uint8Array, channel: Channel) => Promise<void>;
}

/** What a listener has read and checked on a connection that was opened to it. */
export type Handshake =
  | {
    of: "control";
    hello: Hello;
    /** Whether this end's preamble has been written, so that its answer goes without. */
    preambleSent: boolean;
    /** Key of the dialer, where it has proved itself by signature. */
    publicKey?: Uint8Array;
  }
  | { of: "data"; join: Join };

/**
 * What a dialer has sent, proved if `checks` are given. A proof that fails is answered with a close.
 * @throws {RcopyError} `refused`, `protocol` (also strangers), `version`, `peer-lost`
 */
export async function readHandshake(channel: Channel, checks?: ListenerChecks): Promise<Handshake> {
  const { connection, version } = await readPreamble(channel);
  if (connection === "data") {
    return { of: "data", join: expectKind(channel, await readMessage(channel), "join") };
  }
  if (!checks) {
    return {
      of: "control",
      hello: expectKind(channel, await readMessage(channel), "hello"),
      preambleSent: false,
    };
  }
  const start = expectKind(channel, await readMessage(channel), "authStart");
  const preambleSent = start.method === "ssh";
  const listenerNonce = crypto.getRandomValues(new Uint8Array(authNonceBytes));
  if (preambleSent) {
    await orRefuse(channel, { preambleSent: false }, () => admit(checks, start, channel));
    await writeFrames(channel, encodePreamble("control"), { kind: "authChallenge", nonce: listenerNonce });
  }
  const proof = expectKind(channel, await readMessage(channel), "authProof");
  const hello = expectKind(channel, await readMessage(channel), "hello");
  const given = { proof, hello, version, listenerNonce, channel };
  await orRefuse(channel, { preambleSent }, () => check(checks, start, given));
  return preambleSent
    ? { of: "control", hello, preambleSent, publicKey: start.publicKey }
    : { of: "control", hello, preambleSent };
}

/** The listener's answer to a hello: its own, or a close with the reason. */
export async function answerHandshake(
  channel: Channel,
  message: Hello | Close,
  { preambleSent }: { preambleSent: boolean },
): Promise<void> {
  await writeFrames(channel, preambleSent ? undefined : encodePreamble("control"), message);
}

/**
 * The dialer's first words on control, up to the listener's answer to its hello.
 * @throws {RcopyError} `protocol`, `version`, `peer-lost`, and what signing throws
 */
export async function initiateHandshake(
  channel: Channel,
  proof: DialerProof | undefined,
  hello: Hello,
): Promise<Hello | Close> {
  if (proof?.method === "ssh") return await handshakeBySignature(channel, proof, hello);
  const secret: Message[] = proof
    ? [
      { kind: "authStart", method: "ticket", nonce: none, publicKey: none },
      { kind: "authProof", secret: proof.secret, signature: none },
    ]
    : [];
  await writeFrames(channel, encodePreamble("control"), ...secret, hello);
  await readControlPreamble(channel);
  return expectAnswer(channel, await readMessage(channel));
}

async function handshakeBySignature(
  channel: Channel,
  proof: DialerProof & { method: "ssh" },
  hello: Hello,
): Promise<Hello | Close> {
  const { publicKey } = proof;
  const dialerNonce = crypto.getRandomValues(new Uint8Array(authNonceBytes));
  await writeFrames(channel, encodePreamble("control"), {
    kind: "authStart",
    method: "ssh",
    nonce: dialerNonce,
    publicKey,
  });
  const version = await readControlPreamble(channel);
  const answer = await readMessage(channel);
  if (answer.kind === "close") return answer;
  const { nonce: listenerNonce } = expectKind(channel, answer, "authChallenge");
  const { role: dialerRole, features: dialerFeatures } = hello;
  const signature = await proof.sign({
    version,
    dialerRole,
    dialerFeatures,
    dialerNonce,
    listenerNonce,
    publicKey,
  });
  await writeFrames(channel, undefined, { kind: "authProof", secret: none, signature }, hello);
  return expectAnswer(channel, await readMessage(channel));
}

const none = new Uint8Array(0);

/** Runs a check; its failure is told to the dialer too. */
async function orRefuse(
  channel: Channel,
  { preambleSent }: { preambleSent: boolean },
  checking: () => Promise<void>,
): Promise<void> {
  try {
    await checking();
  } catch (thrown) {
    const error = asRcopyError(thrown);
    await answerHandshake(channel, { kind: "close", code: wireCodeOf[error.code], text: error.message }, {
      preambleSent,
    });
    throw error;
  }
}

async function admit(checks: ListenerChecks, start: AuthStart, channel: Channel): Promise<void> {
  if (!checks.verify) throw new RcopyError("refused", "this end accepts no SSH key; use its ticket");
  await checks.admit?.(start.publicKey, channel);
}

async function check(
  checks: ListenerChecks,
  start: AuthStart,
  given: { proof: AuthProof; hello: Hello; version: number; listenerNonce: Uint8Array; channel: Channel },
): Promise<void> {
  const { proof, hello, version, listenerNonce, channel } = given;
  if (start.method === "ticket") {
    if (!checks.secret) throw new RcopyError("refused", "this end accepts no ticket; it demands an SSH key");
    if (!equalInConstantTime(checks.secret, proof.secret)) {
      throw new RcopyError(
        "refused",
        "the secret of the ticket is not the one of this run; get a new ticket",
      );
    }
    return;
  }
  if (!checks.verify) throw new RcopyError("refused", "this end accepts no SSH key; use its ticket");
  const { nonce: dialerNonce, publicKey } = start;
  if (proof.signature.length === 0) {
    throw new RcopyError("refused", "a signature was promised and did not come");
  }
  const claim = {
    version,
    dialerRole: hello.role,
    dialerFeatures: hello.features,
    dialerNonce,
    listenerNonce,
    publicKey,
  };
  await checks.verify(claim, proof.signature, channel);
}

/** The protocol version that both speak. */
async function readControlPreamble(channel: Channel): Promise<number> {
  const { connection, version } = await readPreamble(channel);
  if (connection === "control") return version;
  throw new RcopyError("protocol", `${channel.peer} answered with a data connection`);
}

function expectAnswer(channel: Channel, message: Message): Hello | Close {
  return message.kind === "close" ? message : expectKind(channel, message, "hello");
}

type HandshakeMessage = Hello | Join | AuthStart | AuthChallenge | AuthProof;

function expectKind<K extends HandshakeMessage["kind"]>(
  channel: Channel,
  message: Message,
  kind: K,
): Extract<HandshakeMessage, { kind: K }> {
  if (message.kind === kind) return message as Extract<HandshakeMessage, { kind: K }>;
  throw new RcopyError("protocol", `${channel.peer} sent ${message.kind} where ${kind} was due`);
}
