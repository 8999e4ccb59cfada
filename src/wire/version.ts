/** The preamble of a connection: that it is rcopy's, which protocol versions it speaks, and what it is for. */
import { RcopyError } from "../base/errors.ts";
import { preambleBytes } from "./limits.ts";

/** Lowest and highest protocol version that this program speaks. */
export const protocolLow = 1;
export const protocolHigh = 1;

/** What a connection is for. */
export type ConnectionKind = "control" | "data";

// As in PNG: a byte that is not ASCII, a name, and line ends that any text conversion would break.
const magic = Uint8Array.of(0x89, 0x52, 0x43, 0x50, 0x0d, 0x0a, 0x1a, 0x0a);
const kindNumbers = { control: 1, data: 2 } as const satisfies Record<ConnectionKind, number>;

/** The 16 bytes that open a connection. */
export function encodePreamble(connection: ConnectionKind): Uint8Array {
  const bytes = new Uint8Array(preambleBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint16(8, protocolLow, true);
  view.setUint16(10, protocolHigh, true);
  bytes[12] = kindNumbers[connection];
  return bytes;
}

/** @throws {RcopyError} `protocol` for anything but a preamble, saying what it looks like */
export function parsePreamble(bytes: Uint8Array): { low: number; high: number; connection: ConnectionKind } {
  if (bytes.length !== preambleBytes || magic.some((byte, i) => bytes[i] !== byte)) {
    const stranger = describeStranger(bytes);
    throw new RcopyError(
      "protocol",
      `this is not rcopy's protocol${stranger ? `: it looks like ${stranger}` : ""}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const low = view.getUint16(8, true);
  const high = view.getUint16(10, true);
  const connection = bytes[12] === 1 ? "control" : bytes[12] === 2 ? "data" : undefined;
  if (connection === undefined || low === 0 || low > high || bytes[13] || bytes[14] || bytes[15]) {
    throw new RcopyError("protocol", "the preamble of the connection is damaged");
  }
  return { low, high, connection };
}

/** The version that both ends speak, the highest. @throws {RcopyError} `version` naming both ranges */
export function negotiate(low: number, high: number): number {
  const version = Math.min(high, protocolHigh);
  if (version >= Math.max(low, protocolLow)) return version;
  const older = high < protocolLow ? "the other end" : "this end";
  throw new RcopyError(
    "version",
    `no common protocol version: the peer speaks ${low} to ${high}, this program ${protocolLow} to ${protocolHigh}; ` +
      `update rcopy at ${older}`,
  );
}

/** Whether these bytes are how a TLS server answers what is not TLS. */
export function isTlsAlert(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x15 && bytes[1] === 0x03;
}

/** What common strangers look like, from their first bytes. */
export function describeStranger(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "somebody who said nothing";
  if (bytes[0] === 0x16 && bytes[1] === 0x03) return "a TLS client, as rcopy is one without --insecure";
  const text = new TextDecoder("latin1").decode(bytes);
  if (/^(GET|HEAD|POST|PUT|OPTIONS|CONNECT|PRI) /.test(text)) return "an HTTP client";
  if (text.startsWith("SSH-")) return "an SSH client";
  return undefined;
}
