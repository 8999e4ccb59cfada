/**
 * The rate of one stream of rcopy, from memory to memory, over that of the plainest loop that Deno allows;
 * with TLS and without: `deno task bench:stream [--bytes N] [--runs N] [--json FILE]`. The same loop from a file
 * into a file, without hashes, is what a copy through such a channel reaches at most. Each stream is between two
 * processes of their own, which `stream_end.ts` is.
 */
import {
  anchorOf,
  certifyLeaf,
  makeAnchorKey,
  unlimitedValidity,
} from "../../src/security/anchor/certificate.ts";
import { plainTransport } from "../../src/net/transport.ts";
import { withoutExtraTrust } from "../helpers/rcopy_process.ts";
import { parseArguments } from "./arguments.ts";
import { randomFrom } from "../helpers/random.ts";
import { describeMachine, warm, withBenchFolder } from "./machine.ts";
import type { Dialing, Listening, Program, StreamResult } from "./stream_end.ts";
import { writeLarge } from "./works.ts";
import { median } from "./turns.ts";
import { shell } from "../helpers/test_folder.ts";

/** What one program reached over one kind of channel. */
export interface StreamFigures {
  program: Program;
  channel: "TLS" | "plain TCP";
  /** Seconds of each run. */
  runs: number[];
  median: number;
  /** GB a second, of the median. */
  rate: number;
  /** Its rate over that of the bare loop over the same kind of channel. */
  ratio: number;
}

export interface StreamOptions {
  bytes: number;
  runs: number;
  log: (line: string) => void;
}

const programs: readonly Program[] = ["bare", "rcopy", "bare copy"];
const endsMsMax = 600_000;

/** Where a copy reads and writes. */
interface Files {
  source: string;
  target: string;
}

/** Runs each program over each channel, in turn, so many times. */
export async function measureStreams(
  { bytes, runs, log }: StreamOptions,
): Promise<{ machine: string; figures: StreamFigures[] }> {
  return await withBenchFolder("ram", async (folder, place) => {
    const machine = `${await describeMachine()}, loopback, ${bytes / 1e9} GB; of copies, ` +
      (place === "ram" ? "RAM disk to RAM disk" : "disk to disk");
    log(machine);
    const files: Files = { source: `${folder}/source`, target: `${folder}/target` };
    writeLarge(files.source, bytes, randomFrom(1));
    const channels = [
      { channel: "TLS", ...await tlsTransports() },
      { channel: "plain TCP", listen: plainTransport, dial: plainTransport },
    ] as const;
    const cases = channels.flatMap((each) => {
      return programs.map((program) => ({ ...each, program, seconds: [] as number[] }));
    });
    for (let run = 0; run < runs; run++) {
      for (const { program, listen, dial, channel, seconds } of cases) {
        if (program === "bare copy") await warm(folder, bytes);
        seconds.push(await streamOnce({ program, bytes, files }, { listen, dial }));
        log(`${run + 1}/${runs} ${program}, ${channel}: ${seconds.at(-1)!.toFixed(3)} s`);
      }
    }
    const figures = cases.map(({ program, channel, seconds }) => {
      const bare = cases.find((other) => other.program === "bare" && other.channel === channel)!;
      const middle = median(seconds);
      const ratio = median(bare.seconds) / middle;
      return { program, channel, runs: seconds, median: middle, rate: bytes / 1e9 / middle, ratio };
    });
    return { machine, figures };
  });
}

interface Transports {
  listen: Listening["transport"];
  dial: Dialing["transport"];
}

/** As a ticket makes them, for both programs. */
async function tlsTransports(): Promise<Transports> {
  const anchor = await makeAnchorKey();
  return {
    listen: { kind: "tls", ...await certifyLeaf(anchor, unlimitedValidity) },
    dial: { kind: "tls", ...await anchorOf(anchor.spki) },
  };
}

/** @returns the seconds from the first byte asked for to the last one there */
async function streamOnce(
  { program, bytes, files: { source, target } }: { program: Program; bytes: number; files: Files },
  { listen, dial }: Transports,
): Promise<number> {
  await using sender = new End({ role: "send", program, bytes, transport: listen, file: source });
  const port = Number(await sender.line());
  await using receiver = new End({ role: "receive", program, bytes, transport: dial, port, file: target });
  const result: StreamResult = JSON.parse(await receiver.line());
  if (result.bytes !== bytes) throw new Error(`${program}: ${result.bytes} of ${bytes} bytes came`);
  if (program === "bare copy") await shell('cmp "$1" "$2" && rm "$2"', source, target);
  return result.seconds;
}

/** One process. */
class End implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  constructor(task: Listening | Dialing) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL("stream_end.ts", import.meta.url).pathname],
      env: { NO_COLOR: "1", ...withoutExtraTrust },
      stdin: "piped",
      stdout: "piped",
      signal: AbortSignal.timeout(endsMsMax),
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    // An end that dies before it reads has said why, and has no next line.
    this.#tell(JSON.stringify(task)).catch(() => {});
  }

  /** The line that it says next. */
  async line(): Promise<string> {
    let text = "";
    while (!text.endsWith("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("an end of a stream failed; what it said is above");
      text += value;
    }
    return text.trim();
  }

  /** Ends it, if it has not ended: what it was for is over, or the other end has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill();
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#lines.cancel();
  }

  async #tell(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  }
}

/** One line of the table for people. */
export function renderStream({ program, channel, runs, rate, ratio }: StreamFigures): string {
  const spread = `${Math.min(...runs).toFixed(3)} to ${Math.max(...runs).toFixed(3)} s`;
  const cells = [
    channel.padEnd(10),
    program.padEnd(9),
    `${rate.toFixed(2)} GB/s`,
    `${ratio.toFixed(2)} of bare`,
  ];
  return `${cells.join("  ")}  (${spread})`;
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, { values: ["bytes", "runs", "json"], switches: [] });
  const result = await measureStreams({
    bytes: args.number("bytes", 2e9),
    runs: args.number("runs", 5),
    log: (line) => console.error(line),
  });
  for (const figures of result.figures) console.log(renderStream(figures));
  const path = args.value("json");
  if (path) await Deno.writeTextFile(path, JSON.stringify(result, null, 2));
}
