/** Certificates: judged by openssl, and by the TLS that uses them. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { RcopyError } from "../../base/errors.ts";
import { shell, testWhere } from "../../../tests/helpers/test_folder.ts";
import {
  type AnchorKey,
  anchorOf,
  certifyLeaf,
  type LeafChain,
  limitedValidity,
  makeAnchorKey,
  unlimitedValidity,
} from "./certificate.ts";
import { kindOfSpki } from "./public_key.ts";

function keyFrom(pair: { publicKey: KeyObject; privateKey: KeyObject }, hash: string | null): AnchorKey {
  return {
    spki: new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" })),
    sign: (bytes) => Promise.resolve(new Uint8Array(sign(hash, Buffer.from(bytes), pair.privateKey))),
  };
}

const keys: Record<string, () => AnchorKey | Promise<AnchorKey>> = {
  "this run's Ed25519": makeAnchorKey,
  "Ed25519": () => keyFrom(generateKeyPairSync("ed25519"), null),
  "P-256": () => keyFrom(generateKeyPairSync("ec", { namedCurve: "P-256" }), "sha256"),
  "P-384": () => keyFrom(generateKeyPairSync("ec", { namedCurve: "P-384" }), "sha384"),
  "RSA-2048": () => keyFrom(generateKeyPairSync("rsa", { modulusLength: 2048 }), "sha256"),
  "RSA-3072": () => keyFrom(generateKeyPairSync("rsa", { modulusLength: 3072 }), "sha256"),
};

/** Makes a handshake with a listener that presents `chain`. */
async function handshake(chain: LeafChain, anchorPem: string, serverName: string): Promise<void> {
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: chain.chainPem,
    key: chain.keyPem,
  });
  const accepted = listener.accept();
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: (listener.addr as Deno.NetAddr).port,
  });
  const served = (await accepted).handshake().then(() => undefined, (error) => error);
  const tls = await Deno.startTls(connection, { hostname: serverName, caCerts: [anchorPem] });
  try {
    await tls.handshake();
  } finally {
    tls.close();
    await served;
    (await accepted).close();
  }
}

async function withFiles(
  files: Record<string, string>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-certificates-" });
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, makeKey] of Object.entries(keys)) {
  Deno.test(`a leaf under ${name} verifies by openssl and by TLS, from the bare public key alone`, async () => {
    const key = await makeKey();
    const chain = await certifyLeaf(key, limitedValidity(new Date()));
    const { anchorPem, serverName } = await anchorOf(key.spki);
    assert(chain.chainPem.endsWith(anchorPem), "the listener presents another anchor than the dialer makes");
    assertEquals(chain.serverName, serverName);
    await withFiles({ "leaf.pem": chain.chainPem, "anchor.pem": anchorPem }, async (folder) => {
      const verify = `cd "$1" && openssl verify -x509_strict -purpose sslserver -verify_hostname "$2" ` +
        "-CAfile anchor.pem leaf.pem 2>&1 || true";
      assertMatch(await shell(verify, folder, serverName), /leaf\.pem: OK/);
      assertMatch(await shell(verify, folder, `x${serverName}`), /hostname mismatch/i);
    });
    await handshake(chain, anchorPem, serverName);
    const stranger = await anchorOf((await makeAnchorKey()).spki);
    await assertRejects(() => handshake(chain, stranger.anchorPem, serverName), Deno.errors.InvalidData);
    await assertRejects(() => handshake(chain, anchorPem, stranger.serverName), Deno.errors.InvalidData);
  });
}

Deno.test("a leaf of another key under the right names is refused", async () => {
  const [mine, theirs] = [await makeAnchorKey(), await makeAnchorKey()];
  const forged = await certifyLeaf({ spki: mine.spki, sign: theirs.sign }, unlimitedValidity);
  const { anchorPem, serverName } = await anchorOf(mine.spki);
  await assertRejects(() => handshake(forged, anchorPem, serverName), Deno.errors.InvalidData);
});

Deno.test("a leaf holds within its validity, and not a second outside of it", async () => {
  const now = Date.now();
  const dayMs = 24 * 3600 * 1000;
  const cases: [string, number, number, boolean][] = [
    ["expired", -3 * dayMs, -1000, false],
    ["in the future", 60_000, 3 * dayMs, false],
    ["under way", -1000, 60_000, true],
  ];
  for (const [, from, to, holds] of cases) {
    const key = await makeAnchorKey();
    const validity = { notBefore: new Date(now + from), notAfter: new Date(now + to) };
    const chain = await certifyLeaf(key, validity);
    const { anchorPem, serverName } = await anchorOf(key.spki);
    if (holds) await handshake(chain, anchorPem, serverName);
    else await assertRejects(() => handshake(chain, anchorPem, serverName), Deno.errors.InvalidData);
  }
});

Deno.test("dates are those that were asked for, this side and beyond 2050", async () => {
  const chain = await certifyLeaf(await makeAnchorKey(), unlimitedValidity);
  await withFiles({ "leaf.pem": chain.chainPem }, async (folder) => {
    const text = await shell('openssl x509 -in "$1/leaf.pem" -noout -text', folder);
    assertMatch(text, /Not Before: Jan +1 00:00:00 2000 GMT/);
    assertMatch(text, /Not After : Dec 31 23:59:59 9999 GMT/);
    assertMatch(text, /CA:FALSE/);
    assertMatch(text, new RegExp(`DNS:${chain.serverName}`));
    assertMatch(text, /TLS Web Server Authentication/);
  });
  const { notBefore, notAfter } = limitedValidity(new Date("2026-03-10T12:00:00Z"));
  assertEquals(notBefore.toISOString(), "2026-03-08T12:00:00.000Z");
  assertEquals(notAfter.toISOString(), "2026-03-17T12:00:00.000Z");
});

Deno.test("a key of another kind, or a malformed one, makes no anchor", async () => {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-521" }),
    generateKeyPairSync("x25519"),
  ];
  const spkis = pairs.map(({ publicKey }) =>
    new Uint8Array((publicKey as KeyObject).export({ type: "spki", format: "der" }))
  );
  const { spki } = await makeAnchorKey();
  for (const bad of [...spkis, spki.slice(0, -1), new Uint8Array([...spki, 0]), new Uint8Array(0)]) {
    const error = await assertRejects(() => anchorOf(bad as Uint8Array<ArrayBuffer>), RcopyError);
    assertEquals(error.code, "refused");
  }
});

const script = new URL("../../../tests/helpers/anchor.py", import.meta.url).pathname;

testWhere(
  { programs: ["python3"] },
  "an anchor is, byte for byte, what PROTOCOL.md says that it is",
  async () => {
    for (const [name, makeKey] of Object.entries(keys)) {
      const { spki } = await makeKey();
      const { anchorPem, serverName } = await anchorOf(spki);
      const made = (await shell('python3 "$1" "$2" "$3"', script, kindOfSpki(spki), spki.toHex())).trim();
      const der = Uint8Array.fromBase64(anchorPem.replaceAll(/-----[^-]+-----|\n/g, ""));
      assertEquals(`${der.toHex()} ${serverName}`, made, name);
    }
  },
);
