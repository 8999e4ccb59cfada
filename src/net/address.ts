/** Addresses of peers: a host and a port, and how people write the two. */
import { RcopyError } from "../base/errors.ts";

/** Where a peer may be reached. */
export interface PeerAddress {
  /** Host name, IPv4 or IPv6 address; without brackets. A link-local address may end with its zone, as in `fe80::1%eth0`. */
  host: string;
  /** 1 to 65535. */
  port: number;
}

/** A host without what only IPv6 adds to it: an IPv4 address that IPv6 carries (`::ffff:192.0.2.7`) is itself. */
export function plainHost(host: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1] ?? host;
}

/** `HOST:PORT`; of an IPv6 address `[HOST]:PORT`, with its zone. */
export function showAddress({ host, port }: PeerAddress): string {
  const plain = plainHost(host);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** The address in `HOST:PORT` or `[IPv6]:PORT`. @throws {RcopyError} `usage` for anything else, and for port 0 */
export function parseAddress(text: string): PeerAddress {
  const match = /^\[([\w.:]+(?:%[\w.-]+)?)\]:(\d+)$/.exec(text) ?? /^([^:\s[\]]+):(\d+)$/.exec(text);
  if (!match) {
    const hint = text.includes(":") && !text.startsWith("[") && text.split(":").length > 2
      ? "an IPv6 address stands in brackets, as in [2001:db8::1]:3120"
      : "write HOST:PORT, as in 192.0.2.7:3120";
    throw new RcopyError("usage", `"${text}" is not an address; ${hint}`);
  }
  const port = parsePort(match[2]!);
  if (port === 0) {
    throw new RcopyError("usage", `"${text}" names port 0; write the port that the sender printed`);
  }
  return { host: match[1]!, port };
}

/** The port in `text`, 0 to 65535. @throws {RcopyError} `usage` */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) {
    throw new RcopyError("usage", `"${text}" is not a port; write a number from 0 to 65535`);
  }
  return port;
}
