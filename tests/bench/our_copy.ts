/** One copy by two processes of rcopy, measured at both ends. */
import { MeteredProcess, type Usage } from "./metered_process.ts";

const main = new URL("../../src/main.ts", import.meta.url).pathname;

/** How to copy; the defaults copy over loopback. */
export interface OurCopyOptions {
  source: string;
  target: string;
  io: "uring" | "deno";
  send?: readonly string[];
  receive?: readonly string[];
  /** Programs that start each end: `ip netns exec NAME`. */
  senderWithin?: readonly string[];
  receiverWithin?: readonly string[];
  /** Where the sender listens, and what the receiver dials if it is not what the sender printed. */
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
  const start = (within: readonly string[] = [], args: readonly string[]) => {
    const command = [...within, Deno.execPath(), "run", "-A", main, ...args];
    return MeteredProcess.start("timeout", [`${secondsMax}`, ...command]);
  };
  const both = ["-q", "--insecure", "--io", io];
  const sender = start(options.senderWithin, ["send", ...both, ...listen, ...send, "--", source]);
  const line = await sender.firstLine();
  const address = options.address ?? / -a (\S+)/.exec(line)?.[1];
  if (!address) throw new Error(`there is no address in "${line}"`);
  const began = performance.now();
  const receiver = start(options.receiverWithin, [
    "receive",
    ...both,
    "-a",
    address,
    ...receive,
    "--",
    target,
  ]);
  const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
  const seconds = (performance.now() - began) / 1000;
  if (!sent.success || !received.success) {
    const said = `${await sender.complaints}${await receiver.complaints}`;
    throw new Error(`rcopy ended with ${sent.code} and ${received.code}: ${said}`);
  }
  return { seconds, sender: sent, receiver: received };
}
