/** Proofs of a dialer: which are accepted, and what becomes of those that are not. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { answer, hello, meet } from "../../tests/helpers/handshake.ts";
import { memoryChannels } from "../../tests/helpers/memory_channel.ts";
import { RcopyError } from "../base/errors.ts";
import { wireCodeOf } from "../wire/codes.ts";
import type { Close } from "../wire/closing.ts";
import { encodePreamble } from "../wire/version.ts";
import { type Credential, readHandshake, type SignedClaim, type Verifier } from "./authenticate.ts";
import { writeFrames } from "./handshake.ts";

const secret = () => crypto.getRandomValues(new Uint8Array(16));

async function assertRefused(
  credential: Credential | undefined,
  verifier: Verifier | undefined,
  code: "refused" | "protocol",
): Promise<void> {
  const { answered, error } = await meet(credential, verifier);
  assertEquals(error?.code, code, error?.message);
  if (code !== "refused") return;
  assertEquals(answered?.kind, "close");
  assertEquals((answered as Close).code, wireCodeOf.refused);
}

/** A key pair whose signatures cover everything of the claim. */
async function signer(): Promise<{ credential: Credential & { method: "ssh" }; verifier: Verifier }> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const bytesOf = (claim: SignedClaim) =>
    Uint8Array.from([...claim.proverNonce, ...claim.verifierNonce, ...claim.publicKey]);
  const credential = {
    method: "ssh" as const,
    publicKey,
    sign: async (claim: SignedClaim) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, bytesOf(claim))),
  };
  const verify = async (claim: SignedClaim, signature: Uint8Array) => {
    const holds = await crypto.subtle.verify(
      "Ed25519",
      pair.publicKey,
      Uint8Array.from(signature),
      bytesOf(claim),
    );
    if (!holds) throw new RcopyError("refused", "the signature does not hold");
  };
  return { credential, verifier: { verify } };
}

Deno.test("the right secret is accepted, and the hello is handed on", async () => {
  const it = secret();
  const { answered, handshake } = await meet({ method: "ticket", secret: it }, { secret: it.slice() });
  assertEquals(answered, answer);
  assertEquals(handshake, { of: "control", hello, preambleSent: false });
});

Deno.test("a signature over both nonces is accepted, and its key is handed on", async () => {
  const { credential, verifier } = await signer();
  const { answered, handshake } = await meet(credential, verifier);
  assertEquals(answered, answer);
  assertEquals(handshake, { of: "control", hello, preambleSent: true, publicKey: credential.publicKey });
});

Deno.test("without TLS there is no proof, and one that comes all the same is a violation", async () => {
  const { answered, handshake } = await meet(undefined, undefined);
  assertEquals(answered, answer);
  assertEquals(handshake, { of: "control", hello, preambleSent: false });
  await assertRefused({ method: "ticket", secret: secret() }, undefined, "protocol");
});

Deno.test("every wrong secret is refused, one that differs in a single bit too", async () => {
  const it = secret();
  for (let bit = 0; bit < 128; bit += 5) {
    const wrong = it.slice();
    wrong[bit >> 3]! ^= 1 << (bit & 7);
    await assertRefused({ method: "ticket", secret: wrong }, { secret: it }, "refused");
  }
});

Deno.test("a method that this end does not accept is refused, the other one does not stand in for it", async () => {
  const { credential, verifier } = await signer();
  await assertRefused(credential, { secret: secret() }, "refused");
  await assertRefused({ method: "ticket", secret: secret() }, verifier, "refused");
  await assertRefused(
    { ...credential, sign: () => Promise.resolve(new Uint8Array(0)) },
    verifier,
    "protocol",
  );
});

Deno.test("a key that would not be trusted is refused before it signs", async () => {
  const { credential, verifier } = await signer();
  let signatures = 0;
  const counting: Credential = { ...credential, sign: (claim) => (signatures++, credential.sign(claim)) };
  const admit = (publicKey: Uint8Array) => {
    assertEquals(publicKey, credential.publicKey);
    return Promise.reject(new RcopyError("refused", "not that one"));
  };
  await assertRefused(counting, { ...verifier, admit }, "refused");
  await assertRefused(counting, { secret: secret() }, "refused");
  assertEquals(signatures, 0);
  assert((await meet(counting, { ...verifier, admit: () => Promise.resolve() })).handshake);
  assertEquals(signatures, 1);
});

Deno.test("both ends sign and verify one claim: version, role and features of the dialer among it", async () => {
  const { credential } = await signer();
  const claims: SignedClaim[] = [];
  const sign = (claim: SignedClaim) => (claims.push(claim), Promise.resolve(new Uint8Array(64)));
  const verify = (claim: SignedClaim) => (claims.push(claim), Promise.resolve());
  await meet({ ...credential, sign }, { verify });
  assertEquals(claims[1], claims[0]);
  const { version, proverRole, proverFeatures, publicKey } = claims[0]!;
  assertEquals({ version, proverRole, proverFeatures, publicKey }, {
    version: 1,
    proverRole: "receiver",
    proverFeatures: 0n,
    publicKey: credential.publicKey,
  });
});

Deno.test("a signature of another session, of another key or of nothing is refused", async () => {
  const { credential, verifier } = await signer();
  const other = await signer();
  let replayed: Uint8Array | undefined;
  await meet({ ...credential, sign: async (claim) => replayed = await credential.sign(claim) }, verifier);
  await assertRefused({ ...credential, sign: () => Promise.resolve(replayed!) }, verifier, "refused");
  await assertRefused({ ...credential, sign: other.credential.sign }, verifier, "refused");
  await assertRefused(
    { ...credential, sign: () => Promise.resolve(new Uint8Array(64)) },
    verifier,
    "refused",
  );
});

Deno.test("a hello without a proof is no handshake inside TLS", async () => {
  await assertRefused(undefined, { secret: secret() }, "protocol");
});

Deno.test("an end that is refused by the other hears the reason, and no secret in it", async () => {
  const [mine, wrong] = [secret(), secret()];
  const { answered, error } = await meet({ method: "ticket", secret: wrong }, { secret: mine });
  assert(error && answered);
  const said = Deno.inspect([error, answered], { depth: 10 });
  for (const it of [mine, wrong]) {
    for (const form of [it.toHex(), it.toBase64(), it.join(", "), it.join(",")]) assert(!said.includes(form));
  }
});

Deno.test("a peer that hangs up in the middle of a handshake is lost", async () => {
  const [dialer, listener] = memoryChannels();
  const reading = readHandshake(listener, { secret: secret() });
  dialer.close();
  assertEquals((await assertRejects(() => reading, RcopyError)).code, "peer-lost");
  listener.close();
});

Deno.test("a prover that gives up and says why is not called a violator", async () => {
  const [peer, channel] = memoryChannels();
  const reading = readHandshake(channel, { secret: secret() });
  await writeFrames(peer, encodePreamble("control"), {
    kind: "authStart",
    method: "ticket",
    nonce: new Uint8Array(0),
    publicKey: new Uint8Array(0),
  }, { kind: "close", code: wireCodeOf.refused, text: "the agent is silent" });
  const error = await assertRejects(() => reading, RcopyError);
  assertEquals(error.code, "refused");
  assertMatch(error.message, /the peer ended the session: peer says: the agent is silent/);
  peer.close();
  channel.close();
});
