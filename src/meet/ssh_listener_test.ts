/** Proofs by SSH keys over memory: what a listener takes, and what of another session it does not. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { hello, meet } from "../../tests/helpers/handshake.ts";
import { makeIdentity } from "../../tests/helpers/ssh_identity.ts";
import { RcopyError } from "../base/errors.ts";
import type { SshIdentity } from "../security/user/identities.ts";
import type { SshPublicKey } from "../security/ssh/key.ts";
import { signSshsig, type SshSigner } from "../security/ssh/signature.ts";
import type { Credential } from "./authenticate.ts";
import { certifyBySsh, sshVerifier } from "./ssh_listener.ts";
import { transcriptOf } from "./ssh_transcript.ts";
import type { SshRun } from "./ssh_run.ts";

/** A run without a home, which lets in the keys that `--allow` names. */
function runThatAllows(...allowed: SshPublicKey[]): SshRun {
  const places = {
    home: undefined,
    configHome: undefined,
    agentSocket: undefined,
    uid: undefined,
    hostKeyFolder: undefined,
    missing: [],
  };
  const trust = { places, allowed, own: [], command: "rcopy send /secret/path" };
  return { places, identities: [], notes: [], trust };
}

function credentialOf(signer: SshSigner, anchor: SshPublicKey): Credential & { method: "ssh" } {
  return {
    method: "ssh",
    publicKey: signer.key.blob,
    sign: async (claim) =>
      await signSshsig(signer, await transcriptOf(claim, { anchor, ownKey: signer.key })),
  };
}

/** What a dialer hears, and why the listener refused it. */
async function hearing(...[credential, verifier, says]: Parameters<typeof meet>) {
  const { answered, error } = await meet(credential, verifier, says);
  return { heard: answered?.kind === "close" ? answered.text : answered?.kind, error };
}

Deno.test("a proof opens the listener that it was made for, by a key that is trusted", async () => {
  const [dialer, anchor] = [await makeIdentity(), await makeIdentity()];
  const notes: string[] = [];
  const options = { role: "sender" as const, onNote: (note: string) => notes.push(note) };
  const verifier = sshVerifier(runThatAllows(dialer.key), anchor.key, options);
  assertEquals(await hearing(credentialOf(dialer, anchor.key), verifier), {
    heard: "hello",
    error: undefined,
  });
  assertEquals(notes, []);

  const stranger = await makeIdentity();
  for (let i = 0; i < 3; i++) {
    const { heard, error } = await hearing(credentialOf(stranger, anchor.key), verifier);
    assertEquals(error?.code, "refused");
    assertMatch(heard ?? "", /^your key SHA256:\S+ is not trusted here$/);
  }
  assertEquals(notes.length, 1, "said once");
  assert(notes[0]!.includes("rcopy send /secret/path --allow 'ssh-ed25519 AAAA"), notes[0]);
});

Deno.test("a listener prints no more than a few remedies, however many peers come", async () => {
  const anchor = await makeIdentity();
  const notes: string[] = [];
  const verifier = sshVerifier(runThatAllows(), anchor.key, {
    role: "sender",
    onNote: (note) => notes.push(note),
  });
  for (let i = 0; i < 20; i++) await hearing(credentialOf(await makeIdentity(), anchor.key), verifier);
  assertEquals(notes.length, 8);
});

Deno.test("a proof for another anchor is refused: a session cannot be passed on", async () => {
  const [dialer, anchor, other] = [await makeIdentity(), await makeIdentity(), await makeIdentity()];
  const verifier = sshVerifier(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const { error, heard } = await hearing(credentialOf(dialer, other.key), verifier);
  assertEquals(error?.code, "refused");
  assert(heard?.startsWith("the signature does not hold"), heard);
});

Deno.test("a proof of an earlier session, or for other features or another role, is refused", async () => {
  const [dialer, anchor] = [await makeIdentity(), await makeIdentity()];
  const verifier = sshVerifier(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const credential = credentialOf(dialer, anchor.key);
  let earlier: Uint8Array = new Uint8Array(0);
  await hearing({ ...credential, sign: async (claim) => earlier = await credential.sign(claim) }, verifier);
  assert(earlier.length > 0);
  const tampered: Credential[] = [
    { ...credential, sign: () => Promise.resolve(earlier) },
    { ...credential, sign: (claim) => credential.sign({ ...claim, proverFeatures: 1n }) },
    { ...credential, sign: (claim) => credential.sign({ ...claim, proverRole: "sender" }) },
    { ...credential, sign: (claim) => credential.sign({ ...claim, version: 2 }) },
    { ...credential, sign: (claim) => credential.sign({ ...claim, verifierNonce: new Uint8Array(32) }) },
  ];
  for (const one of tampered) assertEquals((await hearing(one, verifier)).error?.code, "refused");
});

Deno.test("reflection: the same key on both machines works, a sender that dials a sender does not", async () => {
  const same = await makeIdentity();
  const verifier = sshVerifier(runThatAllows(same.key), same.key, { role: "sender", onNote: () => {} });
  assertEquals((await hearing(credentialOf(same, same.key), verifier)).heard, "hello");
  const mirrored = await hearing(credentialOf(same, same.key), verifier, {
    ...hello,
    role: "sender",
    creditBytes: 0,
    batchEntries: 0,
  });
  assertEquals(mirrored.error?.code, "refused");
});

Deno.test("a key blob that is none, or one that is weak, is refused", async () => {
  const [dialer, anchor] = [await makeIdentity(), await makeIdentity()];
  const verifier = sshVerifier(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const credential = credentialOf(dialer, anchor.key);
  for (
    const publicKey of [new Uint8Array(3), dialer.key.blob.slice(1), new Uint8Array([...dialer.key.blob, 0])]
  ) {
    assertEquals((await hearing({ ...credential, publicKey }, verifier)).error?.code, "refused");
  }
});

Deno.test("certifyBySsh() takes the first key that signs; a silent agent is asked once", async () => {
  const failing = async (code: "refused" | "timeout", origin: string): Promise<SshIdentity> => ({
    ...await makeIdentity(origin),
    sign: () => Promise.reject(new RcopyError(code, `will not: ${code}`)),
  });
  const good = await makeIdentity();
  const notes: string[] = [];
  const options = { kinds: "all" as const, now: new Date(), onNote: (note: string) => notes.push(note) };
  const identities = [
    await failing("refused", "ssh-agent"),
    await failing("timeout", "ssh-agent"),
    await failing("timeout", "ssh-agent"),
    good,
  ];
  assertEquals((await certifyBySsh(identities, options))?.identity, good);
  assertEquals(notes, ["will not: refused", "will not: timeout"]);
  assertEquals(await certifyBySsh(identities.slice(0, 3), options), undefined);
});
