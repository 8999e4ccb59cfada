/** One copy by two processes of rcopy, measured at both ends. */
import { withoutExtraTrust } from "../helpers/rcopy_process.ts";
import { MeteredProcess, type Usage } from "./metered_process.ts";

const modules = new URL("../../src/main.ts", import.meta.url).pathname;

/** What carries a copy of ours: bytes as they are (`--insecure`), or the channel that a ticket opens. */
export type OurChannel = "plain" | "ticket";

/** How to copy; the defaults copy over loopback. */
export interface OurCopyOptions {
  source: string;
  target: string;
  io: "uring" | "deno" | "auto";
  /** `plain` by default. */
  channel?: OurChannel;
  /** The main module of the program; that of this checkout by default. */
  main?: string | undefined;
  send?: readonly string[];
  receive?: readonly string[];
  /** Programs that start each end: `ip netns exec NAME`. */
  senderWithin?: readonly string[];
  receiverWithin?: readonly string[];
  /** Options of Deno's own, of each end. */
  senderDeno?: readonly string[];
  receiverDeno?: readonly string[];
  /** Where the sender listens, and what a plain receiver dials if it is not what the sender printed. */
  listen?: readonly string[];
  address?: string;
  secondsMax?: number;
}

export interface OurCopy {
  /** From the start of the receiving process to the end of both. */
  seconds: number;
  sender: Usage;
  receiver: Usage;
}

/** Copies; the sender listens before the clock starts. @throws with what they said, unless both end well */
export async function ourCopy(options: OurCopyOptions): Promise<OurCopy> {
  const { source, target, io, send = [], receive = [], listen = ["-l", "-p", "0"], secondsMax = 600 } =
    options;
  const main = options.main ?? modules;
  const start = (
    [within = [], deno = []]: (readonly string[] | undefined)[],
    args: readonly string[],
    env: Record<string, string> = {},
  ) => {
    const command = [...within, Deno.execPath(), "run", "-A", ...deno, main, ...args];
    return MeteredProcess.start("timeout", [`${secondsMax}`, ...command], { ...withoutExtraTrust, ...env });
  };
  const isPlain = (options.channel ?? "plain") === "plain";
  const both = ["-q", ...(isPlain ? ["--insecure"] : []), "--io", io];
  const sending = ["send", ...both, ...listen, ...send, "--", source];
  const sender = start([options.senderWithin, options.senderDeno], sending);
  const line = await sender.firstLine();
  const { args, env } = isPlain ? byAddress(line, options.address) : byTicket(line);
  const began = performance.now();
  const receiving = ["receive", ...both, ...args, ...receive, "--", target];
  const receiver = start([options.receiverWithin, options.receiverDeno], receiving, env);
  const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
  const seconds = (Math.max(sent.endedAtMs, received.endedAtMs) - began) / 1000;
  if (!sent.success || !received.success) {
    const said = `${await sender.complaints}${await receiver.complaints}`;
    throw new Error(`rcopy ended with ${sent.code} and ${received.code}: ${said}`);
  }
  return { seconds, sender: sent, receiver: received };
}

/** What a receiver needs to reach its sender. */
interface Route {
  args: string[];
  env: Record<string, string>;
}

function byAddress(line: string, wanted: string | undefined): Route {
  const address = wanted ?? / -a (\S+)/.exec(line)?.[1];
  if (!address) throw new Error(`there is no address in "${line}"`);
  return { args: ["-a", address], env: {} };
}

/** In the environment, as one would on a machine with other users. */
function byTicket(line: string): Route {
  const ticket = / (rcopy1[a-z2-7]+) /.exec(line)?.[1];
  if (!ticket) throw new Error(`there is no ticket in "${line}"`);
  return { args: [], env: { RCOPY_TICKET: ticket } };
}
