import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { keyKinds, makeSshKey } from "../../../tests/helpers/ssh_keys.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import {
  encodeSshSignature,
  isSameKey,
  parseSpki,
  parseSshBlob,
  parseSshPublicKeyLine,
  parseSshSignature,
  showSshKey,
  sshFingerprint,
  toX509Signature,
  verifySshSignature,
} from "./key.ts";
import { parseSshPrivateKey } from "./private_key.ts";
import { isSmallOrder } from "./points.ts";
import { fromBigInt, SshWriter, withZeros } from "./wire.ts";

const needs = { programs: ["ssh-keygen", "openssl"] };
const data = new TextEncoder().encode("what is signed");

for (const [name, args] of Object.entries(keyKinds)) {
  testWhere(
    needs,
    `${name}: key files, fingerprint, SPKI and signatures agree with ssh-keygen and openssl`,
    () =>
      withFolder(async (folder) => {
        const path = `${folder}/key`;
        await makeSshKey(path, { args, comment: "me@here and there" });
        const line = await Deno.readTextFile(`${path}.pub`);
        const { key, comment } = parseSshPublicKeyLine(line);
        assertEquals(comment, "me@here and there");
        assert(line.startsWith(showSshKey(key)));
        assertEquals((await shell('ssh-keygen -lf "$1"', path)).split(" ")[1], await sshFingerprint(key));

        const wanted = await shell('ssh-keygen -e -m PKCS8 -f "$1" || openssl pkey -pubin -in "$1.pub"', path)
          .catch(() => undefined); // of Ed25519 it makes no PKCS8
        if (wanted !== undefined) {
          assertEquals(wanted.replaceAll(/-----.*-----|\n/g, ""), key.spki.toBase64());
        }
        assert(isSameKey(parseSpki(key.spki), key));

        const privateKey = await parseSshPrivateKey(await Deno.readTextFile(path), path);
        assert(isSameKey(privateKey.key, key));
        const signature = await privateKey.sign(data);
        assert(await verifySshSignature(key, signature, data));
        assertEquals(parseSshSignature(encodeSshSignature(signature)), signature);
        await opensslAccepts(folder, key.spki, await privateKey.sign(data, { hash: "SHA-256" }), name);
        await everyFlipIsRefused(key, signature);
      }),
  );
}

async function opensslAccepts(
  folder: string,
  spki: Uint8Array<ArrayBuffer>,
  signature: Awaited<ReturnType<typeof parseSshSignature>>,
  name: string,
): Promise<void> {
  await Deno.writeFile(`${folder}/spki`, spki);
  await Deno.writeFile(`${folder}/signature`, toX509Signature(parseSpki(spki), signature));
  await Deno.writeFile(`${folder}/data`, data);
  const hash = name === "ed25519" ? [] : ["-digest", name === "p384" ? "sha384" : "sha256"];
  await shell(
    'openssl pkeyutl -verify -pubin -keyform DER -inkey "$1/spki" -sigfile "$1/signature" -in "$1/data" -rawin "${@:2}"',
    folder,
    ...hash,
  );
}

async function everyFlipIsRefused(
  key: ReturnType<typeof parseSshBlob>,
  signature: ReturnType<typeof parseSshSignature>,
): Promise<void> {
  for (let at = 0; at < signature.bytes.length; at += 3) {
    const bytes = signature.bytes.slice();
    bytes[at]! ^= 1 << (at % 8);
    assertEquals(await verifySshSignature(key, { ...signature, bytes }, data), false, `byte ${at}`);
  }
  assertEquals(await verifySshSignature(key, signature, data.slice(1)), false);
  for (const algorithm of ["ssh-rsa", "ssh-ed25519", "rsa-sha2-256", "toString", ""]) {
    if (algorithm === signature.algorithm) continue;
    assertEquals(await verifySshSignature(key, { ...signature, algorithm }, data), false, algorithm);
  }
  for (const bytes of [new Uint8Array(), signature.bytes.slice(1), new Uint8Array([...signature.bytes, 0])]) {
    assertEquals(await verifySshSignature(key, { ...signature, bytes }, data), false);
  }
}

const pemForms: [string, string[]][] = [
  ["RSA PKCS #1", ["-t", "rsa", "-m", "PEM"]],
  ["ECDSA SEC 1", ["-t", "ecdsa", "-b", "384", "-m", "PEM"]],
  ["ECDSA PKCS #8", ["-t", "ecdsa", "-m", "PKCS8"]],
  ["RSA PKCS #8", ["-t", "rsa", "-b", "2048", "-m", "PKCS8"]],
];
for (const [name, args] of pemForms) {
  testWhere(needs, `a private key as ${name} is read`, () =>
    withFolder(async (folder) => {
      await makeSshKey(`${folder}/key`, { args });
      const { key } = parseSshPublicKeyLine(await Deno.readTextFile(`${folder}/key.pub`));
      const privateKey = await parseSshPrivateKey(await Deno.readTextFile(`${folder}/key`), "key");
      assert(isSameKey(privateKey.key, key));
      assert(await verifySshSignature(key, await privateKey.sign(data), data));
    }));
}

const refusedFiles: [string, string[], RegExp][] = [
  ["P-521", ["-t", "ecdsa", "-b", "521"], /P-521 keys are not supported yet/],
  ["RSA of 1024 bits", ["-t", "rsa", "-b", "1024"], /RSA key of 1024 bits/],
  ["RSA of 2040 bits", ["-t", "rsa", "-b", "2040"], /RSA key of 2040 bits/],
  ["a passphrase", ["-t", "ed25519", "-N", "secret word"], /needs a passphrase.*ssh-add/],
  ["a passphrase in PEM", ["-t", "rsa", "-m", "PEM", "-N", "secret word"], /needs a passphrase.*ssh-add/],
  [
    "a passphrase in PKCS #8",
    ["-t", "rsa", "-m", "PKCS8", "-N", "secret word"],
    /needs a passphrase.*ssh-add/,
  ],
];
for (const [name, args, message] of refusedFiles) {
  testWhere(
    needs,
    `a private key file with ${name} is refused, and says why`,
    () =>
      withFolder(async (folder) => {
        await makeSshKey(`${folder}/key`, { args });
        const text = await Deno.readTextFile(`${folder}/key`);
        const error = await assertRejects(() => parseSshPrivateKey(text, "~/.ssh/key"), RcopyError);
        assert(message.test(error.message), error.message);
      }),
  );
}

const blobOf = (...fields: (string | Uint8Array)[]) =>
  fields.reduce((writer: SshWriter, field) => writer.string(field), new SshWriter()).bytes();
const point256 = Uint8Array.fromHex( // the base point
  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
);
const offCurve = point256.with(64, point256[64]! ^ 1);
const modulus = new Uint8Array(256).fill(0xff).with(0, 0x80);
const refusedBlobs: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ["nothing", new Uint8Array(), /cut short/],
  ["DSA", blobOf("ssh-dss", "x"), /DSA/],
  ["a security token", blobOf("sk-ssh-ed25519@openssh.com", "x"), /security tokens/],
  ["a certificate", blobOf("ssh-ed25519-cert-v01@openssh.com", "x"), /certificates/],
  ["an unknown type", blobOf("ssh-\x1b[31m", "x"), /type ssh-\\x1b\[31m are not known/],
  ["Ed25519 of 31 bytes", blobOf("ssh-ed25519", new Uint8Array(31).fill(9)), /32 bytes/],
  ["Ed25519 of small order", blobOf("ssh-ed25519", new Uint8Array(32)), /anybody can sign/],
  ["Ed25519 with a tail", blobOf("ssh-ed25519", new Uint8Array(32).fill(9), ""), /follow its end/],
  ["a point off its curve", blobOf("ecdsa-sha2-nistp256", "nistp256", offCurve), /no point/],
  ["another curve than the type's", blobOf("ecdsa-sha2-nistp256", "nistp384", point256), /curve/],
  [
    "a compressed point",
    blobOf("ecdsa-sha2-nistp256", "nistp256", point256.slice(0, 33).with(0, 2)),
    /no point/,
  ],
  ["RSA with exponent 1", rsaBlob(Uint8Array.of(1), modulus), /proves nothing/],
  ["RSA with an even exponent", rsaBlob(Uint8Array.of(4), modulus), /proves nothing/],
  ["RSA with an even modulus", rsaBlob(Uint8Array.of(3), modulus.with(255, 2)), /proves nothing/],
  ["RSA of 2047 bits", rsaBlob(Uint8Array.of(3), modulus.with(0, 0x40)), /2047 bits/],
  ["a number with zeros before it", blobOf("ssh-rsa", Uint8Array.of(0, 3), modulus), /shortest form/],
  ["a negative number", blobOf("ssh-rsa", Uint8Array.of(3), modulus), /negative/],
];
function rsaBlob(exponent: Uint8Array, n: Uint8Array): Uint8Array<ArrayBuffer> {
  return new SshWriter().string("ssh-rsa").mpint(exponent).mpint(n).bytes();
}
for (const [name, blob, message] of refusedBlobs) {
  Deno.test(`parseSshBlob() refuses ${name}`, () => {
    const error = assertThrows(() => parseSshBlob(blob), RcopyError);
    assert(message.test(error.message), error.message);
    assertEquals(error.code, "refused");
  });
}

Deno.test("parseSshBlob() takes the base point and the smallest RSA modulus", () => {
  assertEquals(parseSshBlob(blobOf("ecdsa-sha2-nistp256", "nistp256", point256)).kind, "p256");
  assertEquals(parseSshBlob(rsaBlob(Uint8Array.of(3), modulus)).bits, 2048);
});

Deno.test("the points of order 8 are those of the curve: 2y² = 1 − dy⁴, and their doubles have y = 0", () => {
  const p = 2n ** 255n - 19n;
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let square = base % p, left = exponent; left > 0n; left >>= 1n, square = square * square % p) {
      if (left & 1n) result = result * square % p;
    }
    return result;
  };
  const d = (p - 121665n) * power(121666n, p - 2n) % p;
  let found = 0;
  for (const hex of ["7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"]) {
    for (const y of [BigInt(`0x${hex}`), p - BigInt(`0x${hex}`)]) {
      assertEquals((2n * y * y - 1n + d * y * y * y * y) % p, 0n);
      const key = withZeros(fromBigInt(y), 32)!.toReversed();
      assert(isSmallOrder(key) && isSmallOrder(key.with(31, key[31]! | 0x80)));
      found++;
    }
  }
  assertEquals(found, 2);
  assert(
    !isSmallOrder(withZeros(fromBigInt(4n * power(5n, p - 2n) % p), 32)!.toReversed()),
    "the base point",
  );
  assert(isSmallOrder(withZeros(fromBigInt(p + 4n), 32)!.toReversed()), "not in its only form");
});

Deno.test("an Ed25519 signature whose S is not reduced is refused", async () => {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const key = parseSshBlob(blobOf("ssh-ed25519", raw));
  const bytes = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, data));
  assert(await verifySshSignature(key, { algorithm: "ssh-ed25519", bytes }, data));
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const s = BigInt(`0x${bytes.slice(32).toReversed().toHex()}`) + order;
  bytes.set(withZeros(fromBigInt(s), 32)!.toReversed(), 32);
  assertEquals(await verifySshSignature(key, { algorithm: "ssh-ed25519", bytes }, data), false);
});

for (
  const line of [
    "",
    "ssh-ed25519",
    "ssh-ed25519 !!!!",
    "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIE",
    "hello world",
    `ssh-rsa ${blobOf("ssh-ed25519", new Uint8Array(32).fill(9)).toBase64()}`,
  ]
) {
  Deno.test(`parseSshPublicKeyLine() refuses ${JSON.stringify(line.slice(0, 40))}`, () => {
    assertThrows(() => parseSshPublicKeyLine(line), RcopyError);
  });
}

testWhere(
  needs,
  "a private key file whose halves do not belong together is refused",
  () =>
    withFolder(async (folder) => {
      await makeSshKey(`${folder}/one`);
      await makeSshKey(`${folder}/two`);
      const body = async (name: string) =>
        Uint8Array.fromBase64(
          (await Deno.readTextFile(`${folder}/${name}`)).replaceAll(/-----.*-----|\s/g, ""),
        );
      const [one, two] = [await body("one"), await body("two")];
      // The public half stands three times; the private seed before the last.
      const publicHalf = one.slice(62, 94);
      const last = one.toHex().lastIndexOf(publicHalf.toHex()) / 2;
      one.set(two.slice(last - 32, last), last - 32);
      const text =
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${one.toBase64()}\n-----END OPENSSH PRIVATE KEY-----\n`;
      const error = await assertRejects(() => parseSshPrivateKey(text, "key"), RcopyError);
      assert(/private half|make no key/.test(error.message), error.message);
    }),
);
