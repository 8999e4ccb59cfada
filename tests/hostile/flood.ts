/**
 * A program that opens connections and stalls on each, as many at a time as it may, until it has opened the number that
 * it was told: `flood.ts HOST:PORT COUNT`. Prints one JSON object when the last of them has been closed by the other end.
 */
import { connect, type Socket } from "node:net";
import { frame, preamble } from "./messages.ts";

/** Open at one time. */
const atOnceMax = 400;
/** Addresses of this machine that the connections come from, so that no cap of one source meets them all. */
const sourcesMax = 64;
/** Between two bytes of a connection that dribbles. */
const dribbleMs = 500;

/** How a flood went. */
export interface FloodReport {
  opened: number;
  /** Connections that the other end wrote anything to. */
  answered: number;
  /** Connections that could not be made. */
  refused: number;
  elapsedMs: number;
  /** The longest that a connection was left open. */
  longestMs: number;
}

const hello = frame("hello", {
  role: 1,
  streams: 1,
  timeoutMs: 1000,
  mtimeResolutionNs: 1,
  creditBytes: 1 << 20,
  batchEntries: 1,
});

/** What a connection says before it falls silent, in turn; the last two dribble the rest byte by byte. */
const beginnings: { at: number; dribbles: boolean }[] = [
  { at: 0, dribbles: false },
  { at: 7, dribbles: false },
  { at: 16, dribbles: false },
  { at: 32, dribbles: false },
  { at: 8, dribbles: true },
  { at: 24, dribbles: true },
];

async function flood(host: string, port: number, count: number): Promise<FloodReport> {
  const began = performance.now();
  const report: FloodReport = { opened: 0, answered: 0, refused: 0, elapsedMs: 0, longestMs: 0 };
  let next = 0;
  const worker = async () => {
    while (next < count) await stall(host, port, next++, report);
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  report.elapsedMs = Math.round(performance.now() - began);
  return report;
}

/** One connection, until the other end closes it. */
function stall(host: string, port: number, number: number, report: FloodReport): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const began = performance.now();
  const localAddress = `127.0.7.${1 + number % sourcesMax}`;
  const words = new Uint8Array([...preamble("control"), ...hello]);
  const { at, dribbles } = beginnings[number % beginnings.length]!;
  let said = at;
  let isOpen = false;
  const socket: Socket = connect({ host, port, localAddress });
  const timer = setInterval(() => {
    // All but the last byte: a whole hello would be a session.
    if (dribbles && isOpen && said < words.length - 1) socket.write(words.subarray(said, ++said));
  }, dribbleMs);
  socket.on("connect", () => {
    isOpen = true;
    report.opened++;
    if (at > 0) socket.write(words.subarray(0, at));
  });
  socket.on("data", () => report.answered++);
  socket.on("error", () => isOpen || report.refused++);
  socket.on("close", () => {
    clearInterval(timer);
    if (isOpen) report.longestMs = Math.max(report.longestMs, Math.round(performance.now() - began));
    resolve();
  });
  return promise;
}

if (import.meta.main) {
  const [address, count] = Deno.args;
  const [host, port] = address!.split(":");
  console.log(JSON.stringify(await flood(host!, Number(port), Number(count))));
}
