/** Verdicts on the keys of peers, proved or claimed in a probe. Facts in, verdict out: nothing is read here. */
import type { Role } from "../../wire/hello.ts";
import { showText } from "../../base/show.ts";
import { isSameKey, showSshKey, type SshPublicKey } from "../ssh/key.ts";
import type { Authorization } from "./authorized_keys.ts";
import type { Pin } from "./known_peers.ts";

/** A verdict on a key. */
export type TrustVerdict =
  | { verdict: "accept"; reason: string }
  /** A person is to compare the fingerprint; a key that they accept is pinned. */
  | { verdict: "ask"; reason: string }
  | { verdict: "refuse"; reason: string; remedy: string };

/** Facts by which both sides judge. */
export interface SharedTrustFacts {
  key: SshPublicKey;
  /** Of the key: "SHA256:…". */
  fingerprint: string;
  /** Keys given by `--allow`. */
  allowed: readonly SshPublicKey[];
  /** What `authorized_keys` says of the key, and where it is. */
  authorized: Authorization & { file: string };
  /** Keys whose private half is here. */
  own: readonly SshPublicKey[];
  /** The command line of this run, quoted for a shell; printed in remedies with `--allow` added. */
  command: string;
}

/** Facts by which a receiver judges. */
export interface SenderKeyFacts extends SharedTrustFacts {
  /** HOST:PORT that was dialed; `undefined` if the sender dialed. */
  peer: string | undefined;
  /** What `known_peers` has of HOST:PORT. */
  pins: readonly Pin[];
  pinsFile: string;
  /** Why `known_peers` is there and must not be used. */
  pinsProblem: string | undefined;
  /** What `known_hosts` files have of HOST and [HOST]:PORT. */
  hostKeys: readonly { file: string; line: number; key: SshPublicKey; isRevoked: boolean }[];
  /** Whether a person at a terminal can be asked. */
  canAsk: boolean;
}

/** A sender's verdict on the key of a receiver. No person is asked: a sender is told beforehand which keys may fetch. */
export function judgeReceiverKey(facts: SharedTrustFacts): TrustVerdict {
  return byAllowance(facts) ?? byAuthorizedKeys(facts) ?? byOwnKey(facts) ?? unknown(facts, "receiver");
}

/** A receiver's verdict on the key of a sender, in the order of the rules; a revoked key never passes. */
export function judgeSenderKey(facts: SenderKeyFacts): TrustVerdict {
  return byRevocation(facts) ?? byAllowance(facts) ?? byPin(facts) ?? byKnownHosts(facts) ??
    byAuthorizedKeys(facts) ?? byOwnKey(facts) ?? (facts.canAsk ? ask(facts) : unknown(facts, "sender"));
}

function accept(reason: string): TrustVerdict {
  return { verdict: "accept", reason };
}

function byRevocation({ hostKeys, key, fingerprint }: SenderKeyFacts): TrustVerdict | undefined {
  const revoked = hostKeys.find((host) => host.isRevoked && isSameKey(host.key, key));
  return revoked && {
    verdict: "refuse",
    reason: `the sender's key ${fingerprint} is revoked`,
    remedy: `it is marked @revoked in ${showText(revoked.file)}, line ${revoked.line}`,
  };
}

function byAllowance({ allowed, key }: SharedTrustFacts): TrustVerdict | undefined {
  return allowed.some((other) => isSameKey(other, key)) ? accept("named by --allow") : undefined;
}

/** A pin is the only key for its peer: another key may be that of a man in the middle. */
function byPin(
  { pins, pinsFile, pinsProblem, peer, key, fingerprint }: SenderKeyFacts,
): TrustVerdict | undefined {
  if (peer === undefined) return undefined;
  if (pinsProblem !== undefined) {
    return {
      verdict: "refuse",
      reason: `it cannot be told whether the key ${fingerprint} is the one met before at ${showText(peer)}`,
      remedy: pinsProblem,
    };
  }
  const changed = pins.filter((pin) => pin.key === undefined || !isSameKey(pin.key, key));
  if (changed.length > 0) {
    const lines = changed.map(({ line }) => line);
    return {
      verdict: "refuse",
      reason:
        `the key of ${
          showText(peer)
        } has changed: it is ${fingerprint} now, and another was accepted before. ` +
        `Somebody may be in between`,
      remedy:
        `if the sender really has a new key, delete line ${lines.join(" and line ")} of ${
          showText(pinsFile)
        }: ` +
        `sed -i ${lines.map((line) => `-e ${line}d`).join(" ")} '${pinsFile.replaceAll("'", "'\\''")}'`,
    };
  }
  return pins.length > 0 ? accept(`accepted before for ${showText(peer)}`) : undefined;
}

function byKnownHosts({ hostKeys, key }: SenderKeyFacts): TrustVerdict | undefined {
  const known = hostKeys.find((host) => !host.isRevoked && isSameKey(host.key, key));
  return known && accept(`host key in ${showText(known.file)}, line ${known.line}`);
}

function byAuthorizedKeys({ authorized }: SharedTrustFacts): TrustVerdict | undefined {
  return authorized.isAuthorized
    ? accept(`in ${showText(authorized.file)}, line ${authorized.line}`)
    : undefined;
}

function byOwnKey({ own, key }: SharedTrustFacts): TrustVerdict | undefined {
  return own.some((other) => isSameKey(other, key)) ? accept("your own key") : undefined;
}

function ask({ peer, fingerprint }: SenderKeyFacts): TrustVerdict {
  return {
    verdict: "ask",
    reason: `the sender at ${
      showText(peer ?? "an unknown address")
    } has a key that is not known here: ${fingerprint}`,
  };
}

function unknown(facts: SharedTrustFacts, role: Role): TrustVerdict {
  const { authorized, fingerprint, command, key } = facts;
  const against = authorized.isAuthorized || authorized.reasons.length === 0
    ? ""
    : ` (${showText(authorized.file)}, ${authorized.reasons.join("; ")})`;
  return {
    verdict: "refuse",
    reason: `the ${role}'s key ${fingerprint} is not trusted here${against}`,
    remedy: `compare the fingerprint with the one shown there, and if it is the same: ` +
      `${command} --allow '${showSshKey(key)}'`,
  };
}
