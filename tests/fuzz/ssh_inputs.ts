/** What the readers of OpenSSH's formats are tried with, and all of them on one input. */
import { assert } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import { authorize, parseAuthorizedKeys } from "../../src/security/user/authorized_keys.ts";
import { pinsOf } from "../../src/security/user/known_peers.ts";
import { lookUpHost } from "../../src/security/user/known_hosts.ts";
import {
  parseSpki,
  parseSshBlob,
  parseSshPublicKeyLine,
  parseSshSignature,
  type SshPublicKey,
} from "../../src/security/ssh/key.ts";
import { parseSshPrivateKey } from "../../src/security/ssh/private_key.ts";
import { signSshsig, verifySshsig } from "../../src/security/ssh/signature.ts";
import { keyKinds, makeSshKey } from "../helpers/ssh_keys.ts";
import { withFolder } from "../helpers/test_folder.ts";
import { mutate } from "./mutations.ts";

const encoder = new TextEncoder();
const message = encoder.encode("a message");
/** No reader may take longer; the machine may, so that a slow one is tried again. */
const runMsMax = 500;

/** One valid input, and the readers that it is for. */
export interface SshInput {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** Reads bytes that may be damaged: gives something, or throws an RcopyError. */
  read(bytes: Uint8Array<ArrayBuffer>): unknown;
}

/** Valid inputs of every format, with keys of every kind, made by ssh-keygen. */
export async function sshInputs(): Promise<SshInput[]> {
  const inputs: SshInput[] = [];
  await withFolder(async (folder) => {
    for (const [kind, args] of Object.entries(keyKinds)) {
      const path = `${folder}/${kind}`;
      await makeSshKey(path, { args });
      const line = await Deno.readTextFile(`${path}.pub`);
      const { key } = parseSshPublicKeyLine(line);
      const file = await Deno.readTextFile(path);
      const signer = await parseSshPrivateKey(file, kind);
      const sshsig = await signSshsig(signer, message);
      inputs.push(...inputsOf({ kind, line, key, file, sshsig }));
    }
  });
  return inputs;
}

function inputsOf(
  made: { kind: string; line: string; key: SshPublicKey; file: string; sshsig: Uint8Array<ArrayBuffer> },
): SshInput[] {
  const { kind, line, key, file, sshsig } = made;
  const asText = (read: (text: string) => unknown) => (bytes: Uint8Array) =>
    read(new TextDecoder().decode(bytes));
  const body = Uint8Array.fromBase64(file.replaceAll(/-----.*-----|\s/g, ""));
  const options = 'from="10.0.0.0/8,!*.x",expiry-time="20300101",restrict ';
  const context = { address: "10.0.0.1", nowMs: 0 };
  return [
    { name: `${kind} blob`, bytes: key.blob, read: parseSshBlob },
    { name: `${kind} SPKI`, bytes: key.spki, read: parseSpki },
    { name: `${kind} public line`, bytes: encoder.encode(line), read: asText(parseSshPublicKeyLine) },
    {
      name: `${kind} key text`,
      bytes: encoder.encode(file),
      read: asText((text) => parseSshPrivateKey(text, kind)),
    },
    {
      name: `${kind} key body`,
      bytes: body,
      read: (bytes) =>
        parseSshPrivateKey(
          `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toBase64()}\n-----END OPENSSH PRIVATE KEY-----`,
          kind,
        ),
    },
    {
      name: `${kind} SSHSIG`,
      bytes: sshsig,
      read: async (bytes) => {
        parseSshSignatureOrNot(bytes);
        const isSame = bytes.toHex() === sshsig.toHex();
        assert(await verifySshsig(key, bytes, message) === isSame, "a damaged signature was taken");
      },
    },
    {
      name: `${kind} authorized_keys`,
      bytes: encoder.encode(`# x\n${options}${line}`),
      read: asText((text) => authorize(parseAuthorizedKeys(text), key, context)),
    },
    {
      name: `${kind} known_hosts`,
      bytes: encoder.encode(
        `@revoked *.a,!b ${line}[h]:1 ${line}|1|${"A".repeat(27)}=|${"A".repeat(27)}= ${line}`,
      ),
      read: asText((text) => lookUpHost(text, ["h", "[h]:1"])),
    },
    {
      name: `${kind} known_peers`,
      bytes: encoder.encode(`h:1 ${line}`),
      read: asText((text) => pinsOf(text, "h:1")),
    },
  ];
}

/** A signature alone, on whatever bytes. */
function parseSshSignatureOrNot(bytes: Uint8Array<ArrayBuffer>): void {
  try {
    parseSshSignature(bytes);
  } catch (error) {
    if (!(error instanceof RcopyError)) throw error;
  }
}

/** Damages an input and reads it: anything but a result or a typed error, or a slow one, is thrown. */
export async function tryDamaged(input: SshInput, random: () => number): Promise<void> {
  const bytes = mutate(input.bytes, random);
  let ms = await timed(input, bytes);
  for (let again = 0; ms >= runMsMax && again < 4; again++) ms = Math.min(ms, await timed(input, bytes));
  assert(ms < runMsMax, `${input.name} took ${ms} ms, five times`);
}

async function timed(input: SshInput, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const began = performance.now();
  try {
    await input.read(bytes);
  } catch (cause) {
    const isTyped = cause instanceof RcopyError && cause.code === "refused";
    if (!isTyped) throw new Error(`${input.name}: ${cause} for ${bytes.toHex()}`, { cause });
  }
  return performance.now() - began;
}
