/**
 * Certificates. An anchor is made from a bare public key, by any end that knows the key; a leaf is signed with the private
 * half. The anchor's own signature is filler: TLS does not check the signature of a certificate that it trusts already.
 */
import * as der from "./der.ts";
import { type KeyKind, kindOfSpki, serverNameOf } from "./public_key.ts";

/** A key that can certify leaves; its private half may be anywhere. */
export interface AnchorKey {
  /** Public half. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /**
   * Signs with the hash that goes with the kind of key: Ed25519 as it is, P-256 and RSA (PKCS #1 v1.5) with SHA-256, P-384
   * with SHA-384.
   * @returns the signature as certificates have it: of ECDSA the DER of its two numbers
   */
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
}

/** Certificates that a TLS server presents. */
export interface LeafChain {
  /** Leaf, then anchor. */
  chainPem: string;
  /** Private key of the leaf. */
  keyPem: string;
  serverName: string;
}

/** The certificate that a TLS client pins. */
export interface Anchor {
  anchorPem: string;
  serverName: string;
}

/** From when until when a leaf holds. */
export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const dayMs = 24 * 3600 * 1000;

/** For leaves under a key of one run, which ends with the run: clocks do not matter. */
export const unlimitedValidity: Validity = {
  notBefore: new Date("2000-01-01T00:00:00Z"),
  notAfter: new Date("9999-12-31T23:59:59Z"),
};

/** For leaves under a user's key: two days for clocks that are wrong, and a week to go. */
export function limitedValidity(now: Date): Validity {
  return {
    notBefore: new Date(now.getTime() - 2 * dayMs),
    notAfter: new Date(now.getTime() + 7 * dayMs),
  };
}

/** How signatures by keys of each kind are named in certificates. */
const signatureAlgorithms = {
  ed25519: der.sequence(der.objectIdentifier("1.3.101.112")),
  p256: der.sequence(der.objectIdentifier("1.2.840.10045.4.3.2")),
  p384: der.sequence(der.objectIdentifier("1.2.840.10045.4.3.3")),
  rsa: der.sequence(der.objectIdentifier("1.2.840.113549.1.1.11"), der.nothing),
} as const satisfies Record<KeyKind, Uint8Array>;

const version3 = der.tagged(0, true, der.integer(Uint8Array.of(2)));
const isCritical = der.yes;

/** The anchor for a public key: identical bytes wherever it is made. @throws {RcopyError} `refused` for an unknown kind */
export async function anchorOf(spki: Uint8Array<ArrayBuffer>): Promise<Anchor> {
  const algorithm = signatureAlgorithms[kindOfSpki(spki)];
  const serverName = await serverNameOf(spki);
  const name = nameOf(serverName);
  const body = der.sequence(
    version3,
    der.integer(Uint8Array.of(1)),
    algorithm,
    name,
    validityOf(unlimitedValidity),
    name,
    spki,
    der.tagged(
      3,
      true,
      der.sequence(
        extension("2.5.29.19", isCritical, der.sequence(der.yes)), // CA:TRUE
        extension("2.5.29.15", isCritical, usage(0x06, 1)), // certificates and revocation lists
        extension("2.5.29.14", undefined, der.octetString(await keyIdOf(spki))),
      ),
    ),
  );
  const filler = new Uint8Array(64);
  return {
    anchorPem: der.pem("CERTIFICATE", der.sequence(body, algorithm, der.bitString(filler))),
    serverName,
  };
}

/**
 * A new leaf, whose key is kept in memory only, certified by `anchor`; `madeOutTo` is the anchor's server name unless
 * a test of a client needs another one.
 * @throws what `anchor.sign` throws
 */
export async function certifyLeaf(
  anchor: AnchorKey,
  validity: Validity,
  madeOutTo?: string,
): Promise<LeafChain> {
  const { anchorPem, serverName: itsOwn } = await anchorOf(anchor.spki);
  const serverName = madeOutTo ?? itsOwn;
  const algorithm = signatureAlgorithms[kindOfSpki(anchor.spki)];
  const leafKey = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
  const body = der.sequence(
    version3,
    der.integer(crypto.getRandomValues(new Uint8Array(16))),
    algorithm,
    nameOf(itsOwn),
    validityOf(validity),
    // Another name than the anchor's, or it would look as if it had signed itself.
    nameOf("rcopy"),
    new Uint8Array(await crypto.subtle.exportKey("spki", leafKey.publicKey)),
    der.tagged(
      3,
      true,
      der.sequence(
        extension("2.5.29.19", isCritical, der.sequence()), // CA:FALSE
        extension("2.5.29.15", isCritical, usage(0x80, 7)), // digital signatures
        extension("2.5.29.37", undefined, der.sequence(der.objectIdentifier("1.3.6.1.5.5.7.3.1"))), // TLS server
        extension("2.5.29.35", undefined, der.sequence(der.tagged(0, false, await keyIdOf(anchor.spki)))),
        extension(
          "2.5.29.17",
          undefined,
          der.sequence(der.tagged(2, false, new TextEncoder().encode(serverName))),
        ),
      ),
    ),
  );
  const signature = await anchor.sign(body);
  const leafPem = der.pem("CERTIFICATE", der.sequence(body, algorithm, der.bitString(signature)));
  const privateKey = new Uint8Array(await crypto.subtle.exportKey("pkcs8", leafKey.privateKey));
  return { chainPem: leafPem + anchorPem, keyPem: der.pem("PRIVATE KEY", privateKey), serverName };
}

/** An Ed25519 key for this run; its private half cannot be read out. */
export async function makeAnchorKey(): Promise<AnchorKey> {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]) as CryptoKeyPair;
  return {
    spki: new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)),
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, bytes)),
  };
}

/** The identifier of a key in certificates: any short hash will do if anchor and leaf agree. */
async function keyIdOf(spki: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", spki)).subarray(0, 20);
}

/** One common name. */
function nameOf(commonName: string): Uint8Array {
  // At most 64 characters fit; a server name has 66, and its hash alone says as much.
  const text = commonName.split(".")[0]!;
  return der.sequence(der.set(der.sequence(der.objectIdentifier("2.5.4.3"), der.utf8String(text))));
}

function validityOf({ notBefore, notAfter }: Validity): Uint8Array {
  return der.sequence(der.time(notBefore), der.time(notAfter));
}

function extension(id: string, critical: Uint8Array | undefined, value: Uint8Array): Uint8Array {
  const octets = der.octetString(value);
  return critical
    ? der.sequence(der.objectIdentifier(id), critical, octets)
    : der.sequence(der.objectIdentifier(id), octets);
}

/** Key usage: bits from the left, and how many at the right do not count. */
function usage(bits: number, unusedBits: number): Uint8Array {
  return der.element(0x03, Uint8Array.of(unusedBits, bits));
}
