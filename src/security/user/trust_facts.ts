/** Facts for `user/trust.ts`: the files of the user and of the machine, read anew for each key. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import {
  type Authorization,
  authorize,
  authorizedKeysBytesMax,
  countAuthorized,
  parseAuthorizedKeys,
} from "./authorized_keys.ts";
import { knownHostsBytesMax, lookUpHost, withPort } from "./known_hosts.ts";
import { knownPeersPath, peerName, pinsOf, readKnownPeers } from "./known_peers.ts";
import { parseSshPublicKeyLine, sshFingerprint, type SshPublicKey } from "../ssh/key.ts";
import { keyFileBytesMax } from "../ssh/private_key.ts";
import type { SenderKeyFacts, SharedTrustFacts } from "./trust.ts";
import { readAnyFile, readTrustedFile } from "./trusted_file.ts";
import type { UserPlaces } from "./user_places.ts";

/** The part of the facts that holds for every peer of a run. */
export interface TrustSettings {
  places: UserPlaces;
  /** From `--allow`. */
  allowed: readonly SshPublicKey[];
  /** Keys whose private half is here. */
  own: readonly SshPublicKey[];
  /** The command line of this run, quoted for a shell; printed in remedies. */
  command: string;
}

const machinesKnownHosts = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/** Facts for and against the key of a peer. @param address of the peer, for `from=` */
export async function sharedFacts(
  settings: TrustSettings,
  key: SshPublicKey,
  address: string | undefined,
): Promise<SharedTrustFacts> {
  const { allowed, own, command, places } = settings;
  return {
    key,
    fingerprint: await sshFingerprint(key),
    allowed,
    own,
    command,
    authorized: await authorizationOf(places, key, address),
  };
}

/** Facts for and against the key of a sender that was dialed at HOST:PORT; `dialed` is `undefined` if the sender dialed. */
export async function senderKeyFacts(
  settings: TrustSettings,
  key: SshPublicKey,
  peer: { address: string | undefined; dialed: { host: string; port: number } | undefined; canAsk: boolean },
): Promise<SenderKeyFacts> {
  const { dialed, canAsk } = peer;
  const shared = await sharedFacts(settings, key, peer.address);
  const pinsFile = knownPeersPath(settings.places) ?? "known_peers";
  const unknown = { ...shared, peer: undefined, pins: [], pinsFile, pinsProblem: undefined, canAsk };
  if (dialed === undefined) return { ...unknown, hostKeys: [] };
  const name = peerName(dialed);
  const reading = knownPeersPath(settings.places) === undefined
    ? { state: "absent" as const }
    : await readKnownPeers(pinsFile, settings.places.uid);
  return {
    ...unknown,
    peer: name,
    pins: reading.state === "read" ? pinsOf(reading.text, name) : [],
    pinsProblem: reading.state === "refused" ? reading.reason : undefined,
    hostKeys: await hostKeysOf(settings.places, dialed),
  };
}

async function authorizationOf(
  places: UserPlaces,
  key: SshPublicKey,
  address: string | undefined,
): Promise<Authorization & { file: string }> {
  const { file, keys, problem } = await readAuthorizedKeys(places);
  if (problem !== undefined) return { isAuthorized: false, reasons: [problem], file };
  return { ...authorize(keys, key, { address, nowMs: Date.now() }), file };
}

async function readAuthorizedKeys(places: UserPlaces) {
  const { home, uid } = places;
  const file = home === undefined ? "authorized_keys" : `${home}/.ssh/authorized_keys`;
  if (home === undefined) return { file, keys: [], problem: undefined };
  const reading = await readTrustedFile(file, { bytesMax: authorizedKeysBytesMax, uid, upTo: home });
  return {
    file,
    keys: reading.state === "read" ? parseAuthorizedKeys(reading.text) : [],
    problem: reading.state === "refused" ? reading.reason : undefined,
  };
}

/** How many keys of `authorized_keys` could be let in, and why the file counts for nothing, if it does. */
export async function countAuthorizedKeys(
  places: UserPlaces,
): Promise<{ count: number; problem: string | undefined }> {
  const { keys, problem } = await readAuthorizedKeys(places);
  return { count: countAuthorized(keys, Date.now()), problem };
}

async function hostKeysOf(
  places: UserPlaces,
  { host, port }: { host: string; port: number },
): Promise<SenderKeyFacts["hostKeys"]> {
  const users = places.home === undefined
    ? []
    : ["known_hosts", "known_hosts2"].map((name) => `${places.home}/.ssh/${name}`);
  const found: SenderKeyFacts["hostKeys"][number][] = [];
  for (const file of [...users, ...machinesKnownHosts]) {
    const reading = await readAnyFile(file, knownHostsBytesMax);
    if (reading.state !== "read") continue;
    const { trusted, revoked } = await lookUpHost(reading.text, [host, withPort(host, port)]);
    found.push(...trusted.map((one) => ({ file, ...one, isRevoked: false })));
    found.push(...revoked.map((one) => ({ file, ...one, isRevoked: true })));
  }
  return found;
}

/**
 * The keys that values of `--allow` name: each a public key, or a file with one on each line.
 * @throws {RcopyError} `usage` for what is neither, or no key that rcopy can use
 */
export async function readAllowed(values: readonly string[]): Promise<SshPublicKey[]> {
  const keys: SshPublicKey[] = [];
  for (const value of values) {
    const isKey = /^(ssh-|ecdsa-|sk-)\S* /.test(value);
    for (const line of isKey ? [value] : await linesOf(value)) {
      try {
        keys.push(parseSshPublicKeyLine(line).key);
      } catch (cause) {
        if (!(cause instanceof RcopyError)) throw cause;
        throw new RcopyError("usage", `--allow ${showText(value.slice(0, 200))}: ${cause.message}`, {
          cause,
        });
      }
    }
  }
  return keys;
}

async function linesOf(path: string): Promise<string[]> {
  const reading = await readAnyFile(path, keyFileBytesMax);
  const lines = reading.state === "read"
    ? reading.text.split("\n").map((line) => line.trim()).filter((line) =>
      line !== "" && !line.startsWith("#")
    )
    : [];
  if (lines.length > 0) return lines;
  const reason = reading.state === "read"
    ? "the file holds no key"
    : reading.state === "refused"
    ? reading.reason
    : 'it is neither a public key ("ssh-ed25519 AAAA...") nor a file';
  throw new RcopyError("usage", `--allow ${showText(path.slice(0, 200))}: ${reason}`);
}
