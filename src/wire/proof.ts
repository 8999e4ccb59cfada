/** The messages by which an end proves itself: `AuthStart`, `AuthChallenge`, `AuthProof`. */
import { RcopyError } from "../base/errors.ts";
import { readColumn, writeColumn } from "./column.ts";
import { emptyOr, exactly, type MessageCodec, outOfRange } from "./fields.ts";
import { authKeyBytesMax, authNonceBytes, authSecretBytes, authSignatureBytesMax } from "./limits.ts";
import * as schema from "./schema.ts";

/** How the prover means to prove itself; first on control inside TLS. */
export interface AuthStart {
  kind: "authStart";
  method: "ticket" | "ssh";
  /** `ssh`: `authNonceBytes` random bytes. `ticket`: empty. */
  nonce: Uint8Array;
  /** `ssh`: the prover's key as OpenSSH encodes it, at most `authKeyBytesMax`. `ticket`: empty. */
  publicKey: Uint8Array;
}

export const authStart: MessageCodec<AuthStart> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.AuthStart);
    root.method = message.method === "ssh" ? schema.AuthMethod.SSH : schema.AuthMethod.TICKET;
    writeColumn(root._initNonce(message.nonce.length), message.nonce);
    writeColumn(root._initPublicKey(message.publicKey.length), message.publicKey);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.AuthStart);
    const isSsh = root.method === schema.AuthMethod.SSH;
    if (!isSsh && root.method !== schema.AuthMethod.TICKET) {
      throw outOfRange("the method of proof", root.method);
    }
    const nonce = emptyOr(root.nonce, authNonceBytes);
    const publicKey = readColumn(root.publicKey, "u8", authKeyBytesMax).slice();
    if ((nonce.length > 0) !== isSsh || (publicKey.length > 0) !== isSsh) {
      throw new RcopyError("protocol", "a nonce and a key belong to a proof by signature, and to no other");
    }
    return { kind: "authStart", method: isSsh ? "ssh" : "ticket", nonce, publicKey };
  },
};

/** What the prover must sign; verifier to prover, for `ssh`. */
export interface AuthChallenge {
  kind: "authChallenge";
  /** `authNonceBytes` random bytes. */
  nonce: Uint8Array;
}

export const authChallenge: MessageCodec<AuthChallenge> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.AuthChallenge);
    writeColumn(root._initNonce(message.nonce.length), message.nonce);
  },
  decode(capnp) {
    return {
      kind: "authChallenge",
      nonce: exactly(capnp.getRoot(schema.AuthChallenge).nonce, authNonceBytes),
    };
  },
};

/** The prover's proof; its hello follows. */
export interface AuthProof {
  kind: "authProof";
  /** `ticket`: `authSecretBytes`. `ssh`: empty. */
  secret: Uint8Array;
  /** `ssh`: at most `authSignatureBytesMax`. `ticket`: empty. */
  signature: Uint8Array;
}

export const authProof: MessageCodec<AuthProof> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.AuthProof);
    writeColumn(root._initSecret(message.secret.length), message.secret);
    writeColumn(root._initSignature(message.signature.length), message.signature);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.AuthProof);
    const secret = emptyOr(root.secret, authSecretBytes);
    const signature = readColumn(root.signature, "u8", authSignatureBytesMax).slice();
    if ((secret.length > 0) === (signature.length > 0)) {
      throw new RcopyError("protocol", "a proof is a secret or a signature, one of them");
    }
    return { kind: "authProof", secret, signature };
  },
};
