/** The user's own SSH keys: what the agent holds, and what lies unencrypted in `~/.ssh`. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { SshAgent } from "../ssh/agent.ts";
import { isSameKey, publicKeyIn, sshFingerprint, toX509Signature } from "../ssh/key.ts";
import { keyFileBytesMax, parseSshPrivateKey } from "../ssh/private_key.ts";
import type { SshSigner } from "../ssh/signature.ts";
import { readAnyFile } from "./trusted_file.ts";

/** A key whose private half is here. */
export interface SshIdentity extends SshSigner {
  /** "ssh-agent", or the path of the key file. */
  readonly origin: string;
}

/** Where keys are looked for; what is not given is not looked at. */
export interface IdentityPlaces {
  home?: string | undefined;
  /** Value of `SSH_AUTH_SOCK`. */
  agentSocket?: string | undefined;
  agentDeadlineMs?: number;
  /** Where a host has its keys: root may use them. */
  hostKeyFolder?: string | undefined;
}

/** Keys to use, the best first, and why others cannot be used: sentences for the user. */
export interface IdentitySearch {
  identities: SshIdentity[];
  notes: string[];
}

/** The names under which ssh itself looks. */
const userKeyNames = ["id_ed25519", "id_ecdsa", "id_rsa"];
const hostKeyNames = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"];

/** Every key that can be used: those of the agent, then the files. */
export async function findIdentities(places: IdentityPlaces): Promise<IdentitySearch> {
  const search: IdentitySearch = { identities: [], notes: [] };
  await askAgent(search, places);
  const files = [
    ...places.home === undefined ? [] : userKeyNames.map((name) => `${places.home}/.ssh/${name}`),
    ...places.hostKeyFolder === undefined
      ? []
      : hostKeyNames.map((name) => `${places.hostKeyFolder}/${name}`),
  ];
  for (const path of files) {
    const held = await heldHalf(search, path);
    if (held !== undefined) continue;
    try {
      const identity = await readKeyFile(path);
      if (identity !== undefined) add(search, identity);
    } catch (error) {
      if (!(error instanceof RcopyError)) throw error;
      search.notes.push(error.message);
    }
  }
  return search;
}

/**
 * The one identity that `--identity` names: a fingerprint of a key that was found, a key file, or a `.pub` file of a
 * key in the agent.
 * @throws {RcopyError} `usage` if there is none, `refused` for a file that is there and cannot be used
 */
export async function pickIdentity(search: IdentitySearch, wanted: string): Promise<SshIdentity> {
  if (wanted.startsWith("SHA256:")) {
    for (const identity of search.identities) {
      if (await sshFingerprint(identity.key) === wanted) return identity;
    }
    const why = search.notes.length === 0 ? "" : `; ${search.notes.join("; ")}`;
    throw new RcopyError("usage", `no key here has the fingerprint ${showText(wanted)}${why}`);
  }
  const held = await heldHalf(search, wanted.replace(/\.pub$/, ""));
  if (held !== undefined) return held;
  const identity = wanted.endsWith(".pub") ? undefined : await readKeyFile(wanted);
  if (identity !== undefined) return identity;
  throw new RcopyError(
    "usage",
    `cannot use ${
      showText(wanted)
    } as identity: there is no such key file, and the agent does not hold its key`,
  );
}

/** The identity as a signer of certificates: the signature in their form, with the hash that they name. */
export function certifierOf(
  identity: SshSigner,
): { spki: Uint8Array<ArrayBuffer>; sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> } {
  return {
    spki: identity.key.spki,
    sign: async (bytes) => toX509Signature(identity.key, await identity.sign(bytes, { hash: "SHA-256" })),
  };
}

function add(search: IdentitySearch, identity: SshIdentity): void {
  if (!search.identities.some(({ key }) => isSameKey(key, identity.key))) search.identities.push(identity);
}

async function askAgent(search: IdentitySearch, places: IdentityPlaces): Promise<void> {
  if (places.agentSocket === undefined || places.agentSocket === "") return;
  const { agentSocket: socket, agentDeadlineMs: deadlineMs } = places;
  const agent = new SshAgent(deadlineMs === undefined ? { socket } : { socket, deadlineMs });
  try {
    const { usable, unusable } = await agent.identities();
    for (const { key } of usable) {
      add(search, { key, origin: "ssh-agent", sign: (data, options) => agent.sign(key, data, options) });
    }
    search.notes.push(...unusable.map((reason) => `key of ssh-agent, ${reason}`));
  } catch (error) {
    if (!(error instanceof RcopyError)) throw error;
    search.notes.push(error.message);
  }
}

/** The identity of the agent whose public half lies beside the file. */
async function heldHalf(search: IdentitySearch, path: string): Promise<SshIdentity | undefined> {
  const reading = await readAnyFile(`${path}.pub`, keyFileBytesMax);
  if (reading.state !== "read") return undefined;
  const key = publicKeyIn(reading.text.split("\n", 1)[0]!);
  return key && search.identities.find((identity) => isSameKey(identity.key, key));
}

/** @throws {RcopyError} `refused` for a file that is there and cannot be used */
async function readKeyFile(path: string): Promise<SshIdentity | undefined> {
  const reading = await readAnyFile(path, keyFileBytesMax);
  if (reading.state === "absent") return undefined;
  if (reading.state === "refused") throw new RcopyError("refused", reading.reason);
  const { mode } = await Deno.stat(path);
  if (mode !== null && (mode & 0o077) !== 0) {
    throw new RcopyError(
      "refused",
      `cannot use ${showText(path)}: others may read it (mode ${(mode & 0o777).toString(8)}); use: chmod 600`,
    );
  }
  return { ...await parseSshPrivateKey(reading.text, path), origin: path };
}
