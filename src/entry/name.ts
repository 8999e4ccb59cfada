/** One checked path component: names from the wire, from a directory, and those that rcopy makes up. No other file makes one. */
import { RcopyError } from "../base/errors.ts";
import { showName } from "../base/show.ts";
import { basename } from "../base/path.ts";

declare const checked: unique symbol;

/** The bytes of one path component, without a terminator. Only the functions of this file make one; a cast elsewhere is refused. */
export type EntryName = Uint8Array & { readonly [checked]: true };

/** Longest component, in bytes (NAME_MAX of every file system that rcopy meets). */
export const nameBytesMax = 255;

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
  return undefined;
}

/**
 * Where a name in a blob ends, at its NUL byte, if it is plainly safe: {@linkcode whyUnsafeName} has nothing against it. Else -1,
 * also for a name that is safe and begins with a dot.
 */
export function endOfSafeName(names: Uint8Array, start: number): number {
  if (names[start] === dot) return -1;
  const endMax = Math.min(names.length - 1, start + nameBytesMax);
  for (let at = start; at <= endMax; at++) {
    const byte = names[at];
    if (byte === 0) return at > start ? at : -1;
    if (byte === slash) return -1;
  }
  return -1;
}

/**
 * The bytes as a component that can be given to an engine.
 * @throws {RcopyError} `name-unsafe` for an empty name, `.`, `..`, a slash, a NUL byte or more than 255 bytes
 */
export function parseEntryName(bytes: Uint8Array): EntryName {
  const why = whyUnsafeName(bytes);
  if (why !== undefined) throw new RcopyError("name-unsafe", `refused name "${showName(bytes)}": ${why}`);
  return bytes as EntryName;
}

/** A component that rcopy makes up itself: for temporary files and journals. */
export function ownName(text: string): EntryName {
  return new TextEncoder().encode(text) as Uint8Array as EntryName;
}

/** The last component of a path that exists. */
export function nameOnDisk(path: string): EntryName {
  return new TextEncoder().encode(basename(path)) as Uint8Array as EntryName;
}

/** The name of the root of a tree, which stands in no directory. No engine is given it. */
export const noName: EntryName = new Uint8Array(0) as Uint8Array as EntryName;

/** A copy of a name: the view dies with the columns or the batch that it belongs to. */
export function copyName(name: EntryName): EntryName {
  return name.slice() as Uint8Array as EntryName;
}

/**
 * A view of one name in a blob of names, each followed by a NUL byte. Every name was checked, or came from the file
 * system, when it was put into the blob: nothing is checked here.
 */
export function nameIn(names: Uint8Array, start: number, end: number): EntryName {
  return names.subarray(start, end) as Uint8Array as EntryName;
}
