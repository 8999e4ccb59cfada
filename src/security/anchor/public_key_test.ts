/** Public keys of anchors, made by WebCrypto. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { bareKeyOf, keyBytesOf, kindOfSpki, serverNameOf, spkiOf } from "./public_key.ts";

const algorithms = {
  ed25519: { name: "Ed25519" },
  p256: { name: "ECDSA", namedCurve: "P-256" },
  p384: { name: "ECDSA", namedCurve: "P-384" },
  rsa: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
  },
} as const;

async function makeKey(algorithm: typeof algorithms[keyof typeof algorithms]) {
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as CryptoKeyPair;
  const exported = async (format: "spki" | "raw") =>
    new Uint8Array(await crypto.subtle.exportKey(format, pair.publicKey));
  return {
    spki: await exported("spki"),
    raw: algorithm.name.startsWith("RSA") ? undefined : await exported("raw"),
  };
}

for (const kind of ["ed25519", "p256", "p384"] as const) {
  Deno.test(`an SPKI of ${kind} is recognised, opened and built as WebCrypto does`, async () => {
    const { spki, raw } = await makeKey(algorithms[kind]);
    assertEquals(kindOfSpki(spki), kind);
    assertEquals(bareKeyOf(kind, spki), raw);
    assertEquals(raw!.length, keyBytesOf(kind));
    assertEquals(spkiOf(kind, raw!), spki);
  });
}

Deno.test("an SPKI of RSA is recognised, up to 16,384 bits", async () => {
  const { spki } = await makeKey(algorithms.rsa);
  assertEquals(kindOfSpki(spki), "rsa");
  const long = new Uint8Array(2101);
  long.set(spki);
  assertThrows(() => kindOfSpki(long), RcopyError);
});

Deno.test("a key that is cut, longer, compressed or of another kind is refused", async () => {
  for (const kind of ["ed25519", "p256", "p384"] as const) {
    const { spki, raw } = await makeKey(algorithms[kind]);
    for (
      const wrong of [spki.subarray(1), spki.subarray(0, -1), Uint8Array.of(...spki, 0), new Uint8Array(0)]
    ) {
      assertEquals(assertThrows(() => kindOfSpki(wrong), RcopyError).code, "refused");
    }
    assertThrows(() => spkiOf(kind, raw!.slice(1)), RcopyError);
    if (kind === "ed25519") continue;
    const compressed = raw!.slice();
    compressed[0] = 2;
    assertThrows(() => spkiOf(kind, compressed), RcopyError);
  }
  const { spki } = await makeKey(algorithms.p256);
  const otherCurve = spki.slice();
  otherCurve[22]! ^= 1; // in the name of the curve
  assertThrows(() => kindOfSpki(otherCurve), RcopyError);
});

Deno.test("a server name is the SHA-256 of the key in base32, under a domain that nobody has", async () => {
  const { spki } = await makeKey(algorithms.ed25519);
  const name = await serverNameOf(spki);
  assertMatch(name, /^[a-z2-7]{52}\.rcopy\.invalid$/);
  const hash = BigInt(`0x${new Uint8Array(await crypto.subtle.digest("SHA-256", spki)).toHex()}`);
  let shown = 0n;
  for (const character of name.slice(0, 52)) {
    shown = shown * 32n + BigInt("abcdefghijklmnopqrstuvwxyz234567".indexOf(character));
  }
  assertEquals(shown, hash << 4n); // 52 characters hold 260 bits
});
