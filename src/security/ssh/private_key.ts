/** Private keys in files: OpenSSH's own format and PEM, both without a passphrase. What they hold is never shown. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import {
  algorithmsOfType,
  bareKey,
  fromWebCryptoSignature,
  isSameKey,
  isSshKeyType,
  parseSshBlob,
  rsaKey,
  type SshHash,
  type SshPublicKey,
  type SshSignature,
  verifySshSignature,
  webCryptoAlgorithm,
  whyUnsupported,
} from "./key.ts";
import { curves } from "./points.ts";
import type { SshSigner } from "./signature.ts";
import { fromBase64, fromBigInt, SshReader, toBigInt, withZeros } from "./wire.ts";

/** No key of up to 16,384 bits has a larger file. */
export const keyFileBytesMax = 64 * 1024;
const magic = "openssh-key-v1\0";
/** Largest number in a key file. */
const numberBytesMax = 2048;

/**
 * The key in the text of a private key file; `name` is shown in errors.
 * @throws {RcopyError} `refused` for a key with a passphrase (the message says `ssh-add`), an unsupported or a damaged one
 */
export async function parseSshPrivateKey(text: string, name: string): Promise<SshSigner> {
  if (text.length > keyFileBytesMax) {
    throw new RcopyError("refused", `cannot use ${showText(name)} as a key: the file is too large`);
  }
  const [, label, body] = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([^]*?)-----END \1-----/.exec(text) ?? [];
  if (label === undefined || body === undefined || !label.endsWith("PRIVATE KEY")) {
    throw new RcopyError("refused", `cannot use ${showText(name)} as a key: it holds no private key`);
  }
  if (label.includes("ENCRYPTED") || body.includes("ENCRYPTED")) throw needsPassphrase(name);
  const parts = label === "OPENSSH PRIVATE KEY" ? readOpenSsh(body, name) : await readPem(text, name);
  const privateKey = await importKey(parts, name);
  if (!await signsForItsPublicHalf(privateKey, name)) {
    throw new RcopyError(
      "refused",
      `cannot use ${showText(name)}: its private half is not that of its public half`,
    );
  }
  return privateKey;
}

/**
 * A file whose halves do not belong together would give signatures that betray the key.
 * @throws {RcopyError} `refused` where it cannot sign at all
 */
async function signsForItsPublicHalf(privateKey: SshSigner, name: string): Promise<boolean> {
  const probe = crypto.getRandomValues(new Uint8Array(32));
  let signature: SshSignature;
  try {
    signature = await privateKey.sign(probe);
  } catch (cause) {
    // Of RSA, WebCrypto looks at the numbers no sooner.
    throw numbersMakeNoKey(name, cause);
  }
  return await verifySshSignature(privateKey.key, signature, probe);
}

function numbersMakeNoKey(name: string, cause: unknown): RcopyError {
  return new RcopyError("refused", `cannot use ${showText(name)}: its numbers make no key`, { cause });
}

/** A public key and the private numbers, as WebCrypto takes them. */
interface KeyParts {
  key: SshPublicKey;
  jwk: JsonWebKey;
}

function needsPassphrase(name: string): RcopyError {
  return new RcopyError(
    "refused",
    `cannot use ${showText(name)}: it needs a passphrase, and rcopy never asks for one; ` +
      `hand the key to ssh-agent with: ssh-add ${showText(name)}`,
  );
}

/** @throws {RcopyError} `refused` */
function readOpenSsh(body: string, name: string): KeyParts {
  const bytes = fromBase64(body.replaceAll(/\s/g, ""));
  if (bytes === undefined) {
    throw new RcopyError("refused", `cannot read ${showText(name)}: its body is not base64`);
  }
  const reader = new SshReader(bytes, `key file ${showText(name)}`);
  if (new TextDecoder().decode(reader.raw(magic.length)) !== magic) {
    throw reader.damaged("it does not begin as OpenSSH's keys do");
  }
  const [cipher, kdf] = [reader.text(64), reader.text(64)];
  reader.string(1024); // how the passphrase is stretched
  if (cipher !== "none" || kdf !== "none") throw needsPassphrase(name);
  if (reader.u32() !== 1) throw reader.damaged("it holds more or less than one key");
  const blob = reader.string(keyFileBytesMax);
  const secret = new SshReader(reader.string(keyFileBytesMax), `key file ${showText(name)}`);
  reader.end();
  if (secret.left % 8 !== 0 || secret.u32() !== secret.u32()) {
    throw secret.damaged("its check numbers differ");
  }
  const type = secret.text(64);
  if (!isSshKeyType(type)) {
    throw new RcopyError("refused", `cannot use ${showText(name)}: ${whyUnsupported(type)}`);
  }
  const parts = readNumbers(type, secret);
  secret.string(4096); // comment
  for (let expected = 1; secret.left > 0; expected++) {
    if (secret.u8() !== expected) throw secret.damaged("its padding is wrong");
  }
  if (!isSameKey(parseSshBlob(blob), parts.key)) throw secret.damaged("its two public halves differ");
  return parts;
}

/** The fields of one key in the private section. @throws {RcopyError} `refused` */
function readNumbers(type: SshPublicKey["type"], secret: SshReader): KeyParts {
  if (type === "ssh-ed25519") {
    const key = bareKey("ed25519", secret.string(32));
    const both = secret.string(64);
    if (both.length !== 64) throw secret.damaged("its private half has a wrong length");
    return { key, jwk: okpJwk(key, both.subarray(0, 32)) };
  }
  if (type === "ssh-rsa") {
    const [n, e, d] = [
      secret.mpint(numberBytesMax),
      secret.mpint(numberBytesMax),
      secret.mpint(numberBytesMax),
    ];
    const [inverse, p, q] = [
      secret.mpint(numberBytesMax),
      secret.mpint(numberBytesMax),
      secret.mpint(numberBytesMax),
    ];
    const [dValue, pValue, qValue] = [toBigInt(d), toBigInt(p), toBigInt(q)];
    if (pValue < 3n || qValue < 3n || pValue * qValue !== toBigInt(n)) {
      throw secret.damaged("its numbers do not belong together");
    }
    const key = rsaKey(n, e);
    const [dp, dq] = [fromBigInt(dValue % (pValue - 1n)), fromBigInt(dValue % (qValue - 1n))];
    const numbers = { n, e, d, p, q, dp, dq, qi: inverse };
    const jwk = Object.fromEntries(
      Object.entries(numbers).map(([field, bytes]) => [field, base64Url(bytes)]),
    );
    return { key, jwk: { kty: "RSA", ...jwk } };
  }
  const kind = type === "ecdsa-sha2-nistp256" ? "p256" : "p384";
  const { curve, coordinateBytes } = curves[kind];
  if (secret.text(16) !== curve) throw secret.damaged("its curve is not that of its type");
  const point = secret.string(2 * coordinateBytes + 1);
  const key = bareKey(kind, point);
  const d = withZeros(secret.mpint(coordinateBytes), coordinateBytes);
  if (d === undefined) throw secret.damaged("its private number is too large");
  return { key, jwk: ecJwk(kind, point, d) };
}

/** PEM of OpenSSL: PKCS #1, SEC 1 and PKCS #8, read by what Node brings along. @throws {RcopyError} `refused` */
async function readPem(text: string, name: string): Promise<KeyParts> {
  const { createPrivateKey } = await import("node:crypto");
  let jwk: JsonWebKey;
  try {
    jwk = createPrivateKey(text).export({ format: "jwk" }) as JsonWebKey;
  } catch (cause) {
    throw new RcopyError(
      "refused",
      `cannot use ${showText(name)}: the key is damaged or of an unknown kind`,
      {
        cause,
      },
    );
  }
  const field = (text: string | undefined) =>
    Uint8Array.fromBase64(text ?? "", { alphabet: "base64url" }) as Uint8Array<ArrayBuffer>;
  if (jwk.kty === "RSA") return { key: rsaKey(field(jwk.n), field(jwk.e)), jwk };
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") return { key: bareKey("ed25519", field(jwk.x)), jwk };
  const kind = jwk.crv === "P-256" ? "p256" : jwk.crv === "P-384" ? "p384" : undefined;
  if (jwk.kty !== "EC" || kind === undefined) {
    const shown = showText(String(jwk.crv ?? jwk.kty));
    throw new RcopyError("refused", `cannot use ${showText(name)}: ${shown} keys are not supported`);
  }
  const point = new Uint8Array(1 + 2 * curves[kind].coordinateBytes);
  point[0] = 4;
  point.set(field(jwk.x), 1);
  point.set(field(jwk.y), 1 + curves[kind].coordinateBytes);
  return { key: bareKey(kind, point), jwk };
}

/** @throws {RcopyError} `refused` for numbers that make no key */
async function importKey({ key, jwk }: KeyParts, name: string): Promise<SshSigner> {
  const hashes = Object.entries(algorithmsOfType[key.type]) as [string, SshHash][];
  const imported = new Map<SshHash, CryptoKey>();
  try {
    for (const [, hash] of hashes) {
      const algorithm = webCryptoAlgorithm(key.kind, hash);
      imported.set(hash, await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]));
    }
  } catch (cause) {
    throw numbersMakeNoKey(name, cause);
  }
  return {
    key,
    async sign(data, options = {}) {
      const [algorithm, hash] = hashes.find(([, hash]) => hash === options.hash) ?? hashes[0]!;
      const bytes = await crypto.subtle.sign(webCryptoAlgorithm(key.kind, hash), imported.get(hash)!, data);
      return { algorithm, bytes: fromWebCryptoSignature(key.kind, new Uint8Array(bytes)) };
    },
  };
}

function okpJwk(key: SshPublicKey, seed: Uint8Array): JsonWebKey {
  return { kty: "OKP", crv: "Ed25519", x: base64Url(key.spki.subarray(-32)), d: base64Url(seed) };
}

function ecJwk(kind: "p256" | "p384", point: Uint8Array, d: Uint8Array): JsonWebKey {
  const { coordinateBytes } = curves[kind];
  return {
    kty: "EC",
    crv: kind === "p256" ? "P-256" : "P-384",
    x: base64Url(point.subarray(1, 1 + coordinateBytes)),
    y: base64Url(point.subarray(1 + coordinateBytes)),
    d: base64Url(d),
  };
}

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
