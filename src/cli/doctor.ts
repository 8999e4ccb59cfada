/** `rcopy doctor`: what this machine can do, what limits it, and what a command line needs. */
import { basename, dirname, join, resolve } from "node:path";
import { asRcopyError, RcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import { chooseEngine } from "../io/choose_engine.ts";
import { denoEngineLeavesOpen } from "../io/deno/engine.ts";
import { reachableAddresses } from "../net/addresses.ts";
import { listenForPeers } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import { decodeTicket } from "../security/anchor/ticket.ts";
import { defaultPort } from "../mod.ts";
import { version } from "../base/version.ts";
import { findUserPlaces } from "../security/user/user_places.ts";
import type { Console } from "./report/console.ts";
import { type Flags, parseCommandLine } from "./line/parse.ts";
import {
  type LookedAt,
  type MeetingAdvice,
  type PermissionAdvice,
  receivePermissions,
  sendPermissions,
  shellLine,
  type SshPlaces,
  type TicketAdvice,
} from "./permissions.ts";
import { sshWords } from "./remote/far_end.ts";
import { remoteDestination, remoteSource } from "./line/remote_operands.ts";
import { takeTicket } from "./line/ticket_argument.ts";

/** All that this version makes use of. */
const permissionsUsed: readonly Deno.PermissionDescriptor[] = [
  { name: "net" },
  { name: "read" },
  { name: "write" },
  { name: "ffi" },
  { name: "sys", kind: "networkInterfaces" },
  { name: "sys", kind: "statfs" },
];

/** One line of the report: what was looked at, and what was found. */
interface Finding {
  what: string;
  found: string;
  /** Something that limits rcopy here. */
  limits: boolean;
}

export async function runDoctor(
  args: string[],
  options: { json: boolean; console: Console },
): Promise<number> {
  const { json, console } = options;
  const advice = args.length > 0 ? await adviceFor(args) : undefined;
  if (advice) {
    if (json) console.out(`${JSON.stringify(advice)}\n`);
    else {
      console.out(`${shellLine(advice.flags)}\n`);
      for (const note of advice.notes) console.error(`rcopy: ${note}\n`);
    }
    return 0;
  }
  const findings = await examine();
  if (json) console.out(`${JSON.stringify({ findings })}\n`);
  else {
    const width = Math.max(...findings.map(({ what }) => what.length));
    for (const { what, found, limits } of findings) {
      console.out(`${limits ? "!" : " "} ${what.padEnd(width)}  ${showText(found)}\n`);
    }
  }
  return 0;
}

async function examine(): Promise<Finding[]> {
  const { os, arch } = Deno.build;
  const missing = permissionsUsed.filter((it) => Deno.permissions.querySync(it).state !== "granted")
    .map((it) => it.name === "sys" ? `--allow-sys=${it.kind}` : `--allow-${it.name}`);
  return [
    { what: "rcopy", found: version, limits: false },
    { what: "Deno", found: `${Deno.version.deno} on ${os} ${arch}`, limits: false },
    await examineEngine(),
    { what: "processors", found: String(navigator.hardwareConcurrency), limits: false },
    ...examineDescriptors(),
    {
      what: "permissions",
      found: missing.length === 0 ? "all that rcopy uses" : `without ${missing.join(" ")}`,
      limits: missing.length > 0,
    },
    examinePort(),
    examineAddresses(),
    {
      what: "channel",
      found: "TLS 1.3, opened by a ticket or by SSH keys; plain TCP with --insecure at both ends",
      limits: false,
    },
  ];
}

async function examineEngine(): Promise<Finding> {
  try {
    const { engine, reason } = await chooseEngine("auto");
    engine[Symbol.dispose]();
    const isPortable = engine.kind === "deno";
    const found = isPortable ? `deno (${reason}); ${denoEngineLeavesOpen}` : `uring (${reason})`;
    return { what: "file engine", found, limits: isPortable };
  } catch (thrown) {
    return { what: "file engine", found: asRcopyError(thrown).message, limits: true };
  }
}

/** Open files that a process may have, where Linux tells; a copy makes do with 64. */
function examineDescriptors(): Finding[] {
  const path = "/proc/self/limits";
  try {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return [];
    const files = /^Max open files +(\S+)/m.exec(Deno.readTextFileSync(path))?.[1];
    if (files === undefined) return [];
    return [{ what: "open files", found: `at most ${files}`, limits: Number(files) < 64 }];
  } catch {
    return []; // another system, or one of the paths that Deno keeps for --allow-all
  }
}

function examinePort(): Finding {
  const what = `port ${defaultPort}`;
  if (Deno.permissions.querySync({ name: "net" }).state !== "granted") {
    return { what, found: "not tried without --allow-net", limits: true };
  }
  try {
    using listener = listenForPeers({ port: defaultPort }, plainTransport);
    return {
      what,
      found: `free, for ${listener.dualStack ? "IPv6 and IPv4" : "IPv4 only"}`,
      limits: !listener.dualStack,
    };
  } catch (thrown) {
    return { what, found: asRcopyError(thrown).message, limits: true };
  }
}

function examineAddresses(): Finding {
  const addresses = reachableAddresses({ dualStack: true });
  const found = addresses.length > 0 ? addresses.join(", ") : "unknown without --allow-sys=networkInterfaces";
  return { what: "addresses", found, limits: addresses.length === 0 };
}

/** @throws {RcopyError} `usage` when the command line is wrong in itself */
async function adviceFor(args: readonly string[]): Promise<PermissionAdvice> {
  const invocation = await parseCommandLine(args, version);
  if (invocation.of !== "command" || (invocation.command !== "send" && invocation.command !== "receive")) {
    throw new RcopyError(
      "usage",
      "doctor looks at the command lines of send and receive; others need no permission",
    );
  }
  const { command, flags, args: operands } = invocation;
  if (command === "send") {
    const { here, remote } = remoteDestination(operands, flags);
    if (here.length === 0) throw new RcopyError("usage", "send needs at least one PATH to serve");
    return sendPermissions(here, flags, {
      look: lookAt,
      meeting: remote ? meetingByRemote(flags) : { ...meetingOfSend(flags), ssh: sshPlacesOf(flags) },
    });
  }
  const { here, remote } = remoteSource(operands, flags);
  if (remote) {
    return receivePermissions(here[0] ?? ".", flags, { look: lookAt, meeting: meetingByRemote(flags) });
  }
  const isPlain = flags.listen || flags.insecure || flags.auth === "ssh";
  const { rest, ...ticket } = isPlain ? { rest: operands, ticket: undefined } : adviseOnTicket(operands);
  const hasTicket = "addresses" in ticket && ticket.addresses !== undefined || operands[0] === "-";
  const usesKeys = !hasTicket && flags.address !== undefined;
  const ssh = sshPlacesOf(flags, usesKeys);
  const meeting: MeetingAdvice = flags.listen
    ? { of: "listen", ssh }
    : { of: "dial", ticket: ssh === undefined && "addresses" in ticket ? ticket : undefined, ssh };
  return receivePermissions(rest[0] ?? ".", flags, { look: lookAt, meeting });
}

function meetingByRemote(flags: Flags): MeetingAdvice {
  return { of: "remote", program: sshWords(flags)[0]! };
}

/** Where SSH keys are to be looked for, if the command line says that they are used. */
function sshPlacesOf(flags: Flags, usesKeys = false): SshPlaces | undefined {
  const isSsh = flags.auth === "ssh" || usesKeys && flags.auth !== "ticket";
  return isSsh && !flags.insecure ? findUserPlaces() : undefined;
}

function meetingOfSend(flags: Flags): MeetingAdvice {
  const to = flags.to as string | undefined;
  if (to === undefined) return { of: flags.address === undefined ? "listen" : "dial" };
  const addresses = to === "-" ? undefined : decodeTicket(to).addresses;
  return { of: "dial", ticket: { addresses, fromEnvironment: false } };
}

/** Where the ticket of a command line leads to, without waiting for one. @throws {RcopyError} `usage` if it is mistyped */
function adviseOnTicket(operands: readonly string[]): TicketAdvice & { rest: string[] } {
  if (operands[0] === "-") return { addresses: undefined, fromEnvironment: false, rest: operands.slice(1) };
  const { ticket, rest, from } = takeTicket(operands);
  const addresses = ticket === undefined ? undefined : decodeTicket(ticket).addresses;
  return { addresses, fromEnvironment: from !== "argument", rest };
}

/** What a PATH or DEST is; without permission to look, what a person would guess. */
function lookAt(path: string): LookedAt {
  try {
    if (Deno.permissions.querySync({ name: "read" }).state !== "granted") throw new Error("cannot look");
    return { isDirectory: Deno.statSync(path).isDirectory, real: Deno.realPathSync(path) };
  } catch {
    const whole = resolve(path);
    if (dirname(whole) === whole) return { isDirectory: true, real: whole };
    return { isDirectory: true, real: join(lookAt(dirname(whole)).real, basename(whole)) };
  }
}
