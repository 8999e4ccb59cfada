/** The narrowest permission flags for a command line. Pure: what PATH and DEST are is looked at by the caller. */
import { dirname, resolve } from "node:path";
import type { PeerAddress } from "../mod.ts";
import type { Flags } from "./parse.ts";

/** Flags for `deno run`, one argument each, and what is lost with them. */
export interface PermissionAdvice {
  flags: string[];
  notes: string[];
}

/** What a path leads to. */
export interface LookedAt {
  isDirectory: boolean;
  /** Without symbolic links; of what does not exist, where it would be. */
  real: string;
}

const nativeAdded =
  "with --allow-ffi added, io_uring serves the run: every byte of a name, nanosecond times, no path races; native code voids Deno's sandbox";
const nativeAsked = "--io uring needs --allow-ffi, and native code voids Deno's sandbox";

/** Flags for `rcopy send`. */
export function sendPermissions(
  paths: readonly string[],
  flags: Flags,
  look: (path: string) => LookedAt,
): PermissionAdvice {
  const port = (flags.port as number | undefined) ?? 3120;
  const hosts = flags.local
    ? ["127.0.0.1"]
    : flags.bind !== undefined
    ? [String(flags.bind)]
    : ["::", "0.0.0.0"];
  const read = paths.flatMap((path) => {
    const { isDirectory, real } = look(path);
    // What is sent by name is opened through the directory that holds it.
    return paths.length === 1 && isDirectory ? bothWays(path, real) : [path, dirname(real)];
  });
  return {
    flags: [
      flagOf("net", hosts.map((host) => hostAndPort({ host, port }))),
      flagOf("read", outermost(read)),
      ...nativeFlags(flags),
    ],
    notes: [
      "without --allow-sys=networkInterfaces the addresses of this machine are not shown",
      nativeNote(flags),
      ...commaNotes(read),
    ],
  };
}

/** Flags for `rcopy receive`. */
export function receivePermissions(
  dest: string,
  flags: Flags,
  look: (path: string) => LookedAt,
): PermissionAdvice {
  const addresses = (flags.address as PeerAddress[] | undefined) ?? [];
  const ways = bothWays(dest, look(dest).real);
  const places = outermost(ways);
  const writes = !flags["dry-run"];
  const isNative = flags.io === "uring";
  const notes = [
    ...(writes && !isNative
      ? [
        "symbolic links cannot be made under a scoped --allow-write; with --allow-read --allow-write they can",
        "free space is not checked beforehand without --allow-sys=statfs",
      ]
      : []),
    nativeNote(flags),
    ...commaNotes(ways),
  ];
  return {
    flags: [
      flagOf("net", addresses.map(hostAndPort)),
      flagOf("read", places),
      ...(writes ? [flagOf("write", places)] : []),
      ...nativeFlags(flags),
    ],
    notes,
  };
}

/** Flags as one line for a shell. */
export function shellLine(flags: readonly string[]): string {
  return flags.map((flag) => /^[\w@%+=:,./[\]-]+$/.test(flag) ? flag : `'${flag.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}

function hostAndPort({ host, port }: PeerAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A path as it was typed and, where links lead elsewhere, the path that Deno checks in the end. */
function bothWays(path: string, real: string): string[] {
  return resolve(path) === real ? [path] : [path, real];
}

/** Spellable, and without what lies below another one. */
function outermost(paths: readonly string[]): string[] {
  const unique = [...new Map(paths.map(spellable).map((path) => [resolve(path), path])).values()];
  return unique.filter((path) =>
    !unique.some((other) => other !== path && `${resolve(path)}/`.startsWith(`${resolve(other)}/`))
  );
}

function flagOf(name: string, values: readonly string[]): string {
  return `--allow-${name}=${[...new Set(values)].join(",")}`;
}

/** The path, or the innermost directory on it without a comma: Deno separates paths by commas and cannot escape one. */
function spellable(path: string): string {
  while (path.includes(",")) path = dirname(path);
  return path;
}

function commaNotes(paths: readonly string[]): string[] {
  if (!paths.some((path) => path.includes(","))) return [];
  return ["a path with a comma cannot be named in a flag, so the directory that holds it is allowed instead"];
}

function nativeFlags(flags: Flags): string[] {
  return flags.io === "uring" ? ["--allow-ffi"] : [];
}

function nativeNote(flags: Flags): string {
  return flags.io === "uring" ? nativeAsked : nativeAdded;
}
