/** `rcopy receive` */
import { RcopyError } from "../base/errors.ts";
import { type ExistsPolicy, type PeerAddress, receive, type ReceiveOptions } from "../mod.ts";
import type { Flags } from "./parse.ts";
import { commonOptions, type Job } from "./run.ts";

/** Fetches into DEST and returns the exit status. */
export async function runReceive(args: string[], flags: Flags, job: Job): Promise<number> {
  if (args.length > 1) {
    throw new RcopyError("usage", `receive takes one DEST and got ${args.length}; see rcopy receive --help`);
  }
  const addresses = (flags.address ?? []) as PeerAddress[];
  if (addresses.length === 0 && flags.insecure) {
    throw new RcopyError(
      "usage",
      "receive needs the sender's address: -a HOST:PORT, as rcopy send prints it",
    );
  }
  const summary = await receive(addresses, args[0] ?? ".", {
    ...commonOptions(flags, job),
    ...receiveOptions(flags),
  });
  return summary.exitStatus;
}

function receiveOptions(flags: Flags): Partial<ReceiveOptions> {
  const options: Partial<ReceiveOptions> = {};
  if (flags.exists !== undefined) options.exists = flags.exists as ExistsPolicy;
  if (flags.durable) options.durable = true;
  if (flags["dry-run"]) options.dryRun = true;
  return options;
}
