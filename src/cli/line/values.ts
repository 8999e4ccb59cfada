/** Values of options, from what was typed to what the library takes. Pure. */
import { RcopyError } from "../../base/errors.ts";
import { parseDuration } from "../../base/units.ts";
import { parseAddress } from "../../net/address.ts";
import { streamsMax } from "../../wire/limits.ts";
import { commandWords } from "./remote_path.ts";

/** @throws {RcopyError} `usage` */
export function parseIdentity(text: string): string {
  if (text !== "") return text;
  throw new RcopyError("usage", "a key file is needed, or a fingerprint as ssh-add -l shows it");
}

/** Read later, as it may be a file. @throws {RcopyError} `usage` */
export function parseAllowed(text: string): string {
  if (text !== "") return text;
  throw new RcopyError("usage", 'a public key is needed ("ssh-ed25519 AAAA..."), or a file of such keys');
}

/** Cut into words later. @throws {RcopyError} `usage` */
export function parseCommand(text: string): string {
  commandWords(text);
  return text;
}

/** 1 to 32, or auto. @throws {RcopyError} `usage` */
export function parseStreams(text: string): number | "auto" {
  if (text === "auto") return text;
  const count = /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= streamsMax) return count;
  throw new RcopyError(
    "usage",
    `"${text}" is no number of data connections; take 1 to ${streamsMax}, or auto`,
  );
}

/** Milliseconds, 1,000 to 86,400,000. @throws {RcopyError} `usage` */
export function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms < 1000 || ms > 86_400_000) throw new RcopyError("usage", `${text} is out of range; take 1s to 24h`);
  return ms;
}

/** Milliseconds, 0 to 86,400,000. @throws {RcopyError} `usage` */
export function parsePatience(text: string): number {
  const ms = parseDuration(text);
  if (ms > 86_400_000) throw new RcopyError("usage", `${text} is out of range; take 0s to 24h`);
  return ms;
}

/** An address to listen on, without brackets. @throws {RcopyError} `usage` */
export function parseBind(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (bare === "") throw new RcopyError("usage", "an address to listen on is needed, as in 192.0.2.7 or ::1");
  return bare;
}

/** HOST, HOST:PORT, [IPv6], [IPv6]:PORT, and an IPv6 address alone. @throws {RcopyError} `usage` */
export function parseAdvertised(text: string): { host: string; port?: number } {
  const bare = /^\[([0-9A-Fa-f:.]+)\]$/.exec(text)?.[1] ??
    /^([\w.-]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$/.exec(text)?.[1];
  return bare === undefined ? parseAddress(text) : { host: bare };
}
