/** The narrowest permission flags for a command line. Pure: what PATH and DEST are is looked at by the caller. */
import { dirname, resolve } from "node:path";
import type { PeerAddress } from "../mod.ts";
import { pinVariables } from "../net/pin_guard.ts";
import type { Flags } from "./parse.ts";
import { ticketVariable } from "./ticket_argument.ts";

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

/** Where a receiver's ticket comes from, and what it says. */
export interface TicketAdvice {
  /** Where the ticket leads to; `undefined` where it cannot be known beforehand. */
  addresses: readonly PeerAddress[] | undefined;
  fromEnvironment: boolean;
}

/** Flags for `rcopy receive`; without `ticket` it is an insecure one. */
export function receivePermissions(
  dest: string,
  flags: Flags,
  { look, ticket }: { look: (path: string) => LookedAt; ticket?: TicketAdvice | undefined },
): PermissionAdvice {
  const named = (flags.address as PeerAddress[] | undefined) ?? [];
  const places = [...named, ...ticket?.addresses ?? []].map(hostAndPort);
  // The checks of Deno's own trust: a test over loopback, and three variables.
  const net = ticket ? [...places, "127.0.0.1"] : places;
  const env = [
    ...(ticket ? pinVariables : []),
    ...(ticket?.fromEnvironment ? [ticketVariable] : []),
  ];
  const isOpen = ticket !== undefined && ticket.addresses === undefined;
  const ways = bothWays(dest, look(dest).real);
  const where = outermost(ways);
  const writes = !flags["dry-run"];
  const isNative = flags.io === "uring";
  const notes = [
    ...(writes && !isNative
      ? [
        "symbolic links cannot be made under a scoped --allow-write; with --allow-read --allow-write they can",
        "free space is not checked beforehand without --allow-sys=statfs",
      ]
      : []),
    ...(isOpen
      ? ["the ticket is not known here, so that every address is allowed; it names at most eight"]
      : []),
    nativeNote(flags),
    ...commaNotes(ways),
  ];
  return {
    flags: [
      isOpen ? "--allow-net" : flagOf("net", net),
      flagOf("read", where),
      ...(writes ? [flagOf("write", where)] : []),
      ...(env.length > 0 ? [flagOf("env", env)] : []),
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
