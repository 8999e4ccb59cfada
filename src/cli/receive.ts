/** `rcopy receive` */
import { RcopyError } from "../base/errors.ts";
import { receive } from "../mod.ts";
import { askOnTerminal, confirmOnTerminal } from "./confirm.ts";
import { DenoFiles } from "./deno_files.ts";
import { libraryOptions } from "./line/library_options.ts";
import type { LibraryOptions } from "./line/option.ts";
import type { CommandLine } from "./line/parse.ts";
import { unpasted } from "./line/pasted.ts";
import { refuseListenOptions } from "./line/refusals.ts";
import { remoteSource } from "./line/remote_operands.ts";
import { isMeantAsTicket, noteOnArgument, takeTicket, type TicketArgument } from "./line/ticket_argument.ts";
import { readTicket } from "./line/ticket_input.ts";
import type { Job } from "./report/job.ts";

/** Fetches into DEST, from a sender that listens or one that dials, and returns the exit status. */
export async function runReceive(line: CommandLine, job: Job): Promise<number> {
  const { flags, operands } = line;
  if (flags.clean) {
    const { runClean } = await import("./clean.ts");
    return await runClean(line, job);
  }
  const { remote, here } = remoteSource(unpasted(operands), flags);
  if (remote) {
    const { withRemoteEnd } = await import("./remote/far_end.ts");
    const summary = await withRemoteEnd(remote, { command: "send", line, job }, (meeting) => {
      const { addresses, ...way } = meeting;
      const dest = here[0];
      return receive(addresses, dest, { ...receiveOptions(line, { dest, job }), ...way });
    });
    return summary.exitStatus;
  }
  if (!flags.listen) refuseListenOptions(flags, "a receiver without --listen");
  const { ticket, rest, from } = await argumentsOf({ ...line, operands: here }, job);
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
  const dest = rest[0];
  const summary = await receive(flags.address ?? [], dest, {
    ...receiveOptions(line, { dest, job }),
    ...(ticket === undefined ? {} : { ticket }),
    ...(confirm === undefined ? {} : { confirm }),
  });
  return summary.exitStatus;
}

/** The options for the library; the last event comes behind a warning, where the copy replaced what decides the next start. */
function receiveOptions(
  line: CommandLine,
  { dest, job }: { dest: string | undefined; job: Job },
): LibraryOptions {
  const denoFiles = new DenoFiles(dest ?? ".");
  const { onEvent } = job.reporter;
  const ask = line.flags.yes ? "yes" : askOnTerminal(job);
  return {
    ...libraryOptions(line, job),
    ...(ask === undefined ? {} : { ask }),
    onEvent: (event) => {
      const message = event.type === "done" ? denoFiles.warning() : undefined;
      if (message !== undefined) onEvent({ type: "note", level: "warn", message });
      return onEvent(event);
    },
  };
}

/** The ticket, where one is needed, and what is left of the operands. @throws {RcopyError} `usage` */
async function argumentsOf({ operands, flags }: CommandLine, job: Job): Promise<TicketArgument> {
  const isTicket = operands[0] !== undefined && isMeantAsTicket(operands[0]);
  const withoutTicket = { ticket: undefined, rest: [...operands], from: undefined };
  if (flags.listen) {
    if (!isTicket && flags.address === undefined) return withoutTicket;
    throw new RcopyError(
      "usage",
      "a receiver with --listen waits for the sender to connect; leave out --listen, or the ticket and -a",
    );
  }
  if (flags.insecure) {
    if (isTicket) {
      throw new RcopyError("usage", "a ticket opens a secure channel; leave out --insecure, or the ticket");
    }
    if (flags.address !== undefined) return withoutTicket;
    throw new RcopyError(
      "usage",
      "receive needs the sender's address: -a HOST:PORT, as rcopy send --insecure prints it",
    );
  }
  if (flags.auth !== "ssh") return await takeTicket(operands, () => readTicket(job));
  if (!isTicket) return withoutTicket;
  throw new RcopyError("usage", "--auth ssh takes no ticket; leave out one of the two");
}
