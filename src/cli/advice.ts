/** The permission flags that a command line needs, as `rcopy doctor` tells them. */
import { basename, dirname, join, resolve } from "node:path";
import { RcopyError } from "../base/errors.ts";
import { decodeTicket } from "../security/anchor/ticket.ts";
import { findUserPlaces } from "../security/user/user_places.ts";
import type { Flags } from "./line/options.ts";
import { type CommandLine, parseCommandLine } from "./line/parse.ts";
import { remoteDestination, remoteSource } from "./line/remote_operands.ts";
import { knownTicket } from "./line/ticket_argument.ts";
import {
  cleanPermissions,
  type LookedAt,
  type MeetingAdvice,
  type PermissionAdvice,
  receivePermissions,
  sendPermissions,
  type SshPlaces,
  type TicketAdvice,
} from "./permissions.ts";
import { sshWords } from "./remote/far_end.ts";

/** The advice for the words of a command line. @throws {RcopyError} `usage` when it is wrong in itself */
export function adviceFor(words: readonly string[]): PermissionAdvice {
  const invocation = parseCommandLine(words);
  const command = invocation.of === "command" ? invocation.line.command : undefined;
  if (invocation.of !== "command" || (command !== "send" && command !== "receive")) {
    throw new RcopyError(
      "usage",
      "doctor looks at the command lines of send and receive; others need no permission",
    );
  }
  return command === "send" ? adviceForSend(invocation.line) : adviceForReceive(invocation.line);
}

function adviceForSend({ flags, operands }: CommandLine): PermissionAdvice {
  const { here, remote } = remoteDestination(operands, flags);
  if (here.length === 0) throw new RcopyError("usage", "send needs at least one PATH to serve");
  return sendPermissions(here, flags, {
    look: lookAt,
    meeting: remote ? meetingByRemote(flags) : { ...meetingOfSend(flags), ssh: sshPlacesOf(flags) },
  });
}

function adviceForReceive({ flags, operands }: CommandLine): PermissionAdvice {
  if (flags.clean) return cleanPermissions(operands[0] ?? ".", flags, { look: lookAt });
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
  const { to } = flags;
  if (to === undefined) return { of: flags.address === undefined ? "listen" : "dial" };
  const addresses = to === "-" ? undefined : decodeTicket(to).addresses;
  return { of: "dial", ticket: { addresses, fromEnvironment: false } };
}

/** Where the ticket of a command line leads to, without waiting for one. @throws {RcopyError} `usage` if it is mistyped */
function adviseOnTicket(operands: readonly string[]): TicketAdvice & { rest: string[] } {
  if (operands[0] === "-") return { addresses: undefined, fromEnvironment: false, rest: operands.slice(1) };
  const { ticket, rest, from } = knownTicket(operands);
  const addresses = ticket === undefined ? undefined : decodeTicket(ticket).addresses;
  return { addresses, fromEnvironment: from !== "argument", rest };
}

/** Looks at a PATH or DEST; without permission to look, it is taken for a directory where it seems to be. */
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
