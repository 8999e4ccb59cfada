/** One copy by one program, measured and verified. */
import { type Contender, isOurs, type PeerContender } from "./contender.ts";
import { dropCaches, type Place, warm } from "./machine.ts";
import { cpuSecondsOf, descendantsOf, MemoryPeak, MeteredProcess } from "./metered_process.ts";
import { ourCopy } from "./our_copy.ts";
import type { Servers } from "./servers.ts";
import { type Run, secondsMax } from "./turns.ts";
import { buildProgram } from "../../.ci/tasks/build.ts";
import { shell } from "../helpers/test_folder.ts";

/** What a copy uses of the servers of peers. */
export type UsedServers = Pick<Servers, "places" | "pidsOf">;

/** What is copied, and where. */
export interface CopyOptions {
  folder: string;
  /** Where the folder really is. */
  place: Place;
  servers: UsedServers;
  source: string;
  /** What the source has. */
  bytes: number;
  entries: number;
  /** Start with empty page, name and inode caches, except for the program itself. */
  cold: boolean;
}

/** Copies of so many entries stay on a disk until the last run; what is only large is removed at once. */
const manyEntries = 10_000;
/** Runs the rest of its arguments with no network but loopback, and without the sockets of name services. */
const isolating = [
  ...["unshare", "--net", "--mount", "bash", "-c"],
  'ip link set lo up && mount -t tmpfs tmpfs /run && exec "$@"',
  "-",
];

/** Why a peer cannot be kept from the network here. */
export function whyNoIsolation(): string | undefined {
  const [program, ...args] = [...isolating, "true"];
  const { success } = new Deno.Command(program!, { args, stdout: "null", stderr: "null" }).outputSync();
  return success ? undefined : "it cannot be kept from the network here: unshare needs root";
}

/** Copies into a fresh directory, and compares outside of the time. @throws if it fails, or the copy differs */
export async function runOnce(contender: Contender, options: CopyOptions): Promise<Run> {
  const { folder, place, source, servers, bytes, entries } = options;
  // Memory that this machine has not touched lately is slow: touch as much as is about to be written.
  await warm(folder, bytes);
  if (options.cold) {
    await dropCaches();
    await warmProgram(contender, folder, servers);
  }
  const target = await Deno.makeTempDir({ dir: `${folder}/targets`, prefix: "run-" });
  const run = await copyOnce(contender, { folder, source, target, servers });
  if (run.seconds < secondsMax) await requireSame(source, copyIn(target, contender, source));
  // ext4 is slow to create files for minutes after many were removed: those stay until the last run. A RAM
  // disk is not, and would run out of memory.
  if (place === "ram" || entries < manyEntries) await shell('rm -rf "$1"', target);
  return run;
}

/** Where in a target the copy of a source begins. */
function copyIn(target: string, contender: Contender, source: string): string {
  const keepsName = !isOurs(contender) && contender.keepsName;
  return keepsName ? `${target}/${source.slice(source.lastIndexOf("/") + 1)}` : target;
}

async function requireSame(source: string, copy: string): Promise<void> {
  const difference = await shell('cd "$1" && diff -r --no-dereference . "$2" 2>&1 | head -n 1', source, copy);
  if (difference !== "") throw new Error(`its copy differs: ${difference}`);
}

/** Copies next to nothing, so that the program itself and all that it loads are in the cache. */
async function warmProgram(contender: Contender, folder: string, servers: UsedServers): Promise<void> {
  const source = `${folder}/tiny`;
  await shell('mkdir -p "$1" && echo tiny > "$1/big"', source);
  const target = await Deno.makeTempDir({ dir: `${folder}/targets`, prefix: "tiny-" });
  await copyOnce(contender, { folder, source, target, servers });
  await shell('rm -rf "$1" "$2"', source, target);
}

interface Ways {
  folder: string;
  source: string;
  target: string;
  servers: UsedServers;
}

async function copyOnce(contender: Contender, ways: Ways): Promise<Run> {
  if (!isOurs(contender)) return await copyByPeer(contender, ways);
  const { io, channel, form } = contender;
  const { folder, source, target } = ways;
  const main = form === "built" ? await built(`${folder}/program`) : undefined;
  const { seconds, sender, receiver } = await ourCopy({ source, target, io, channel, main, secondsMax });
  const cpuSeconds = sender.cpuSeconds + receiver.cpuSeconds;
  return { seconds, cpuSeconds, peaksMiB: [sender.peakMiB, receiver.peakMiB] };
}

/** The main module of the built program, made when a comparison first needs it. */
async function built(folder: string): Promise<string> {
  const main = `${folder}/main.js`;
  const [isThere] = await Promise.allSettled([Deno.stat(main)]);
  return isThere.status === "fulfilled" ? main : await buildProgram(folder);
}

async function copyByPeer(contender: PeerContender, { folder, source, target, servers }: Ways): Promise<Run> {
  const server = contender.server === undefined ? [] : servers.pidsOf(contender.server);
  const cpuOfServer = () => server.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const before = cpuOfServer();
  const serverPeak = new MemoryPeak(server);
  const scratch = await Deno.makeTempDir({ dir: folder, prefix: "scratch-" });
  const script = contender.script({ ...servers.places, folder });
  const command = ["bash", "-c", script, "-", source, target, scratch];
  let began = performance.now();
  const within = contender.isolated ? isolating : [];
  const metered = MeteredProcess.start("timeout", [`${secondsMax}`, ...within, ...command]);
  // A sender that ends before it listens says why at its end.
  if (contender.senderListens) await metered.firstLine().catch(() => {});
  if (contender.senderListens) began = performance.now();
  const usage = await metered.end();
  const seconds = (usage.endedAtMs - began) / 1000;
  await waitForSessions(server);
  const peakMiB = usage.peakMiB + serverPeak.stop();
  const cpuSeconds = usage.cpuSeconds + cpuOfServer() - before;
  await shell('rm -rf "$1"', scratch);
  if (usage.code === 124) return { seconds: secondsMax, cpuSeconds, peaksMiB: [peakMiB] };
  if (!usage.success) throw new Error(`it ended with ${usage.code}: ${await metered.complaints}`);
  return { seconds, cpuSeconds, peaksMiB: [peakMiB] };
}

/**
 * Waits until a server has no session any more, because only then does it know what they took; not longer
 * than two seconds.
 */
async function waitForSessions(server: readonly number[]): Promise<void> {
  for (let i = 0; i < 100 && server.some((pid) => descendantsOf(pid).length > 0); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
