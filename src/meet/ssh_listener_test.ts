/** Proofs by SSH keys over memory: what a listener takes, and what of another session it does not. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { hello, meet } from "../../tests/helpers/handshake.ts";
import { RcopyError } from "../base/errors.ts";
import type { SshIdentity } from "../security/user/identities.ts";
import { bareKey, type SshPublicKey } from "../security/ssh/key.ts";
import { signSshsig, type SshSigner } from "../security/ssh/signature.ts";
import type { DialerProof } from "./authenticate.ts";
import { certifyBySsh, sshChecks, transcriptOf } from "./ssh_listener.ts";
import type { SshRun } from "./ssh_run.ts";

async function identity(origin = "file"): Promise<SshIdentity> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return {
    key: bareKey("ed25519", raw),
    origin,
    sign: async (data) => ({
      algorithm: "ssh-ed25519",
      bytes: new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, data)),
    }),
  };
}

/** Somebody with no home, who lets in what `--allow` names. */
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

function proofOf(signer: SshSigner, anchor: SshPublicKey): DialerProof & { method: "ssh" } {
  return {
    method: "ssh",
    publicKey: signer.key.blob,
    sign: async (claim) => await signSshsig(signer, await transcriptOf(claim, anchor, signer.key)),
  };
}

/** What a dialer hears, and why the listener refused it. */
async function hearing(...[proof, checks, says]: Parameters<typeof meet>) {
  const { answered, error } = await meet(proof, checks, says);
  return { heard: answered?.kind === "close" ? answered.text : answered?.kind, error };
}

Deno.test("a proof opens the listener that it was made for, by a key that is trusted", async () => {
  const [dialer, anchor] = [await identity(), await identity()];
  const notes: string[] = [];
  const options = { role: "sender" as const, onNote: (note: string) => notes.push(note) };
  const checks = sshChecks(runThatAllows(dialer.key), anchor.key, options);
  assertEquals(await hearing(proofOf(dialer, anchor.key), checks), { heard: "hello", error: undefined });
  assertEquals(notes, []);

  const stranger = await identity();
  for (let i = 0; i < 3; i++) {
    const { heard, error } = await hearing(proofOf(stranger, anchor.key), checks);
    assertEquals(error?.code, "refused");
    assertMatch(heard ?? "", /^your key SHA256:\S+ is not trusted here$/);
  }
  assertEquals(notes.length, 1, "said once");
  assert(notes[0]!.includes("rcopy send /secret/path --allow 'ssh-ed25519 AAAA"), notes[0]);
});

Deno.test("a listener prints no more than a few remedies, whoever comes", async () => {
  const anchor = await identity();
  const notes: string[] = [];
  const checks = sshChecks(runThatAllows(), anchor.key, {
    role: "sender",
    onNote: (note) => notes.push(note),
  });
  for (let i = 0; i < 20; i++) await hearing(proofOf(await identity(), anchor.key), checks);
  assertEquals(notes.length, 8);
});

Deno.test("a proof for another anchor is refused: a session cannot be passed on", async () => {
  const [dialer, anchor, other] = [await identity(), await identity(), await identity()];
  const checks = sshChecks(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const { error, heard } = await hearing(proofOf(dialer, other.key), checks);
  assertEquals(error?.code, "refused");
  assert(heard?.startsWith("the signature does not hold"), heard);
});

Deno.test("a proof of an earlier session, or for other features or another role, is refused", async () => {
  const [dialer, anchor] = [await identity(), await identity()];
  const checks = sshChecks(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const proof = proofOf(dialer, anchor.key);
  let earlier: Uint8Array = new Uint8Array(0);
  await hearing({ ...proof, sign: async (claim) => earlier = await proof.sign(claim) }, checks);
  assert(earlier.length > 0);
  const tampered: DialerProof[] = [
    { ...proof, sign: () => Promise.resolve(earlier) },
    { ...proof, sign: (claim) => proof.sign({ ...claim, dialerFeatures: 1n }) },
    { ...proof, sign: (claim) => proof.sign({ ...claim, dialerRole: "sender" }) },
    { ...proof, sign: (claim) => proof.sign({ ...claim, version: 2 }) },
    { ...proof, sign: (claim) => proof.sign({ ...claim, listenerNonce: new Uint8Array(32) }) },
  ];
  for (const one of tampered) assertEquals((await hearing(one, checks)).error?.code, "refused");
});

Deno.test("reflection: the same key on both machines works, a sender that dials a sender does not", async () => {
  const same = await identity();
  const checks = sshChecks(runThatAllows(same.key), same.key, { role: "sender", onNote: () => {} });
  assertEquals((await hearing(proofOf(same, same.key), checks)).heard, "hello");
  const mirrored = await hearing(proofOf(same, same.key), checks, {
    ...hello,
    role: "sender",
    creditBytes: 0,
    batchEntries: 0,
  });
  assertEquals(mirrored.error?.code, "refused");
});

Deno.test("a key blob that is none, or one that is weak, is refused", async () => {
  const [dialer, anchor] = [await identity(), await identity()];
  const checks = sshChecks(runThatAllows(dialer.key), anchor.key, { role: "sender", onNote: () => {} });
  const proof = proofOf(dialer, anchor.key);
  for (
    const publicKey of [new Uint8Array(3), dialer.key.blob.slice(1), new Uint8Array([...dialer.key.blob, 0])]
  ) {
    assertEquals((await hearing({ ...proof, publicKey }, checks)).error?.code, "refused");
  }
});

Deno.test("certifyBySsh() takes the first key that signs; a silent agent is asked once", async () => {
  const failing = async (code: "refused" | "timeout", origin: string): Promise<SshIdentity> => ({
    ...await identity(origin),
    sign: () => Promise.reject(new RcopyError(code, `will not: ${code}`)),
  });
  const good = await identity();
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
