/** `rcopy send` */
import { RcopyError } from "../base/errors.ts";
import { send } from "../mod.ts";
import { libraryOptions } from "./line/library_options.ts";
import type { CommandLine } from "./line/parse.ts";
import { unpasted } from "./line/pasted.ts";
import { refuseListenOptions } from "./line/refusals.ts";
import { remoteDestination } from "./line/remote_operands.ts";
import { noteOnArgument, ticketOf } from "./line/ticket_argument.ts";
import { readTicket } from "./line/ticket_input.ts";
import type { Job } from "./report/job.ts";

/** Serves the PATHs, or brings them to a receiver that listens, and returns the exit status. */
export async function runSend(line: CommandLine, job: Job): Promise<number> {
  const { flags, operands } = line;
  const { here, remote } = remoteDestination(operands, flags);
  if (here.length === 0) {
    throw new RcopyError("usage", "send needs at least one PATH to serve; see rcopy send --help");
  }
  if (remote) {
    const { withRemoteEnd } = await import("./remote/far_end.ts");
    const summary = await withRemoteEnd(remote, { command: "receive", line, job }, (meeting) => {
      const { ticket, ...way } = meeting;
      return send(here, { ...libraryOptions(line, job), ...way, to: ticket });
    });
    return summary.exitStatus;
  }
  const to = await ticketToDial(line, job);
  const summary = await send(here, { ...libraryOptions(line, job), ...(to === undefined ? {} : { to }) });
  return summary.exitStatus;
}

/** The ticket of a receiver that listens, if the command line names one. @throws {RcopyError} `usage` */
async function ticketToDial({ flags }: CommandLine, job: Job): Promise<string | undefined> {
  if (flags.to === undefined && flags.address === undefined) return undefined;
  refuseListenOptions(flags, "a sender that dials by --to or -a");
  if (flags.to === undefined) return undefined;
  const { ticket, from } = await ticketOf(unpasted([flags.to])[0]!, () => readTicket(job));
  if (from === "argument") noteOnArgument(job.reporter);
  return ticket;
}
