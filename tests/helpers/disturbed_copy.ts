/**
 * Copies that are disturbed at some point: an end is killed or stopped, the network swallows or resets everything, the disk
 * fills up. The same command is given again, all under final names is looked at in between, and what travels is counted.
 */
import { type QuietNetwork, socketBytes } from "./quiet_network.ts";
import {
  assertStatuses,
  type CopyOptions,
  copyTree,
  type Outcome,
  startReceiver,
  startSender,
} from "./rcopy_process.ts";
import { shell } from "./test_folder.ts";
import { differencesOf, isUnfinished, recordTree, type TreeRecord } from "./tree_record.ts";

const disturbances = ["kill", "kill", "stop", "black hole", "reset", "full disk"] as const;
const victimsOf = [["sender"], ["receiver"], ["sender", "receiver"]] as const;

/** Where a copy is disturbed, and how. */
export interface KillPoint {
  disturbance: typeof disturbances[number];
  victims: readonly ("sender" | "receiver")[];
  /** It comes once this part of what an undisturbed copy sends has travelled, 0 to 1. */
  part: number;
  /** How long a stop, or what befalls the network, lasts. */
  lastsMs: number;
  io: "deno" | "uring";
  lanes: number;
}

/** The point with a number, of so many: in strata, so that every part of a copy is met. */
export function killPoint(random: () => number, number: number, points: number): KillPoint {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  return {
    disturbance: disturbances[number % disturbances.length]!,
    victims: pick(victimsOf),
    part: 0.98 * (number + random()) / points,
    lastsMs: Math.floor(random() * 5000),
    io: pick(["deno", "uring"]),
    lanes: pick([1, 2]),
  };
}

export function showKillPoint({ disturbance, victims, part, lastsMs, io, lanes }: KillPoint): string {
  const whom = disturbance === "kill" || disturbance === "stop" ? ` of ${victims.join(" and ")}` : "";
  const howLong = disturbance === "kill" || disturbance === "full disk" ? "" : `, ${lastsMs} ms`;
  return `${disturbance}${whom} at ${(part * 100).toFixed(1)} %${howLong} (--io ${io} --streams ${lanes})`;
}

/** What a disturbed copy and the one after it came to. */
export interface Disturbed {
  /** The point came before the copy had ended. */
  wasReached: boolean;
  /** Bytes on the wire in all. */
  bytes: number;
}

/** After so much silence an end takes the other for lost; and for so long it tries to reach it again. */
const silenceMs = 3000;
const pollMs = 2;
const unitBytes = 4 * 1024 * 1024;
/** Handshakes, manifests, headers of packets, and what a connection tries again. */
const overheadBytes = 1_000_000;
const overheadPart = 0.03;
const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** A source, and what DEST held before. */
export interface DisturbedTrees {
  folder: string;
  source: Map<string, TreeRecord>;
  old: Map<string, TreeRecord>;
}

/** Large files of many extents and of few, small ones in new and in old directories, and an older state of some of it. */
export async function makeDisturbedTrees(folder: string): Promise<DisturbedTrees> {
  await shell(
    `mkdir -p "$1/source" "$1/old/d0" && cd "$1/source" && head -c 24000000 /dev/urandom >large && mkdir new && cd new &&
    head -c 9000000 /dev/urandom >middle && cd .. && for d in 0 1 2 3 4 5 6 7; do mkdir -p d$d/sub; for f in $(seq 20); do
    head -c $((f * f * 60)) /dev/urandom >d$d/f$f; head -c 50000 /dev/urandom >d$d/sub/f$f; done; ln -s f1 d$d/link; done
    chmod 555 d3/sub && mkdir empty && cd ../old && for f in 1 2 3; do echo old $f >d0/f$f; done && head -c 6000000 /dev/urandom >large`,
    folder,
  );
  return { folder, source: await recordTree(`${folder}/source`), old: await recordTree(`${folder}/old`) };
}

/** Bytes that an undisturbed copy sends. */
export async function bytesOfCopy(trees: DisturbedTrees, network: QuietNetwork): Promise<number> {
  const target = `${trees.folder}/undisturbed`;
  await shell('cp -a "$1/old" "$2"', trees.folder, target);
  const before = network.bytes;
  const point = { io: "uring", lanes: 1 } as const;
  assertStatuses(await copyTree(optionsOf(trees, network, { point, target })), 0);
  await shell('rm -rf "$1"', target);
  return network.bytes - before;
}

export interface DisturbOptions {
  point: KillPoint;
  /** An empty directory; of a file system of its own where the disk is to fill up. */
  target: string;
  /** Bytes that an undisturbed copy sends. */
  all: number;
}

/** Copies onto the older state, disturbed at a point; then again, until it is done. @throws where a promise is broken */
export async function disturbAndComplete(
  trees: DisturbedTrees,
  network: QuietNetwork,
  options: DisturbOptions,
): Promise<Disturbed> {
  const { point, target, all } = options;
  await shell('cp -a "$1/old/." "$2/"', trees.folder, target);
  const start = network.bytes;
  const { sent, received, wasReached } = await disturb(trees, network, options);
  const said =
    `send ended with ${sent.status}: ${sent.stderr}\nreceive ended with ${received.status}: ${received.stderr}`;
  const wrong = await wrongUnderFinalNames(trees, target);
  if (wrong.length > 0) throw new Error(`under final names, and not whole: ${wrong.join(", ")}\n${said}`);
  if (sent.status !== 0 || received.status !== 0) {
    assertStatuses(await copyTree(optionsOf(trees, network, { point, target })), 0);
  }
  const bytes = network.bytes - start;
  const different = differencesOf(trees.source, await recordTree(target), comparison);
  if (different.length > 0) {
    throw new Error(`the next run leaves other trees:\n  ${different.slice(0, 9).join("\n  ")}\n${said}`);
  }
  const inFlight = point.lanes * (2 * unitBytes + 2 * socketBytes);
  const most = all * (1 + overheadPart) + overheadBytes + inFlight;
  if (bytes > most) throw new Error(`${bytes} bytes travelled, of ${all}; at most ${most} may\n${said}`);
  return { wasReached, bytes };
}

/** One copy, disturbed once so much has travelled. */
async function disturb(
  trees: DisturbedTrees,
  network: QuietNetwork,
  options: DisturbOptions,
): Promise<{ sent: Outcome; received: Outcome; wasReached: boolean }> {
  const { point, target, all } = options;
  const copy = optionsOf(trees, network, options);
  const at = network.bytes + point.part * all;
  const { sender, address } = await startSender(copy);
  await using _sender = sender;
  await using receiver = startReceiver(copy, address);
  const ends = { sender, receiver };
  let hasEnded = false;
  const ending = receiver.end().finally(() => hasEnded = true);
  while (!hasEnded && network.bytes < at) await new Promise((wake) => setTimeout(wake, pollMs));
  const wasReached = !hasEnded;
  if (wasReached) await befall(point, { ends, network, target });
  const received = await ending;
  // Whoever is left without a receiver waits for another one: that is the next run.
  if (received.status !== 0) sender.kill("SIGTERM");
  const sent = await sender.end();
  await shell('rm -f "$1/filler"', target);
  return { sent, received, wasReached };
}

interface Ends {
  sender: { kill(signal: Deno.Signal): void };
  receiver: { kill(signal: Deno.Signal): void };
}

/** What happens to a copy, until it has happened. */
async function befall(
  { disturbance, victims, lastsMs }: KillPoint,
  { ends, network, target }: { ends: Ends; network: QuietNetwork; target: string },
): Promise<void> {
  const signal = (name: Deno.Signal) => victims.forEach((victim) => ends[victim].kill(name));
  const passes = () => new Promise((wake) => setTimeout(wake, lastsMs));
  if (disturbance === "kill") return signal("SIGKILL");
  if (disturbance === "full disk") {
    await shell('head -c 1000000000 /dev/zero >"$1/filler" 2>/dev/null || true', target);
    return;
  }
  if (disturbance === "stop") {
    signal("SIGSTOP");
    await passes();
    return signal("SIGCONT");
  }
  await network.disturb(disturbance);
  await passes();
  await network.heal();
}

/** Files and links under final names that are neither as in the source, nor as before, nor marked as unfinished. */
async function wrongUnderFinalNames({ source, old }: DisturbedTrees, target: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [path, record] of await recordTree(target)) {
    const { kind, hash, link, mtime, mode } = record;
    if (kind === "d" || /(^|\/)\.rcopy-[^/]*$/.test(path) || path === "filler") continue;
    if (isUnfinished(`${target}/${path}`)) continue;
    const isRight = [source, old].some((tree) => {
      const there = tree.get(path);
      if (there?.kind !== kind || there.link !== link) return false;
      // The portable engine keeps milliseconds.
      return kind === "l" || (there.hash === hash && there.mtime.slice(0, 14) === mtime.slice(0, 14));
    });
    if (!isRight) wrong.push(`${path} (mode ${mode}, mtime ${mtime})`);
  }
  return wrong;
}

function optionsOf(
  { folder }: DisturbedTrees,
  { within }: QuietNetwork,
  { point, target }: { point: Pick<KillPoint, "io" | "lanes">; target: string },
): CopyOptions {
  const ending = ["--timeout", `${silenceMs}ms`, "--patience", "0s"];
  const both = ["--io", point.io, ...ending, "--streams", String(point.lanes)];
  const ends = { sender: { within }, receiver: { within } };
  return { source: `${folder}/source`, target, send: both, receive: both, ...ends };
}
