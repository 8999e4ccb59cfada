/** Public keys of SSH: from and to the formats of OpenSSH and of certificates, and what their signatures are worth. */
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import * as der from "../anchor/der.ts";
import { bareKeyOf, type KeyKind, kindOfSpki, spkiOf } from "../anchor/public_key.ts";
import { curves, isOnCurve, isSmallOrder } from "./points.ts";
import { fromBase64, SshReader, SshWriter, toBigInt, withoutZeros } from "./wire.ts";

/** Key types by which peers can prove themselves. */
export const sshKeyTypes = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa"] as const;
export type SshKeyType = typeof sshKeyTypes[number];

/** A public key that has been checked: a point on its curve, a modulus that is long enough. */
export interface SshPublicKey {
  readonly type: SshKeyType;
  readonly kind: KeyKind;
  /** As SSH sends it; one key has one encoding. */
  readonly blob: Uint8Array<ArrayBuffer>;
  /** As certificates have it. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** Bits of an RSA modulus, of a curve otherwise. */
  readonly bits: number;
}

/** A line of a `.pub` file. */
export interface SshPublicKeyLine {
  key: SshPublicKey;
  /** As it was written: foreign text. */
  comment: string;
}

export const rsaBitsMin = 2048;
/** OpenSSH's own limit. */
const rsaBitsMax = 16384;
/** What libraries that check signatures take for an exponent. */
const exponentMax = 2n ** 33n - 1n;
/** No blob of a supported type is longer. */
export const blobBytesMax = rsaBitsMax / 8 + 64;

const kindOfType = {
  "ssh-ed25519": "ed25519",
  "ecdsa-sha2-nistp256": "p256",
  "ecdsa-sha2-nistp384": "p384",
  "ssh-rsa": "rsa",
} as const satisfies Record<SshKeyType, KeyKind>;

const unsupportedTypes: Record<string, string> = {
  "ssh-dss": "DSA keys are not supported: they are too short",
  "ecdsa-sha2-nistp521": "ECDSA P-521 keys are not supported yet; use Ed25519",
  "sk-ssh-ed25519@openssh.com": "keys on security tokens (sk-ssh-ed25519) are not supported yet",
  "sk-ecdsa-sha2-nistp256@openssh.com": "keys on security tokens (sk-ecdsa) are not supported yet",
};

/** Whether rcopy can use keys of a type. */
export function isSshKeyType(type: string): type is SshKeyType {
  return (sshKeyTypes as readonly string[]).includes(type);
}

/** Why keys of a type are of no use here. */
export function whyUnsupported(type: string): string {
  if (type.includes("-cert-v0")) return `SSH certificates (${showText(type.slice(0, 60))}) are not supported`;
  return unsupportedTypes[type] ?? `keys of type ${showText(type.slice(0, 60))} are not known to rcopy`;
}

/**
 * The key in an SSH blob.
 * @throws {RcopyError} `refused` for a type that is not supported, a weak key, or damage
 */
export function parseSshBlob(blob: Uint8Array<ArrayBuffer>): SshPublicKey {
  const reader = new SshReader(blob, "SSH public key");
  const type = reader.text(64);
  if (!isSshKeyType(type)) throw new RcopyError("refused", `cannot use an SSH key: ${whyUnsupported(type)}`);
  const key = readFields(type, reader);
  reader.end();
  return key;
}

/** The fields that follow the type, as in a blob; the rest is left to be read. @throws {RcopyError} `refused` */
function readFields(type: SshKeyType, reader: SshReader): SshPublicKey {
  const kind = kindOfType[type];
  if (kind === "rsa") {
    const exponent = reader.mpint(rsaBitsMax / 8);
    return rsaKey(reader.mpint(rsaBitsMax / 8), exponent);
  }
  if (kind === "ed25519") return bareKey(kind, reader.string(32));
  const { curve, coordinateBytes } = curves[kind];
  if (reader.text(16) !== curve) throw reader.damaged("its curve is not that of its type");
  return bareKey(kind, reader.string(2 * coordinateBytes + 1));
}

/** The key that is an Ed25519 key of 32 bytes, or a point on a curve. @throws {RcopyError} `refused` */
export function bareKey(kind: Exclude<KeyKind, "rsa">, key: Uint8Array<ArrayBuffer>): SshPublicKey {
  if (kind === "ed25519") {
    if (key.length !== 32) throw new RcopyError("refused", "an Ed25519 key does not have 32 bytes");
    if (isSmallOrder(key)) {
      throw new RcopyError("refused", "an Ed25519 key is one for which anybody can sign");
    }
    const blob = new SshWriter().string("ssh-ed25519").string(key).bytes();
    return { type: "ssh-ed25519", kind, blob, spki: spkiOf(kind, key), bits: 256 };
  }
  if (!isOnCurve(kind, key)) throw new RcopyError("refused", "an ECDSA key is no point of its curve");
  const { curve, coordinateBytes } = curves[kind];
  const type = kind === "p256" ? "ecdsa-sha2-nistp256" : "ecdsa-sha2-nistp384";
  const blob = new SshWriter().string(type).string(curve).string(key).bytes();
  return { type, kind, blob, spki: spkiOf(kind, key), bits: coordinateBytes * 8 };
}

/** The RSA key of a modulus and an exponent. @throws {RcopyError} `refused` for one that proves nothing */
export function rsaKey(modulus: Uint8Array, exponent: Uint8Array): SshPublicKey {
  const n = withoutZeros(modulus);
  const e = withoutZeros(exponent);
  const bits = n.length * 8 - (n.length > 0 ? Math.clz32(n[0]!) - 24 : 0);
  if (bits < rsaBitsMin || bits > rsaBitsMax) {
    throw new RcopyError(
      "refused",
      `cannot use an RSA key of ${bits} bits: it must have ${rsaBitsMin} to ${rsaBitsMax}`,
    );
  }
  const power = e.length > 8 ? exponentMax + 1n : toBigInt(e);
  if (n.at(-1)! % 2 === 0 || power < 3n || power > exponentMax || power % 2n === 0n) {
    throw new RcopyError("refused", "cannot use an RSA key whose modulus or exponent proves nothing");
  }
  const spki = der.sequence(
    der.sequence(der.objectIdentifier("1.2.840.113549.1.1.1"), der.nothing),
    der.bitString(der.sequence(der.integer(n), der.integer(e))),
  );
  return {
    type: "ssh-rsa",
    kind: "rsa",
    blob: new SshWriter().string("ssh-rsa").mpint(e).mpint(n).bytes(),
    spki,
    bits,
  };
}

/** The key that a certificate has in this form. @throws {RcopyError} `refused` */
export function parseSpki(spki: Uint8Array<ArrayBuffer>): SshPublicKey {
  const kind = kindOfSpki(spki);
  if (kind !== "rsa") return bareKey(kind, bareKeyOf(kind, spki).slice());
  const key = rsaOfSpki(spki);
  // One key, one encoding: what differs from ours would have another hash, and another name.
  if (key === undefined || key.spki.toHex() !== spki.toHex()) {
    throw new RcopyError("refused", "cannot read an RSA key: it is damaged, or not in its only form");
  }
  return key;
}

/** Looks for the two numbers where our own encoding has them. @throws {RcopyError} `refused` */
function rsaOfSpki(spki: Uint8Array<ArrayBuffer>): SshPublicKey | undefined {
  const integerTag = 0x02;
  const numbers = spki.subarray(4 + 15 + 5 + 4); // sequence, algorithm, bit string, sequence: lengths of two bytes each
  if (numbers[0] !== integerTag || numbers[1] !== 0x82) return undefined;
  const modulusEnd = 4 + numbers[2]! * 256 + numbers[3]!;
  const exponent = numbers.subarray(modulusEnd);
  if (exponent[0] !== integerTag || exponent.length < 3 || exponent.length > 10) return undefined;
  return rsaKey(numbers.subarray(4, modulusEnd), exponent.subarray(2));
}

/** How `ssh-keygen -l` names a key: "SHA256:…". */
export async function sshFingerprint(key: { blob: Uint8Array<ArrayBuffer> }): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", key.blob));
  return `SHA256:${hash.toBase64({ omitPadding: true })}`;
}

/** The key as a line of a `.pub` file has it, without a comment. */
export function showSshKey(key: { type: string; blob: Uint8Array }): string {
  return `${key.type} ${key.blob.toBase64()}`;
}

/** Whether two keys are equal. */
export function isSameKey(one: { blob: Uint8Array }, other: { blob: Uint8Array }): boolean {
  return one.blob.toBase64() === other.blob.toBase64();
}

/**
 * A line `TYPE BASE64 [COMMENT]`.
 * @throws {RcopyError} `refused` for anything else, a type that is not supported, a weak key
 */
export function parseSshPublicKeyLine(line: string): SshPublicKeyLine {
  const [, type, base64, comment = ""] =
    /^[ \t]*([^ \t]+)[ \t]+([^ \t\r\n]+)(?:[ \t]+(.*?))?[\r\n \t]*$/.exec(line) ??
      [];
  if (type === undefined || base64 === undefined) {
    throw new RcopyError(
      "refused",
      `${showText(line.slice(0, 80))} is no SSH public key: TYPE BASE64 is wanted`,
    );
  }
  if (!isSshKeyType(type)) throw new RcopyError("refused", `cannot use an SSH key: ${whyUnsupported(type)}`);
  const blob = base64.length > 2 * blobBytesMax ? undefined : fromBase64(base64);
  if (blob === undefined) throw new RcopyError("refused", `cannot read an SSH key: it is not base64`);
  const key = parseSshBlob(blob);
  if (key.type !== type) throw new RcopyError("refused", `an SSH key named ${type} is of type ${key.type}`);
  return { key, comment };
}

/** The key of such a line; `undefined` where {@linkcode parseSshPublicKeyLine} refuses it. */
export function publicKeyIn(line: string): SshPublicKey | undefined {
  try {
    return parseSshPublicKeyLine(line).key;
  } catch (error) {
    if (error instanceof RcopyError) return undefined;
    throw error;
  }
}

/** A signature as SSH sends it. */
export interface SshSignature {
  /** "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512" and so on. */
  algorithm: string;
  /** Of ECDSA two big numbers, of the others the bytes of the signature. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** The hash that an algorithm uses. */
export type SshHash = "SHA-256" | "SHA-384" | "SHA-512";

/** Which hash goes with which algorithm for keys of a type; SHA-1 is in no row. */
export const algorithmsOfType = {
  "ssh-ed25519": { "ssh-ed25519": "SHA-512" },
  "ecdsa-sha2-nistp256": { "ecdsa-sha2-nistp256": "SHA-256" },
  "ecdsa-sha2-nistp384": { "ecdsa-sha2-nistp384": "SHA-384" },
  "ssh-rsa": { "rsa-sha2-512": "SHA-512", "rsa-sha2-256": "SHA-256" },
} as const satisfies Record<SshKeyType, Record<string, SshHash>>;

/** Signature from its SSH form. @throws {RcopyError} `refused` */
export function parseSshSignature(bytes: Uint8Array<ArrayBuffer>): SshSignature {
  const reader = new SshReader(bytes, "SSH signature");
  const signature = { algorithm: reader.text(64), bytes: reader.string(rsaBitsMax / 8) };
  reader.end();
  return signature;
}

/** The SSH form of a signature. */
export function encodeSshSignature({ algorithm, bytes }: SshSignature): Uint8Array<ArrayBuffer> {
  return new SshWriter().string(algorithm).string(bytes).bytes();
}

/** The parameters by which WebCrypto knows keys of this kind. */
export function webCryptoAlgorithm(
  kind: KeyKind,
  hash: SshHash,
): { name: string; namedCurve?: string; hash?: SshHash } {
  switch (kind) {
    case "ed25519":
      return { name: "Ed25519" };
    case "rsa":
      return { name: "RSASSA-PKCS1-v1_5", hash };
    default:
      return { name: "ECDSA", namedCurve: kind === "p256" ? "P-256" : "P-384", hash };
  }
}

/** Whether `signature` over `data` was made by `key`; `false` for whatever is wrong with it. Never throws. */
export async function verifySshSignature(
  key: SshPublicKey,
  signature: SshSignature,
  data: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const hashes: Record<string, SshHash> = algorithmsOfType[key.type];
  const hash = Object.hasOwn(hashes, signature.algorithm) ? hashes[signature.algorithm] : undefined;
  const bytes = fixedLength(key, signature.bytes);
  if (hash === undefined || bytes === undefined) return false;
  const algorithm = webCryptoAlgorithm(key.kind, hash);
  try {
    const imported = await crypto.subtle.importKey("spki", key.spki, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, bytes, data) === true;
  } catch {
    return false;
  }
}

/** The signature as WebCrypto wants it: of a length that follows from the key. `undefined` for any other. */
function fixedLength(key: SshPublicKey, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  if (key.kind === "ed25519") return bytes.length === 64 ? bytes : undefined;
  if (key.kind === "rsa") return bytes.length === Math.ceil(key.bits / 8) ? bytes : undefined;
  const { coordinateBytes } = curves[key.kind];
  try {
    const reader = new SshReader(bytes, "signature");
    const r = reader.mpint(coordinateBytes);
    const s = reader.mpint(coordinateBytes);
    reader.end();
    return concat(
      new Uint8Array(coordinateBytes - r.length),
      r,
      new Uint8Array(coordinateBytes - s.length),
      s,
    );
  } catch (error) {
    if (error instanceof RcopyError) return undefined;
    throw error;
  }
}

/** The signature as a certificate has it: of ECDSA the DER of its two numbers. @throws {RcopyError} `refused` */
export function toX509Signature(key: SshPublicKey, signature: SshSignature): Uint8Array<ArrayBuffer> {
  if (key.kind === "ed25519" || key.kind === "rsa") return signature.bytes;
  const reader = new SshReader(signature.bytes, "signature");
  const { coordinateBytes } = curves[key.kind];
  const r = reader.mpint(coordinateBytes);
  const s = reader.mpint(coordinateBytes);
  reader.end();
  return der.sequence(der.integer(r), der.integer(s));
}

/** The SSH form of what WebCrypto signed with a key of this kind. */
export function fromWebCryptoSignature(
  kind: KeyKind,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (kind === "ed25519" || kind === "rsa") return bytes;
  const half = bytes.length / 2;
  return new SshWriter().mpint(bytes.subarray(0, half)).mpint(bytes.subarray(half)).bytes();
}
