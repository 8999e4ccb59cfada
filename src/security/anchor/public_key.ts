/** Public keys that can anchor a channel: which they are, and their encoding in certificates (SPKI). */
import { concat } from "../../base/bytes.ts";
import { RcopyError } from "../../base/errors.ts";
import { encodeBase32 } from "./base32.ts";

/** Kinds of keys that an anchor may have. */
export type KeyKind = "ed25519" | "p256" | "p384" | "rsa";

/** The SPKI encoding of keys of one length is a fixed head and the key. */
const heads = {
  ed25519: { head: "302a300506032b6570032100", keyBytes: 32 },
  p256: { head: "3059301306072a8648ce3d020106082a8648ce3d030107034200", keyBytes: 65 },
  p384: { head: "3076301006072a8648ce3d020106052b81040022036200", keyBytes: 97 },
} as const satisfies Record<Exclude<KeyKind, "rsa">, { head: string; keyBytes: number }>;

/** What follows the outer length of an RSA key's SPKI, whatever its size. */
const rsaAlgorithm = "300d06092a864886f70d0101010500";
/** RSA up to 16,384 bits. */
const rsaSpkiBytesMax = 2100;

/** Bytes of a key of this kind, without its head. */
export function keyBytesOf(kind: Exclude<KeyKind, "rsa">): number {
  return heads[kind].keyBytes;
}

/** SPKI of a bare key: 32 bytes, or an uncompressed point. */
export function spkiOf(kind: Exclude<KeyKind, "rsa">, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const spki = concat(Uint8Array.fromHex(heads[kind].head), key);
  kindOfSpki(spki);
  return spki;
}

/** The bare key in an SPKI of that kind. */
export function bareKeyOf(kind: Exclude<KeyKind, "rsa">, spki: Uint8Array): Uint8Array {
  return spki.subarray(heads[kind].head.length / 2);
}

/** Which kind of key an SPKI holds. @throws {RcopyError} `refused` for any other, or a malformed one */
export function kindOfSpki(spki: Uint8Array): KeyKind {
  for (const kind of ["ed25519", "p256", "p384"] as const) {
    const { head, keyBytes } = heads[kind];
    if (spki.length !== head.length / 2 + keyBytes || !startsWith(spki, head)) continue;
    if (kind === "ed25519" || spki[head.length / 2] === 4) return kind;
  }
  const isRsa = spki.length <= rsaSpkiBytesMax && spki[0] === 0x30 && spki[1] === 0x82 &&
    startsWith(spki.subarray(4), rsaAlgorithm);
  if (isRsa) return "rsa";
  throw new RcopyError("refused", "the peer's key is of a kind that rcopy does not know, or malformed");
}

/** The name that leaves under an anchor with this key are made out to: one that no public authority certifies. */
export async function serverNameOf(spki: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", spki));
  return `${encodeBase32(hash)}.rcopy.invalid`;
}

function startsWith(bytes: Uint8Array, hex: string): boolean {
  return bytes.subarray(0, hex.length / 2).toHex() === hex;
}
