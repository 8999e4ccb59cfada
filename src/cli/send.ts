/** `rcopy send` */
import { RcopyError } from "../base/errors.ts";
import { type PeerAddress, send, type SendOptions } from "../mod.ts";
import type { Flags } from "./line/parse.ts";
import { remoteDestination } from "./line/remote_operands.ts";
import { commonOptions, listenOptions } from "./line/library_options.ts";
import { refuseListenOptions } from "./line/refusals.ts";
import type { Job } from "./report/job.ts";
import { noteOnArgument, ticketOf } from "./line/ticket_argument.ts";

/** Serves the PATHs, or brings them to a receiver that listens, and returns the exit status. */
export async function runSend(paths: string[], flags: Flags, job: Job): Promise<number> {
  const { here, remote } = remoteDestination(paths, flags);
  if (here.length === 0) {
    throw new RcopyError("usage", "send needs at least one PATH to serve; see rcopy send --help");
  }
  if (remote) {
    const { withRemoteEnd } = await import("./remote/far_end.ts");
    const summary = await withRemoteEnd(remote, { command: "receive", flags, job }, (meeting) => {
      const { ticket, addresses, fallback, signal } = meeting;
      return send(here, { ...commonOptions(flags, { ...job, signal }), to: ticket, addresses, fallback });
    });
    return summary.exitStatus;
  }
  const options: SendOptions = { ...commonOptions(flags, job), ...meetingOptions(flags, job) };
  const summary = await send(here, options);
  return summary.exitStatus;
}

/** Whom to dial, or where to listen. */
function meetingOptions(flags: Flags, job: Job): Partial<SendOptions> {
  const addresses = flags.address as PeerAddress[] | undefined;
  if (flags.to === undefined && !addresses) {
    return flags.keep ? { ...listenOptions(flags), keep: true } : listenOptions(flags);
  }
  refuseListenOptions(flags, "a sender that dials by --to or -a");
  const options: Partial<SendOptions> = addresses ? { addresses } : {};
  if (flags.to === undefined) return options;
  const { ticket, from } = ticketOf(String(flags.to));
  if (from === "argument") noteOnArgument(job.reporter);
  return { ...options, to: ticket };
}
