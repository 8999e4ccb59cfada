/** SSH in one run: the keys of the user, the keys that the user trusts, and how both are described. Opens no connection. */
import type { Role } from "../wire/hello.ts";
import { RcopyError } from "../base/errors.ts";
import { findIdentities, pickIdentity, type SshIdentity } from "../security/user/identities.ts";
import { sshFingerprint } from "../security/ssh/key.ts";
import { countAuthorizedKeys, readAllowed, type TrustSettings } from "../security/user/trust_facts.ts";
import { findUserPlaces, type UserPlaces } from "../security/user/user_places.ts";

/** Options that concern SSH keys, of either end. */
export interface SshOptions {
  /** The one key to use: a key file, or "SHA256:…". */
  identity?: string | undefined;
  /** Public keys to accept from the peer: each a key, or a file of keys. */
  allow?: readonly string[] | undefined;
  /** The command line of this run, quoted for a shell; printed in remedies. */
  command?: string | undefined;
}

/** Keys and trust, as they were found when the run began. */
export interface SshRun {
  places: UserPlaces;
  /** The best first; with `identity`, that one alone. */
  identities: readonly SshIdentity[];
  /** Reasons why further keys cannot be used, as sentences. */
  notes: readonly string[];
  trust: TrustSettings;
}

/** Finds the user's keys and reads `--allow`. @throws {RcopyError} `usage` for a wrong `--allow`, `refused` for a wrong `--identity` */
export async function prepareSsh(
  options: SshOptions & { role: Role },
  places: UserPlaces = findUserPlaces(),
): Promise<SshRun> {
  const allowed = await readAllowed(options.allow ?? []);
  const { home, agentSocket, hostKeyFolder } = places;
  let found = await findIdentities({ home, agentSocket });
  const own = found.identities.map(({ key }) => key);
  if (options.identity !== undefined) {
    const picked = await pickIdentity(found, options.identity);
    found = { identities: [picked], notes: [] };
    own.push(picked.key);
  } else if (found.identities.length === 0 && found.notes.length === 0 && hostKeyFolder !== undefined) {
    // Only where the user has none: one that cannot be used is to be named, not replaced.
    found = await findIdentities({ hostKeyFolder });
    own.push(...found.identities.map(({ key }) => key));
  }
  const missing = places.missing.length === 0
    ? []
    : [`SSH keys cannot be looked for without ${places.missing.join(" ")}`];
  const command = options.command ?? `rcopy ${options.role === "sender" ? "send" : "receive"} ...`;
  return {
    places,
    identities: found.identities,
    notes: [...found.notes, ...missing],
    trust: { places, allowed, own, command },
  };
}

/** The error of an end that needs a key and has none. */
export function noIdentity({ notes }: SshRun, what: string): RcopyError {
  const why = notes.length === 0 ? "neither ssh-agent nor ~/.ssh has one" : notes.join("; ");
  return new RcopyError(
    "refused",
    `${what} needs an SSH key of yours, and none can be used: ${why}; make one with ssh-keygen -t ed25519, or use the ` +
      "ticket that the listening end prints",
  );
}

/** Describes the peers that a listener lets in, for the person at its terminal. */
export async function describeAllowedPeers(
  { trust, places }: SshRun,
  withTicket: boolean,
): Promise<string[]> {
  const { count, problem } = await countAuthorizedKeys(places);
  const allowed = trust.allowed.length;
  return [
    ...withTicket ? ["whoever has this ticket"] : [],
    ...allowed > 0 ? [`${keys(allowed)} named by --allow`] : [],
    problem ?? (count > 0 ? `${keys(count)} in authorized_keys` : "no key of authorized_keys"),
    ...trust.own.length > 0 ? ["your own keys"] : [],
  ];
}

/** Describes a key as a person compares it: by its fingerprint. */
export async function describeIdentity({ key, origin }: SshIdentity): Promise<string> {
  return `${await sshFingerprint(key)} (${key.type} of ${origin})`;
}

function keys(count: number): string {
  return count === 1 ? "1 key" : `${count} keys`;
}
