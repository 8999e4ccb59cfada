/** `rcopy send` */
import { RcopyError } from "../base/errors.ts";
import { send, type SendOptions, type TransferEvent } from "../mod.ts";
import type { Flags } from "./parse.ts";
import { commonOptions, type Job } from "./run.ts";

/** Serves the PATHs and returns the exit status. */
export async function runSend(paths: string[], flags: Flags, job: Job): Promise<number> {
  if (paths.length === 0) {
    throw new RcopyError("usage", "send needs at least one PATH to serve; see rcopy send --help");
  }
  const options: SendOptions = { ...commonOptions(flags, job), ...sendOptions(flags) };
  const summary = await send(paths, options);
  return summary.exitStatus;
}

function sendOptions(flags: Flags): Partial<SendOptions> {
  const options: Partial<SendOptions> = {};
  if (flags.port !== undefined) options.port = flags.port as number;
  if (flags.local) options.local = true;
  if (flags.bind !== undefined) options.bind = flags.bind as string;
  if (flags.keep) options.keep = true;
  if (flags.advertise !== undefined) {
    options.advertise = flags.advertise as NonNullable<SendOptions["advertise"]>;
  }
  return options;
}

/** The line to run on the other machine. */
export function lineForReceiver(event: TransferEvent & { type: "listening" }): string {
  if (event.ticket !== undefined) return `rcopy receive ${event.ticket} .`;
  const own = { host: event.addresses[0] ?? "THIS-MACHINE", port: event.port };
  const { host, port } = event.advertised?.[0] ?? own;
  return `rcopy receive ${event.keysOnly ? "" : "--insecure "}-a ${
    host.includes(":") ? `[${host}]` : host
  }:${port} .`;
}
