/**
 * Why a connection did not come about, or ended, in plain words. The libraries below tell it by text alone, in terms of their
 * own and with addresses of web pages; this is the one place that knows these texts.
 */
import { RcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import { type PeerAddress, showAddress } from "./address.ts";

/** What a failed connection ran into. `closed`: the other end hung up. `other`: anything else. */
export type ReasonKind =
  | "refused"
  | "closed"
  | "silent"
  | "no-route"
  | "unknown-name"
  | "no-tls"
  | "other-key"
  | "clock"
  | "altered"
  | "other";

/** Texts of Deno, node:tls, rustls and the system, in the order in which they are looked for. */
const known: readonly (readonly [text: RegExp, kind: ReasonKind, words: string])[] = [
  [/BadRecordMac|cannot decrypt/i, "altered", "what came had been changed on the way"],
  [/InvalidContentType|corrupt message|wrong version|EPROTO/i, "no-tls", "it does not speak TLS"],
  [
    /UnknownCA|UnknownIssuer|BadCertificate|CertificateUnknown|CertificateUnobtainable/i,
    "other-key",
    "it expects another key than the one that this end has shown, as with an old ticket",
  ],
  [/expired|not valid (yet|before|after)/i, "clock", "the clocks of the two machines differ"],
  [/fatal alert/i, "no-tls", "it refused this end's TLS"],
  [/close_notify|\beof\b|UnexpectedEof|hung up|disconnected before/i, "closed", "the other end hung up"],
  [/Broken ?pipe|EPIPE/i, "closed", "the other end hung up"],
  [/connection was closed/i, "closed", "the other end hung up"],
  [/reset by peer|ConnectionReset|ECONNRESET/i, "closed", "the other end, or something on the way, cut it"],
  [/ConnectionAborted|ECONNABORTED|os error 103/i, "closed", "the connection was cut"],
  [/ConnectionRefused|Connection refused|ECONNREFUSED/i, "refused", "nothing listens there"],
  [/lookup|ENOTFOUND|EAI_|not known|no such host/i, "unknown-name", "no address is known for this name"],
  [/timed? ?out|ETIMEDOUT|no answer/i, "silent", "no answer"],
  [/No route to host|EHOSTUNREACH|HostUnreachable/i, "no-route", "no way leads there"],
  [/Network is (unreachable|down)|ENETUNREACH|ENETDOWN/i, "no-route", "no network leads there"],
];

/** What has happened to a connection, by the error that Deno, node or the system gave. */
export function reasonOf(thrown: unknown): { kind: ReasonKind; words: string } {
  const text = textOf(thrown);
  for (const [pattern, kind, words] of known) if (pattern.test(text)) return { kind, words };
  const [line = ""] = text.replace(/^\w*(Error|Exception): /, "").split("\n");
  return {
    kind: "other",
    words: showText(line.replace(/:? *https?:\/\/\S+/g, "").replace(/ \(os error \d+\)/, "")),
  };
}

/** Name, code and message of an error, and of those that led to it. */
function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { code } = thrown as { code?: unknown };
  const own = thrown instanceof RcopyError ? thrown.message : `${thrown.name}: ${thrown.message}`;
  const cause = thrown.cause === undefined ? "" : `\n${textOf(thrown.cause)}`;
  return `${own}${typeof code === "string" && !(thrown instanceof RcopyError) ? ` ${code}` : ""}${cause}`;
}

/** The error for a peer that was spoken to by TLS, and hung up or said something else. */
export function speaksNoTls(peer: string, cause: unknown): RcopyError {
  return new RcopyError(
    "refused",
    `something listens at ${peer}, but it does not speak TLS: it takes plain connections (--insecure), or the port is ` +
      "another program's; start it without --insecure, or say --insecure at both ends",
    { cause },
  );
}

/** The error where no address led to the peer, with the reason of each. */
export function unreachable(failures: readonly { address: PeerAddress; error: unknown }[]): RcopyError {
  const reasons = failures.map(({ address, error }) => ({ where: showAddress(address), ...reasonOf(error) }));
  const told = reasons.map(({ where, words }) => `${where}: ${words}`).join("; ");
  const message = `cannot reach the peer at ${told}; ${remedyOf(reasons.map(({ kind }) => kind))}`;
  return new RcopyError("unreachable", message, { cause: failures[0]?.error });
}

function remedyOf(kinds: readonly ReasonKind[]): string {
  const areAll = (kind: ReasonKind) => kinds.length > 0 && kinds.every((one) => one === kind);
  if (areAll("unknown-name")) return "is it spelled right? Else write the machine's address";
  if (areAll("no-route")) return "are both machines in a network that leads to the other?";
  return "is rcopy running there, and does a firewall let its port through?";
}
