/** `known_hosts`: which host keys a host has, as OpenSSH reads the file. */
import { publicKeyIn, type SshPublicKey } from "../ssh/key.ts";
import { matchesHostList } from "./host_pattern.ts";
import { fromBase64 } from "../ssh/wire.ts";

/** One line that could matter: where it is, what it marks, for which hosts. */
export interface KnownHostsLine {
  /** From 1. */
  number: number;
  marker: "none" | "revoked" | "cert-authority";
  hosts: string;
  /** TYPE BASE64 and what follows. */
  keyText: string;
}

/** What the file says of a host. */
export interface HostKeys {
  trusted: { key: SshPublicKey; line: number }[];
  revoked: { key: SshPublicKey; line: number }[];
}

/** Files larger than this are not read. */
export const knownHostsBytesMax = 32 * 1024 * 1024;

/** How OpenSSH writes a host with a port that is not ssh's own. */
export function withPort(host: string, port: number): string {
  return `[${host}]:${port}`;
}

/** The lines that are neither empty, comments, nor malformed; a line with a marker that is not known counts as malformed. */
export function* knownHostsLines(text: string): Generator<KnownHostsLine> {
  let number = 0;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
    number++;
    const parsed = parseLine(line);
    if (parsed !== undefined) yield { number, ...parsed };
  }
}

const markers: Record<string, KnownHostsLine["marker"]> = {
  "@revoked": "revoked",
  "@cert-authority": "cert-authority",
};

/**
 * Marker, hosts, key. A `#` begins a comment only where the line does, not behind a marker. A key whose type begins as the
 * numbers of SSH 1 did is none.
 */
const lineForm =
  /^[ \t]*(?!#)(?:(@[^ \t]*)[ \t]+)?([^ \t\r@][^ \t\r]*)[ \t]+((?!\d+[ \t])[^ \t\r]+[ \t]+[^ \t\r].*)$/s;

function parseLine(line: string): Omit<KnownHostsLine, "number"> | undefined {
  const [, markerText, hosts, keyText] = lineForm.exec(line) ?? [];
  if (hosts === undefined || keyText === undefined) return undefined;
  const marker = markerText === undefined ? "none" : markers[markerText];
  if (marker === undefined) return undefined;
  return { marker, hosts, keyText };
}

/** The keys of any of these names (lower case, `[HOST]:PORT` where a port belongs to it) in the text of a file. */
export async function lookUpHost(text: string, names: readonly string[]): Promise<HostKeys> {
  const found: HostKeys = { trusted: [], revoked: [] };
  const wanted = names.map((name) => name.toLowerCase());
  for (const line of knownHostsLines(text)) {
    if (line.marker === "cert-authority" || !await matchesAny(line.hosts, wanted)) continue;
    // Keys that rcopy cannot use are no business of ours.
    const key = publicKeyIn(line.keyText);
    if (key === undefined) continue;
    (line.marker === "revoked" ? found.revoked : found.trusted).push({ key, line: line.number });
  }
  return found;
}

/** Whether the host field of a line stands for one of these names. */
export async function matchesAny(hosts: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    if (hosts.startsWith("|") ? await matchesHash(hosts, name) : matchesHostList(name, hosts)) return true;
  }
  return false;
}

/** `|1|SALT|HASH`: the HMAC-SHA1 of the name with a salt of 20 bytes. */
async function matchesHash(field: string, name: string): Promise<boolean> {
  const [empty, version, salt64 = "", hash64 = "", ...more] = field.split("|");
  const [salt, hash] = [fromBase64(salt64), fromBase64(hash64)];
  if (empty !== "" || version !== "1" || more.length > 0 || salt?.length !== 20 || hash?.length !== 20) {
    return false;
  }
  const algorithm = { name: "HMAC", hash: "SHA-1" };
  const key = await crypto.subtle.importKey("raw", salt, algorithm, false, ["verify"]);
  return await crypto.subtle.verify(algorithm, key, hash, new TextEncoder().encode(name));
}
