/** Hosts as a ticket has them: IPv4 and IPv6 addresses as bytes, everything else as a name. */

/** A host: the number of its kind in a ticket, and its bytes. */
export interface HostBytes {
  kind: 1 | 4 | 6;
  bytes: Uint8Array;
}

const nameBytesMax = 255;

/** Bytes of a host. @throws {RangeError} for a name that does not fit */
export function parseHost(host: string): HostBytes {
  const address = addressBytes(host);
  if (address) return { kind: address.length === 4 ? 4 : 6, bytes: address };
  const bytes = new TextEncoder().encode(host);
  if (!isName(host) || bytes.length > nameBytesMax) throw new RangeError("this is no host name");
  return { kind: 1, bytes };
}

/** The 4 bytes of an IPv4 address, or the 16 of an IPv6 address without a zone; `undefined` for anything else. */
export function addressBytes(text: string): Uint8Array | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets?.every((octet) => octet < 256)) return Uint8Array.from(octets);
  if (!text.includes(":") || !URL.canParse(`http://[${text}]`)) return undefined;
  return ipv6Bytes(new URL(`http://[${text}]`).hostname.slice(1, -1));
}

/** The host of some bytes, or `undefined` where they are no name. */
export function showHost({ kind, bytes }: HostBytes): string | undefined {
  if (kind === 4) return bytes.join(".");
  if (kind === 6) {
    const groups = Array.from(
      { length: 8 },
      (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16),
    );
    return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  }
  const name = new TextDecoder().decode(bytes);
  return isName(name) ? name : undefined;
}

/** Printable, without what would make another address of it; `%` for the zone of a link-local address. */
function isName(text: string): boolean {
  return /^[\w.:%-]+$/.test(text);
}

/** Bytes of an IPv6 address in its shortest form, as URLs have it. */
function ipv6Bytes(shortest: string): Uint8Array {
  const [before = "", after] = shortest.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return Uint8Array.from([...head, ...gap, ...tail].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
}
