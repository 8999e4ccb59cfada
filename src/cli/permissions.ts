/** The narrowest flags of `deno run` for a command line. Pure: the caller looks at PATH and DEST. */
import { dirname, resolve } from "node:path";
import { defaultPort, type PeerAddress } from "../mod.ts";
import { showAddress } from "../net/address.ts";
import { pinVariables } from "../meet/pin_guard.ts";
import type { UserPlaces } from "../security/user/user_places.ts";
import type { Flags } from "./line/options.ts";
import { ticketVariable } from "./line/ticket_argument.ts";

/** Flags for `deno run`, one argument each, and what is lost with them. */
export interface PermissionAdvice {
  flags: string[];
  notes: string[];
}

/** A path that was looked at. */
export interface LookedAt {
  isDirectory: boolean;
  /** Without symbolic links; of what does not exist, where it would be. */
  real: string;
}

const nativeAdded =
  "with --allow-ffi added, io_uring serves the run: every byte of a name, nanosecond times, no path races; native code voids Deno's sandbox";
const nativeAsked = "--io uring needs --allow-ffi, and native code voids Deno's sandbox";

/**
 * Keeps deno.json and node_modules of the current directory, which may have been received, from deciding what runs; and keeps
 * Deno from asking a person for a permission in the middle of a copy, where the answer is no.
 */
const always = ["--no-config", "--no-prompt"];

/** How a command line meets its peer. */
export type MeetingAdvice =
  & (
    | { of: "listen" }
    | { of: "dial"; ticket?: TicketAdvice | undefined }
    /** ssh starts the other end; `program` is what is run as ssh. */
    | { of: "remote"; program: string }
  )
  /** Where SSH keys are, if the command line uses them. */
  & { ssh?: SshPlaces | undefined };

/** Of the user: the value of HOME and so on. */
export type SshPlaces = Pick<UserPlaces, "home" | "configHome" | "agentSocket">;

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
    flags: [
      ...always,
      met.net,
      flagOf("read", outermost([...read, ...met.read])),
      ...met.more,
      ...nativeFlags(flags),
    ],
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
  const writes = [...(flags["dry-run"] ? [] : where), ...met.write];
  const isNative = flags.io === "uring";
  const notes = [
    ...(!flags["dry-run"] && !isNative
      ? [
        "symbolic links cannot be made under a scoped --allow-write; with --allow-read --allow-write they can",
        "free space is not checked beforehand without --allow-sys=statfs",
      ]
      : []),
    ...(/(^|\/)\.{0,2}$/.test(dest) ? [] : [
      "one file becomes DEST where that is no directory, and then the directory of DEST has to be allowed; " +
      "DEST/ is a directory in any case",
    ]),
    ...met.notes,
    nativeNote(flags),
    ...commaNotes(ways),
  ];
  return {
    flags: [
      ...always,
      met.net,
      flagOf("read", outermost([...ways, ...met.read])),
      ...(writes.length > 0 ? [flagOf("write", writes)] : []),
      ...met.more,
      ...nativeFlags(flags),
    ],
    notes,
  };
}

/** Flags for `rcopy receive --clean`. */
export function cleanPermissions(
  dest: string,
  flags: Flags,
  { look }: Pick<AdviceOptions, "look">,
): PermissionAdvice {
  const ways = bothWays(dest, look(dest).real);
  const writes = flags["dry-run"] ? [] : [flagOf("write", outermost(ways))];
  return {
    flags: [...always, flagOf("read", ways), ...writes, ...nativeFlags(flags)],
    notes: [nativeNote(flags), ...commaNotes(ways)],
  };
}

/** The part of the flags that follows from how the peer is met: the network, more paths to read and write, and others. */
interface MeetingFlags {
  net: string;
  read: string[];
  write: string[];
  more: string[];
  notes: string[];
}

function meetingFlags(flags: Flags, meeting: MeetingAdvice): MeetingFlags {
  switch (meeting.of) {
    case "remote":
      return remoteFlags(meeting.program);
    case "listen":
      return listenerFlags(flags, sshFlags(meeting));
    case "dial":
      return dialerFlags(flags, meeting, sshFlags(meeting));
    default:
      return meeting satisfies never;
  }
}

function listenerFlags(flags: Flags, ssh: SshFlags): MeetingFlags {
  const port = flags.port ?? defaultPort;
  const hosts = flags.local ? ["127.0.0.1"] : flags.bind !== undefined ? [flags.bind] : ["::", "0.0.0.0"];
  return {
    net: flagOf("net", [...hosts.map((host) => showAddress({ host, port })), ...ssh.net]),
    read: ssh.read,
    write: ssh.write,
    more: environmentFlags([], ssh),
    notes: [
      "without --allow-sys=networkInterfaces the addresses of this machine are not shown",
      ...ssh.notes,
    ],
  };
}

function dialerFlags(
  flags: Flags,
  { ticket, ssh: places }: MeetingAdvice & { of: "dial" },
  ssh: SshFlags,
): MeetingFlags {
  const { read, write } = ssh;
  const named = (flags.address ?? []).map(showAddress);
  if (!ticket && !places) return { net: flagOf("net", named), read, write, more: [], notes: [] };
  // A pin is checked against Deno's own trust: by three variables, and by a test over loopback.
  const loopback = "127.0.0.1";
  if (!ticket) {
    const net = flagOf("net", [...named, ...ssh.net, loopback]);
    return { net, read, write, more: environmentFlags(pinVariables, ssh), notes: [] };
  }
  const variables = [...pinVariables, ...(ticket.fromEnvironment ? [ticketVariable] : [])];
  const more = environmentFlags(variables, ssh);
  if (!ticket.addresses) {
    const note = "the ticket is not known here, so that every address is allowed; it names at most eight";
    return { net: "--allow-net", read, write, more, notes: [note] };
  }
  const net = flagOf("net", [...named, ...ticket.addresses.map(showAddress), loopback]);
  return { net, read, write, more, notes: [] };
}

/** Flags for the environment, with the variables that SSH keys need. */
function environmentFlags(variables: readonly string[], ssh: SshFlags): string[] {
  const all = [...variables, ...ssh.variables];
  return [
    ...(all.length > 0 ? [flagOf("env", all)] : []),
    ...(ssh.variables.length > 0 ? ["--allow-sys=uid"] : []),
  ];
}

/** For an end that starts the other one. */
function remoteFlags(program: string): MeetingFlags {
  return {
    net: "--allow-net",
    read: [],
    write: [],
    more: [flagOf("env", pinVariables), flagOf("run", [program])],
    notes: [
      "the other end names its addresses when it runs, so that every address is allowed",
      `${program} can be told to run any program, so that --allow-run=${program} voids Deno's sandbox`,
    ],
  };
}

const sshVariables = ["HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"];

/** The part of the flags that follows from the use of SSH keys. */
interface SshFlags {
  net: string[];
  read: string[];
  write: string[];
  variables: readonly string[];
  notes: string[];
}

/** For keys, agent, and files of trusted keys; a listener with a ticket needs none of it. */
function sshFlags({ of, ssh }: MeetingAdvice): SshFlags {
  if (!ssh) {
    const notes = of === "dial" ? [] : [
      "without --auth ssh these are the flags for a ticket; those for SSH keys are printed with it",
    ];
    return { net: [], read: [], write: [], variables: [], notes };
  }
  const { home, configHome, agentSocket } = ssh;
  const pins = configHome !== undefined
    ? `${configHome}/rcopy`
    : home === undefined
    ? undefined
    : `${home}/.config/rcopy`;
  const agents = agentSocket === undefined ? [] : [agentSocket];
  // sshd's own rules: all folders up to the home are looked at.
  const places = home === undefined ? [] : [home, "/etc/ssh"];
  const mayPin = of === "dial" && pins !== undefined;
  return {
    net: agents.map((socket) => `unix:${socket}`),
    read: [...places, ...(mayPin ? [pins] : []), ...agents],
    write: [...(mayPin ? [pins] : []), ...agents],
    variables: sshVariables,
    notes: [],
  };
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
