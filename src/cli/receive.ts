/** `rcopy receive` */
import { RcopyError } from "../base/errors.ts";
import { type ExistsPolicy, type PeerAddress, receive, type ReceiveOptions } from "../mod.ts";
import { confirmOnTerminal } from "./confirm.ts";
import type { Flags } from "./line/parse.ts";
import { remoteSource } from "./line/remote_operands.ts";
import { commonOptions, listenOptions } from "./line/library_options.ts";
import { refuseListenOptions } from "./line/refusals.ts";
import type { Job } from "./report/job.ts";
import { isMeantAsTicket, noteOnArgument, takeTicket } from "./line/ticket_argument.ts";

/** Fetches into DEST, from a sender that listens or one that dials, and returns the exit status. */
export async function runReceive(args: string[], flags: Flags, job: Job): Promise<number> {
  const { remote, here } = remoteSource(args, flags);
  if (remote) {
    const { withRemoteEnd } = await import("./remote/far_end.ts");
    const summary = await withRemoteEnd(remote, { command: "send", flags, job }, (meeting) => {
      const { ticket, addresses, fallback, signal } = meeting;
      const options = { ...commonOptions(flags, { ...job, signal }), ...receiveOptions(flags) };
      return receive(addresses, here[0] ?? ".", { ...options, ticket, fallback });
    });
    return summary.exitStatus;
  }
  const addresses = (flags.address ?? []) as PeerAddress[];
  if (!flags.listen) refuseListenOptions(flags, "a receiver without --listen");
  const { ticket, rest, from } = flags.listen
    ? listening(args, addresses)
    : flags.insecure
    ? insecurely(args, addresses)
    : flags.auth === "ssh"
    ? byKeys(args)
    : takeTicket(args);
  if (rest.length > 1) {
    const hint = ticket === undefined && !flags.insecure && !flags.listen
      ? ", and none of them is a ticket"
      : "";
    throw new RcopyError(
      "usage",
      `receive takes one DEST and got ${rest.length}${hint}; see rcopy receive --help`,
    );
  }
  if (from === "argument") noteOnArgument(job.reporter);
  const confirm = flags.listen ? undefined : confirmOnTerminal(job.console, job.signal);
  const summary = await receive(addresses, rest[0] ?? ".", {
    ...commonOptions(flags, job),
    ...receiveOptions(flags),
    ...(flags.listen ? { ...listenOptions(flags), listen: true } : {}),
    ...(ticket === undefined ? {} : { ticket }),
    ...(confirm === undefined ? {} : { confirm }),
  });
  return summary.exitStatus;
}

/** Waiting for a sender, which is told the ticket instead of telling it. */
function listening(args: string[], addresses: readonly PeerAddress[]) {
  if (addresses.length > 0 || (args[0] !== undefined && isMeantAsTicket(args[0]))) {
    throw new RcopyError(
      "usage",
      "a receiver with --listen waits for the sender to connect; leave out --listen, or the ticket and -a",
    );
  }
  return { ticket: undefined, rest: args, from: undefined };
}

/** Without a ticket, which would ask for a secure channel. */
function insecurely(args: string[], addresses: readonly PeerAddress[]) {
  if (args[0] !== undefined && isMeantAsTicket(args[0])) {
    throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
  }
  if (addresses.length === 0) {
    throw new RcopyError(
      "usage",
      "receive needs the sender's address: -a HOST:PORT, as rcopy send --insecure prints it",
    );
  }
  return { ticket: undefined, rest: args, from: undefined };
}

/** Whatever the environment holds, no ticket is looked for. */
function byKeys(args: string[]) {
  if (args[0] !== undefined && isMeantAsTicket(args[0])) {
    throw new RcopyError("usage", "--auth ssh takes no ticket; leave out one of the two");
  }
  return { ticket: undefined, rest: args, from: undefined };
}

function receiveOptions(flags: Flags): Partial<ReceiveOptions> {
  const options: Partial<ReceiveOptions> = {};
  if (flags.exists !== undefined) options.exists = flags.exists as ExistsPolicy;
  if (flags.durable) options.durable = true;
  if (flags["dry-run"]) options.dryRun = true;
  return options;
}
