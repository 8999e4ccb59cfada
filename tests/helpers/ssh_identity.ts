/** SSH keys of this process, for tests that need no file and no agent. */
import { bareKey } from "../../src/security/ssh/key.ts";
import type { SshIdentity } from "../../src/security/user/identities.ts";

/** A new Ed25519 key that signs. */
export async function makeIdentity(origin = "file"): Promise<SshIdentity> {
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
