/** One checked path component: the only way from the wire, or from a directory, to a name. */
import { RcopyError } from "../base/errors.ts";
import { showName } from "../base/show.ts";

declare const checked: unique symbol;

/** The bytes of one path component, without a terminator; only {@linkcode parseEntryName} makes one. */
export type EntryName = Uint8Array & { readonly [checked]: true };

/** Longest component, in bytes (NAME_MAX of every file system that rcopy meets). */
export const nameBytesMax = 255;

/** Names that belong to rcopy's own private directories and temporary files. */
export const reservedPrefix = ".rcopy-";

const reserved = new TextEncoder().encode(reservedPrefix);
const slash = 0x2f;
const dot = 0x2e;

/** Why these bytes are not a safe component, or `undefined` when they are. */
export function whyUnsafeName(bytes: Uint8Array): string | undefined {
  const length = bytes.length;
  if (length === 0) return "it is empty";
  if (length > nameBytesMax) return `it has ${length} bytes, more than ${nameBytesMax}`;
  if (bytes[0] === dot && (length === 1 || (length === 2 && bytes[1] === dot))) {
    return `component "${length === 1 ? "." : ".."}" leaves its directory`;
  }
  for (let i = 0; i < length; i++) {
    if (bytes[i] === slash) return "it contains a slash";
    if (bytes[i] === 0) return "it contains a NUL byte";
  }
  if (isReservedName(bytes)) return `names that begin with ${reservedPrefix} are rcopy's own`;
  return undefined;
}

/** Whether the name is one of rcopy's own private directories or temporary files. */
export function isReservedName(bytes: Uint8Array): boolean {
  if (bytes.length < reserved.length) return false;
  for (let i = 0; i < reserved.length; i++) if (bytes[i] !== reserved[i]) return false;
  return true;
}

/**
 * The bytes as a component that can be given to an engine.
 * @throws {RcopyError} `name-unsafe` for an empty name, `.`, `..`, a slash, a NUL byte, more than 255 bytes or the reserved prefix
 */
export function parseEntryName(bytes: Uint8Array): EntryName {
  const why = whyUnsafeName(bytes);
  if (why !== undefined) throw new RcopyError("name-unsafe", `refused name "${showName(bytes)}": ${why}`);
  return bytes as EntryName;
}

/** A component of rcopy's own (reserved prefix allowed), for private directories and temporary files. */
export function ownName(text: string): EntryName {
  return new TextEncoder().encode(text) as Uint8Array as EntryName;
}
