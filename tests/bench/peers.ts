/**
 * Whole copies by rcopy and by the tools that people use, in turn: `deno task bench:peers [--work NAME,…]
 * [--peer NAME,…] [--ours NAME,…] [--runs N] [--place ram|disk] [--cold] [--quick] [--json FILE]
 * [--svg FILE] [--markdown FILE]`. See `README.md` beside this file for the method.
 */
import { namesIn, parseArguments } from "./arguments.ts";
import { compare } from "./comparison.ts";
import { ours, peers } from "./contenders.ts";
import { compareOverDelay } from "./latency.ts";
import { describeMachine, installed, type Place, withBenchFolder } from "./machine.ts";
import { renderSpeedTables } from "./speed_table.ts";
import { Servers } from "./servers.ts";
import type { Figures } from "./turns.ts";
import { renderWanted, wantedOf } from "./wanted.ts";
import { works } from "./works.ts";

export interface PeersOptions {
  /** Names of works, with commas between them; all but `latency` without it. */
  work?: string | undefined;
  /** Names of peers, in the same way; `none` for no peer. */
  peer?: string | undefined;
  /** Which of ours; all without it, and the first one is what ratios are of. */
  ours?: string | undefined;
  runs: number;
  /** Part of the full size of each work. */
  scale: number;
  /** `ram` where a RAM disk can be had. */
  place?: Place;
  /** Start each run with empty caches; needs root, and makes sense on a disk. */
  cold?: boolean;
  log: (line: string) => void;
}

/** What a comparison gave. */
export interface Comparison {
  machine: string;
  figures: Figures[];
  /** What gave no figure, and why, a line each. */
  leftOut: string[];
}

/** The works of the options, if they name any. @throws if a name of a work, a peer or ours is none */
function chosenWorks({ work, peer, ours: onlyOurs }: PeersOptions): string[] | undefined {
  const namesOf = (all: readonly { name: string }[]) => all.map(({ name }) => name);
  if (peer !== undefined) namesIn(peer, { known: [...namesOf(peers), "none"], what: "peer" });
  if (onlyOurs !== undefined) namesIn(onlyOurs, { known: namesOf(ours), what: "program of ours" });
  if (work === undefined) return undefined;
  return namesIn(work, { known: [...namesOf(works), "latency"], what: "work" });
}

/** Runs the comparison and gives its figures; everything is removed at the end. */
export async function comparePeers(options: PeersOptions): Promise<Comparison> {
  const chosen = chosenWorks(options);
  return await withBenchFolder(options.place ?? "ram", async (folder, actual) => {
    Deno.mkdirSync(`${folder}/targets`);
    await using servers = await Servers.start(folder, `${folder}/targets`, installed);
    const place = actual === "ram" ? "RAM disk to RAM disk" : "disk to disk";
    const state = options.cold ? "caches dropped" : "warm";
    const machine = `${await describeMachine()}, loopback, ${place}, ${state}`;
    options.log(machine);
    const figures: Figures[] = [];
    const leftOut = new Set<string>();
    const leaveOut = (line: string) => {
      if (!leftOut.has(line)) options.log(line);
      leftOut.add(line);
    };
    for (const work of works) {
      if (chosen !== undefined && !chosen.includes(work.name)) continue;
      const { runs: rounds, scale, peer: only, ours: onlyOurs, cold = false, log } = options;
      const shared = { contenders: [...ours, ...peers], folder, place: actual, servers, installed };
      figures.push(...await compare({ ...shared, work, rounds, scale, only, onlyOurs, cold, log, leaveOut }));
    }
    // Slow on purpose, so only where it is asked for.
    if (chosen?.includes("latency")) {
      figures.push(...await compareOverDelay({ ...options, folder, installed }));
    }
    return { machine, figures, leftOut: [...leftOut] };
  });
}

/** The table for people. */
export function renderTable(figures: readonly Figures[]): string {
  const lines: string[] = [];
  for (const title of new Set(figures.map((one) => one.title))) {
    lines.push(
      "",
      title,
      `  ${"program".padEnd(18)} median      min      max   over rcopy    CPU s   CPU s/GB   peak MiB`,
    );
    for (const one of figures.filter((figure) => figure.title === title)) {
      const cells = [
        `  ${one.program.padEnd(18)}`,
        one.median.toFixed(3).padStart(7),
        Math.min(...one.runs).toFixed(3).padStart(8),
        Math.max(...one.runs).toFixed(3).padStart(8),
        one.ratio.toFixed(2).padStart(12),
        one.cpuSeconds.toFixed(2).padStart(8),
        (one.cpuPerGb?.toFixed(2) ?? "-").padStart(10),
        one.peaksMiB.map((mebibytes) => Math.round(mebibytes)).join(" + ").padStart(10),
      ];
      lines.push(cells.join(" ").trimEnd());
    }
  }
  return lines.join("\n");
}

if (import.meta.main) {
  const args = parseArguments(Deno.args, {
    values: ["work", "peer", "ours", "runs", "place", "json", "svg", "markdown"],
    switches: ["quick", "cold"],
  });
  const isQuick = args.has("quick");
  const { machine, figures, leftOut } = await comparePeers({
    work: args.value("work"),
    peer: args.value("peer"),
    ours: args.value("ours"),
    runs: args.number("runs", isQuick ? 1 : 5),
    scale: isQuick ? 0.02 : 1,
    place: args.value("place") === "disk" ? "disk" : "ram",
    cold: args.has("cold"),
    log: (line) => console.error(line),
  });
  console.log(machine);
  console.log(renderTable(figures));
  for (const line of leftOut) console.log(`  ${line}`);
  // Of tiny trees nothing is wanted.
  if (!isQuick) console.log(renderWanted(wantedOf(figures)));
  const jsonPath = args.value("json");
  if (jsonPath) await Deno.writeTextFile(jsonPath, JSON.stringify({ machine, figures, leftOut }, null, 2));
  const markdownPath = args.value("markdown");
  if (markdownPath) await Deno.writeTextFile(markdownPath, `${machine}\n\n${renderSpeedTables(figures)}`);
  const svgPath = args.value("svg");
  if (svgPath) {
    const { drawChart } = await import("./chart.ts");
    await Deno.writeTextFile(svgPath, await drawChart(figures, machine));
  }
}
