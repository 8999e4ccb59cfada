import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { keyKinds, makeSshKey, RealAgent } from "../../../tests/helpers/ssh_keys.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { SshAgent } from "./agent.ts";
import { parseSshPublicKeyLine, type SshPublicKey } from "./key.ts";
import { parseSshPrivateKey } from "./private_key.ts";
import {
  encodeTranscript,
  openSshsig,
  proofNamespace,
  type ProofTranscript,
  signSshsig,
  type SshSigner,
  verifySshsig,
} from "./signature.ts";
import { SshWriter } from "./wire.ts";

const needs = { programs: ["ssh-keygen", "ssh-agent", "ssh-add"] };
const message = new TextEncoder().encode("a transcript\n");

const armour = (bytes: Uint8Array) =>
  `-----BEGIN SSH SIGNATURE-----\n${
    bytes.toBase64().replaceAll(/.{70}/g, "$&\n")
  }\n-----END SSH SIGNATURE-----\n`;
const unarmour = (text: string) => Uint8Array.fromBase64(text.replaceAll(/-----.*-----|\s/g, ""));

/** What the real tool makes of a signature over the file `message` in the folder. */
function keygenVerifies(folder: string, sshsig: Uint8Array): Promise<boolean> {
  Deno.writeTextFileSync(`${folder}/sig`, armour(sshsig));
  return shell(
    'ssh-keygen -Y verify -f "$1/allowed" -I me -n "$2" -s "$1/sig" < "$1/message"',
    folder,
    proofNamespace,
  ).then(() => true, () => false);
}

for (const [name, args] of Object.entries(keyKinds)) {
  testWhere(
    needs,
    `${name}: ssh-keygen -Y verify takes ours from file and agent, and we take its own`,
    () =>
      withFolder(async (folder) => {
        const path = `${folder}/key`;
        await makeSshKey(path, { args });
        const line = await Deno.readTextFile(`${path}.pub`);
        await Deno.writeTextFile(`${folder}/allowed`, `me ${line}`);
        await Deno.writeFile(`${folder}/message`, message);
        const { key } = parseSshPublicKeyLine(line);

        await using agent = await RealAgent.start(folder);
        await agent.add("-q", path);
        const ours = new SshAgent({ socket: agent.socket });
        const signers: SshSigner[] = [
          await parseSshPrivateKey(await Deno.readTextFile(path), path),
          { key, sign: (data, options) => ours.sign(key, data, options) },
        ];
        for (const signer of signers) {
          const sshsig = await signSshsig(signer, message);
          assert(await keygenVerifies(folder, sshsig), "ssh-keygen refuses ours");
          assertEquals(await verifySshsig(key, sshsig, message), true);
          const damaged = sshsig.with(sshsig.length - 9, sshsig.at(-9)! ^ 1);
          assertEquals(await keygenVerifies(folder, damaged), false);
          assertEquals(await verifySshsig(key, damaged, message), false);
        }

        await shell('ssh-keygen -q -Y sign -f "$1/key" -n "$2" "$1/message"', folder, proofNamespace);
        const theirs = unarmour(await Deno.readTextFile(`${folder}/message.sig`));
        assertEquals(await verifySshsig(key, theirs, message), true);
        await refusesEveryFlip(key, theirs);
      }),
  );
}

/** A flipped bit anywhere makes a signature worthless, as does a missing or an added byte. */
async function refusesEveryFlip(key: SshPublicKey, sshsig: Uint8Array<ArrayBuffer>): Promise<void> {
  const reserved = sshsig.toHex().indexOf(new TextEncoder().encode(proofNamespace).toHex()) / 2 +
    proofNamespace.length;
  for (let at = 0; at < sshsig.length; at++) {
    assert(at !== reserved || sshsig[at] === 0);
    const flipped = sshsig.with(at, sshsig[at]! ^ (1 << (at % 8))) as Uint8Array<ArrayBuffer>;
    assertEquals(await verifySshsig(key, flipped, message), false, `byte ${at}`);
  }
  for (let end = 0; end < sshsig.length; end += 5) {
    assertEquals(await verifySshsig(key, sshsig.slice(0, end), message), false, `cut at ${end}`);
  }
  assertEquals(await verifySshsig(key, new Uint8Array([...sshsig, 0]), message), false);
  assertEquals(await verifySshsig(key, sshsig, message.slice(1)), false);
}

async function ed25519(): Promise<SshSigner> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const blob = new SshWriter().string("ssh-ed25519").string(raw).bytes();
  return {
    key: parseSshPublicKeyLine(`ssh-ed25519 ${blob.toBase64()}`).key,
    sign: async (data) => ({
      algorithm: "ssh-ed25519",
      bytes: new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, data)),
    }),
  };
}

/** An SSHSIG with one field of another kind, signed as that field demands. */
async function oddSshsig(
  signer: SshSigner,
  odd: { version?: number; namespace?: string; hash?: "sha256" | "sha512"; reserved?: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const { version = 1, namespace = proofNamespace, hash = "sha512", reserved = "" } = odd;
  const digest = new Uint8Array(
    await crypto.subtle.digest(hash === "sha256" ? "SHA-256" : "SHA-512", message),
  );
  const magic = new TextEncoder().encode("SSHSIG");
  const signed = new SshWriter().raw(magic).string(namespace).string("").string(hash).string(digest);
  const { algorithm, bytes } = await signer.sign(signed.bytes());
  return new SshWriter().raw(magic).u32(version).string(signer.key.blob).string(namespace).string(reserved)
    .string(hash).string(new SshWriter().string(algorithm).string(bytes).bytes()).bytes();
}

const odds: [string, Parameters<typeof oddSshsig>[1], boolean][] = [
  ["as it should be", {}, true],
  ["with the reserved field filled, which is to be ignored", { reserved: "later" }, true],
  ["of version 2", { version: 2 }, false],
  ["made for files", { namespace: "file" }, false],
  ["made for git", { namespace: "git" }, false],
  ["with SHA-256, which the format allows and rcopy does not", { hash: "sha256" }, false],
];
for (const [what, odd, accepted] of odds) {
  Deno.test(`a signature ${what} is ${accepted ? "taken" : "refused"}`, async () => {
    const signer = await ed25519();
    assertEquals(await verifySshsig(signer.key, await oddSshsig(signer, odd), message), accepted);
  });
}

Deno.test("a good signature by another key is refused", async () => {
  const [one, other] = [await ed25519(), await ed25519()];
  const sshsig = await signSshsig(one, message);
  assertEquals(await verifySshsig(one.key, sshsig, message), true);
  assertEquals(await verifySshsig(other.key, sshsig, message), false);
});

Deno.test("openSshsig() does not read on beyond its limit", () => {
  assertThrows(() => openSshsig(new Uint8Array(9000)), RcopyError, "9000 bytes");
});

Deno.test("every field of a transcript changes its bytes, and a proof for one is none for another", async () => {
  const signer = await ed25519();
  const base: ProofTranscript = {
    proverRole: "receiver",
    protocolVersion: 1,
    proverFeatures: 3n,
    anchorSpki: Uint8Array.of(1, 2, 3),
    serverName: "x.rcopy.invalid",
    proverNonce: new Uint8Array(32).fill(1),
    verifierNonce: new Uint8Array(32).fill(2),
    ownKey: signer.key,
  };
  const others: Partial<ProofTranscript>[] = [
    { proverRole: "sender" },
    { protocolVersion: 2 },
    { proverFeatures: 7n },
    { anchorSpki: Uint8Array.of(1, 2) },
    { anchorSpki: Uint8Array.of(1, 2, 3, 4) },
    { serverName: "y.rcopy.invalid" },
    { proverNonce: new Uint8Array(32).fill(2), verifierNonce: new Uint8Array(32).fill(1) },
    { proverNonce: new Uint8Array(32).fill(3) },
    { verifierNonce: new Uint8Array(32).fill(3) },
    { ownKey: (await ed25519()).key },
  ];
  const proof = await signSshsig(signer, encodeTranscript(base));
  assertEquals(await verifySshsig(signer.key, proof, encodeTranscript({ ...base })), true);
  const seen = new Set([encodeTranscript(base).toHex()]);
  for (const other of others) {
    const bytes = encodeTranscript({ ...base, ...other });
    assertNotEquals(bytes, encodeTranscript(base));
    assertEquals(await verifySshsig(signer.key, proof, bytes), false);
    seen.add(bytes.toHex());
  }
  assertEquals(seen.size, others.length + 1);
});

Deno.test("a transcript with our own nonce reflected, or one of another length, is a breach of the protocol", () => {
  const nonce = new Uint8Array(32).fill(5);
  const transcript = { proverNonce: nonce, verifierNonce: nonce.slice() } as unknown as ProofTranscript;
  assertThrows(() => encodeTranscript(transcript), RcopyError, "our own nonce");
  assertThrows(
    () => encodeTranscript({ ...transcript, verifierNonce: nonce.slice(1) }),
    RcopyError,
    "32 bytes",
  );
});
