/** From the flags of a command line to the options of the library. */
import type { CommonOptions, ListenOptions } from "../../mod.ts";
import type { Job } from "../report/job.ts";
import type { Flags } from "./parse.ts";

/** The options that both ends have in common. */
export function commonOptions(flags: Flags, job: Job): CommonOptions {
  const options: CommonOptions = {
    insecure: flags.insecure === true,
    signal: job.signal,
    onEvent: job.reporter.onEvent,
  };
  if (flags.auth !== undefined) options.auth = flags.auth as NonNullable<CommonOptions["auth"]>;
  if (flags.identity !== undefined) options.identity = flags.identity as string;
  if (flags.allow !== undefined) options.allow = flags.allow as string[];
  if (job.command !== undefined) options.command = job.command;
  if (flags.io !== undefined) options.io = flags.io as NonNullable<CommonOptions["io"]>;
  if (flags.timeout !== undefined) options.timeoutMs = flags.timeout as number;
  if (flags.streams !== undefined) options.streams = flags.streams as number | "auto";
  return options;
}

/** Where to listen. */
export function listenOptions(flags: Flags): ListenOptions {
  const options: ListenOptions = {};
  if (flags.port !== undefined) options.port = flags.port as number;
  if (flags.local) options.local = true;
  if (flags.bind !== undefined) options.bind = flags.bind as string;
  if (flags.advertise !== undefined) {
    options.advertise = flags.advertise as NonNullable<ListenOptions["advertise"]>;
  }
  return options;
}
