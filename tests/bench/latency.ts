/**
 * The work `latency`: 1 GB over a slow path between two network namespaces, by ours and by one stream of
 * `nc`.
 */
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { DelayedPath } from "../helpers/delayed_path.ts";
import { whyNoNamespaces } from "../helpers/namespaces.ts";
import { randomFrom } from "../helpers/random.ts";
import { type Figures, figuresOf, inTurn, type Run, secondsMax } from "./turns.ts";
import { shell } from "../helpers/test_folder.ts";
import { warm } from "./machine.ts";
import { MeteredProcess } from "./metered_process.ts";
import { ourCopy } from "./our_copy.ts";
import { writeLarge } from "./works.ts";

/**
 * The path: each direction waits so long, and each connection has so much under way at most: 42 MB/s a
 * connection.
 */
export const delayMs = 50;
export const windowBytes = 4 * 1024 * 1024;
const fileBytes = 1_000_000_000;

export interface DelayComparisonOptions {
  folder: string;
  runs: number;
  /** Part of the full size. */
  scale: number;
  installed: (program: string) => boolean;
  log: (line: string) => void;
}

/** Copies a folder with one file over a path. */
interface Carrier {
  name: string;
  copy(path: DelayedPath, source: string, target: string): Promise<Run>;
}

/** Streams that ours is run with where it can be told: `auto` first, which the ratios are of. */
const streamCounts = ["auto", "1", "2", "4", "8"];

/**
 * Runs the comparison; every copy is compared, and the path must have carried its bytes. Nothing where there
 * are no namespaces.
 */
export async function compareOverDelay(options: DelayComparisonOptions): Promise<Figures[]> {
  const why = whyNoNamespaces();
  if (why !== undefined) {
    options.log(`latency: skipped, ${why}`);
    return [];
  }
  const bytes = Math.round(fileBytes * options.scale);
  const source = `${options.folder}/source`;
  await Deno.mkdir(source);
  writeLarge(`${source}/big`, bytes, randomFrom(1));
  const carriers = [...await ourCarriers(), ...(options.installed("nc") ? [nc] : [])];
  const turns = { rounds: options.runs, title: "latency", log: options.log };
  const runs = await inTurn(carriers, turns, async (carrier) => {
    const target = `${options.folder}/target`;
    await warm(options.folder, bytes);
    await Deno.mkdir(target);
    await using path = await DelayedPath.open({ delayMs, windowBytes });
    const run = await carrier.copy(path, source, target);
    const { connections } = await path.close();
    const carried = connections.reduce((sum, { toDialer }) => sum + toDialer, 0);
    if (run.seconds < secondsMax) {
      await shell('cmp "$1/big" "$2/big"', source, target);
      if (carried < bytes) throw new Error(`${carrier.name}: the path carried ${carried} of ${bytes} bytes`);
    }
    await shell('rm -rf "$1"', target);
    return run;
  });
  await shell('rm -rf "$1"', source);
  const path = `${delayMs} ms each way, window of ${windowBytes / 2 ** 20} MiB`;
  const title = `one file of ${bytes / 1e9} GB over ${path}`;
  return figuresOf({ name: "latency", title }, runs, bytes);
}

/** Ours, with each number of streams if it can be told one. */
async function ourCarriers(): Promise<Carrier[]> {
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const help = await shell('"$1" run -A "$2" receive --help', Deno.execPath(), main);
  if (!help.includes("--streams")) return [ours("rcopy", [])];
  return streamCounts.map((streams) => ours(`rcopy --streams ${streams}`, ["--streams", streams]));
}

function ours(name: string, receive: string[]): Carrier {
  return {
    name,
    async copy({ namespaces, address, port }, source, target) {
      const { seconds, sender, receiver } = await ourCopy({
        source,
        target,
        io: whyNoUringEngine() === undefined ? "uring" : "deno",
        receive,
        address,
        listen: ["--bind", namespaces.addresses.sender, "-p", `${port}`],
        senderWithin: namespaces.within("sender"),
        receiverWithin: namespaces.within("receiver"),
        secondsMax,
      });
      const cpuSeconds = sender.cpuSeconds + receiver.cpuSeconds;
      return { seconds, cpuSeconds, peaksMiB: [sender.peakMiB, receiver.peakMiB] };
    },
  };
}

const nc: Carrier = {
  name: "nc",
  async copy({ namespaces, address, port }, source, target) {
    const { sender } = namespaces.addresses;
    const start = (within: string[], script: string, ...args: string[]) =>
      MeteredProcess.start("timeout", [`${secondsMax}`, ...within, "bash", "-c", script, "-", ...args]);
    const listening =
      'nc -N -l "$1" "$2" < "$3/big" & until ss -ltn | grep -q ":$2 "; do sleep 0.01; done; ' +
      "echo listening; wait";
    const sending = start(namespaces.within("sender"), listening, sender, `${port}`, source);
    await sending.firstLine();
    const began = performance.now();
    const [host] = address.split(":");
    const receiving = start(
      namespaces.within("receiver"),
      'nc -d "$1" "$2" > "$3/big"',
      host!,
      `${port}`,
      target,
    );
    const [sent, received] = await Promise.all([sending.end(), receiving.end()]);
    const seconds = (Math.max(sent.endedAtMs, received.endedAtMs) - began) / 1000;
    const peaksMiB = [sent.peakMiB, received.peakMiB];
    const cpuSeconds = sent.cpuSeconds + received.cpuSeconds;
    if (sent.code === 124 || received.code === 124) return { seconds: secondsMax, cpuSeconds, peaksMiB };
    if (!sent.success || !received.success) throw new Error(`nc failed: ${await receiving.complaints}`);
    return { seconds, cpuSeconds, peaksMiB };
  },
};
