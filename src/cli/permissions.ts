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

/** How a command line meets its peer. */
export type MeetingAdvice =
  | { of: "listen" }
  | { of: "dial"; ticket?: TicketAdvice | undefined }
  /** ssh starts the other end; `program` is what is run as ssh. */
  | { of: "ssh"; program: string };

/** Where a ticket comes from, and what it says. */
export interface TicketAdvice {
  /** Where the ticket leads to; `undefined` where it cannot be known beforehand. */
  addresses: readonly PeerAddress[] | undefined;
  fromEnvironment: boolean;
}

export interface AdviceOptions {
  look: (path: string) => LookedAt;
  meeting: MeetingAdvice;
}

/** Flags for `rcopy send`. */
export function sendPermissions(
  paths: readonly string[],
  flags: Flags,
  { look, meeting }: AdviceOptions,
): PermissionAdvice {
  const met = meetingFlags(flags, meeting);
  const read = paths.flatMap((path) => {
    const { isDirectory, real } = look(path);
    // What is sent by name is opened through the directory that holds it.
    return paths.length === 1 && isDirectory ? bothWays(path, real) : [path, dirname(real)];
  });
  return {
    flags: [met.net, flagOf("read", outermost(read)), ...met.env, ...met.run, ...nativeFlags(flags)],
    notes: [...met.notes, nativeNote(flags), ...commaNotes(read)],
  };
}

/** Flags for `rcopy receive`. */
export function receivePermissions(
  dest: string,
  flags: Flags,
  { look, meeting }: AdviceOptions,
): PermissionAdvice {
  const met = meetingFlags(flags, meeting);
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
    ...met.notes,
    nativeNote(flags),
    ...commaNotes(ways),
  ];
  return {
    flags: [
      met.net,
      flagOf("read", where),
      ...(writes ? [flagOf("write", where)] : []),
      ...met.env,
      ...met.run,
      ...nativeFlags(flags),
    ],
    notes,
  };
}

interface MeetingFlags {
  net: string;
  env: string[];
  run: string[];
  notes: string[];
}

function meetingFlags(flags: Flags, meeting: MeetingAdvice): MeetingFlags {
  if (meeting.of === "ssh") {
    const { program } = meeting;
    return {
      net: "--allow-net",
      env: [flagOf("env", pinVariables)],
      run: [flagOf("run", [program])],
      notes: [
        "the other end names its addresses when it runs, so that every address is allowed",
        `${program} can be told to run any program, so that --allow-run=${program} voids Deno's sandbox`,
      ],
    };
  }
  const run: string[] = [];
  if (meeting.of === "listen") {
    const port = (flags.port as number | undefined) ?? 3120;
    const hosts = flags.local
      ? ["127.0.0.1"]
      : flags.bind !== undefined
      ? [String(flags.bind)]
      : ["::", "0.0.0.0"];
    return {
      net: flagOf("net", hosts.map((host) => hostAndPort({ host, port }))),
      env: [],
      run,
      notes: ["without --allow-sys=networkInterfaces the addresses of this machine are not shown"],
    };
  }
  const named = ((flags.address as PeerAddress[] | undefined) ?? []).map(hostAndPort);
  const { ticket } = meeting;
  if (!ticket) return { net: flagOf("net", named), env: [], run, notes: [] };
  // The checks of Deno's own trust: three variables, and a test over loopback.
  const env = [flagOf("env", [...pinVariables, ...(ticket.fromEnvironment ? [ticketVariable] : [])])];
  if (!ticket.addresses) {
    const note = "the ticket is not known here, so that every address is allowed; it names at most eight";
    return { net: "--allow-net", env, run, notes: [note] };
  }
  const places = ticket.addresses.map(hostAndPort);
  return { net: flagOf("net", [...named, ...places, "127.0.0.1"]), env, run, notes: [] };
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
