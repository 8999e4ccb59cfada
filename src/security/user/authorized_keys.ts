/** `authorized_keys`: keys that the user lets in. The options of a line are obeyed, or the line is refused. */
import { showText } from "../../base/show.ts";
import { matchesAddressList } from "./host_pattern.ts";
import { isSameKey, publicKeyIn, type SshPublicKey } from "../ssh/key.ts";

/** A line with a key that rcopy can use. */
export interface AuthorizedKey {
  /** From 1. */
  line: number;
  key: SshPublicKey;
  /** Value of `from=`: addresses from which the key may be used. */
  from?: string;
  /** Of `expiry-time=`, ms since 1970. */
  expiresMs?: number;
  /** Why the line lets no key in. */
  refusal?: string;
}

/** Where and when a key comes. */
export interface AuthorizationContext {
  /** Address of the peer; `undefined` where it is not known: no `from=` lets it in then. */
  address: string | undefined;
  nowMs: number;
}

/** Whether a key is let in, by which line; or what the lines with that key say against it. */
export type Authorization = { isAuthorized: true; line: number } | { isAuthorized: false; reasons: string[] };

export const authorizedKeysBytesMax = 8 * 1024 * 1024;

/** Options that limit what a login may do beside running a command: they take nothing from a copy. */
const harmlessFlags = new Set(
  ["agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding"].flatMap((
    name,
  ) => [name, `no-${name}`]),
);
harmlessFlags.add("restrict");
/** Options with a value that concern only what rcopy does not do. */
const harmlessValues = new Set(["environment", "permitopen", "permitlisten", "tunnel"]);

/** The keys of a file; lines that are malformed or hold a key that rcopy cannot use are left out. */
export function parseAuthorizedKeys(text: string): AuthorizedKey[] {
  const keys: AuthorizedKey[] = [];
  for (const [i, rawLine] of text.split("\n").entries()) {
    const line = rawLine.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const bare = publicKeyIn(line);
    if (bare !== undefined) {
      keys.push({ line: i + 1, key: bare });
      continue;
    }
    const optionsEnd = endOfOptions(line);
    const key = optionsEnd === undefined ? undefined : publicKeyIn(line.slice(optionsEnd));
    if (key !== undefined) keys.push({ line: i + 1, key, ...readOptions(line.slice(0, optionsEnd)) });
  }
  return keys;
}

/** Whether `key` is let in. As sshd does, the first line that lets it in counts, and lines against it only themselves. */
export function authorize(
  keys: readonly AuthorizedKey[],
  key: SshPublicKey,
  context: AuthorizationContext,
): Authorization {
  const reasons: string[] = [];
  for (const candidate of keys) {
    if (!isSameKey(candidate.key, key)) continue;
    const reason = whyNot(candidate, context);
    if (reason === undefined) return { isAuthorized: true, line: candidate.line };
    reasons.push(`line ${candidate.line}: ${reason}`);
  }
  return { isAuthorized: false, reasons };
}

/** How many different keys could be let in now, from some address. */
export function countAuthorized(keys: readonly AuthorizedKey[], nowMs: number): number {
  const usable = keys.filter(({ refusal, expiresMs }) =>
    refusal === undefined && (expiresMs === undefined || nowMs <= expiresMs)
  );
  return new Set(usable.map(({ key }) => key.blob.toBase64())).size;
}

function whyNot(candidate: AuthorizedKey, { address, nowMs }: AuthorizationContext): string | undefined {
  if (candidate.refusal !== undefined) return candidate.refusal;
  if (candidate.expiresMs !== undefined && nowMs > candidate.expiresMs) return "the key has expired";
  if (candidate.from === undefined) return undefined;
  if (address === undefined) return "from= is given and the peer's address is not known";
  return matchesAddressList(address, candidate.from) === true
    ? undefined
    : `from= does not let ${showText(address)} in`;
}

/** Where the options end: at the first blank outside quotes. `undefined` if a quote is not closed. */
function endOfOptions(line: string): number | undefined {
  let isQuoted = false;
  let at = 0;
  for (; at < line.length && (isQuoted || (line[at] !== " " && line[at] !== "\t")); at++) {
    if (line[at] === "\\" && line[at + 1] === '"') at++;
    else if (line[at] === '"') isQuoted = !isQuoted;
  }
  return isQuoted ? undefined : at;
}

type Options = Pick<AuthorizedKey, "from" | "expiresMs" | "refusal">;

/** One option: a name, or a name and a value in quotes. */
const optionForm = /([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(?:,(?=.)|$)/sy;

function readOptions(text: string): Options {
  const options: Options = {};
  optionForm.lastIndex = 0;
  while (optionForm.lastIndex < text.length) {
    const match = optionForm.exec(text);
    if (match === null) return { refusal: "its options are malformed" };
    const refusal = takeOption(options, match[1]!.toLowerCase(), match[2]?.replaceAll('\\"', '"'));
    if (refusal !== undefined) return { refusal };
  }
  return options;
}

/** @returns why the line is refused, if it is */
function takeOption(options: Options, name: string, value: string | undefined): string | undefined {
  if (value === undefined) {
    return harmlessFlags.has(name) ? undefined : whyRefused(name);
  }
  if (harmlessValues.has(name)) return undefined;
  if (name === "from") {
    if (options.from !== undefined) return "it has from= twice";
    if (matchesAddressList("192.0.2.1", value) === undefined) return "its from= is malformed";
    options.from = value;
    return undefined;
  }
  if (name !== "expiry-time") return whyRefused(name);
  const expiresMs = parseExpiry(value);
  if (expiresMs === undefined) return "its expiry-time= is malformed";
  options.expiresMs = Math.min(options.expiresMs ?? Infinity, expiresMs);
  return undefined;
}

function whyRefused(name: string): string {
  switch (name) {
    case "command":
      return "it allows one command only (command=), and a copy is none";
    case "cert-authority":
      return "it is for SSH certificates (cert-authority), which rcopy does not take";
    default:
      return `its option ${showText(name.slice(0, 40))} is none that rcopy can obey`;
  }
}

/** YYYYMMDD or YYYYMMDDHHMM[SS], in local time unless Z follows. */
function parseExpiry(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/i.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) {
    return undefined;
  }
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return match[7] === ""
    ? new Date(year, month - 1, day, hour, minute, second).getTime()
    : Date.UTC(year, month - 1, day, hour, minute, second);
}
