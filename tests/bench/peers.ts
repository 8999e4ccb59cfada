/**
 * Whole copies by rcopy and by the tools that people use, in turn: `deno task bench:peers [--work NAME,…]
 * [--peer NAME,…] [--ours NAME,…] [--runs N] [--place ram|disk] [--cold] [--quick] [--json FILE]
 * [--svg FILE]`. See `README.md` beside this file for the method.
 */
import { namesIn, parseArguments } from "./arguments.ts";
import { compare, type Figures, isChosen } from "./comparison.ts";
import { ours } from "./contenders.ts";
import { compareOverDelay } from "./latency.ts";
import { describeMachine, installed, type Place, withBenchFolder } from "./machine.ts";
import { Servers } from "./servers.ts";
import { renderWanted, wantedOf } from "./wanted.ts";
import { works } from "./works.ts";

export interface PeersOptions {
  /** Names of works, with commas between them; all but `latency` without it. */
  work?: string | undefined;
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

/** Runs the comparison and gives its figures; everything is removed at the end. */
export async function comparePeers(options: PeersOptions): Promise<{ machine: string; figures: Figures[] }> {
  const known = [...works.map(({ name }) => name), "latency"];
  const chosen = options.work === undefined ? undefined : namesIn(options.work, { known, what: "work" });
  if (!ours.some(({ name }) => isChosen(name, options.ours))) {
    const names = ours.map(({ name }) => name);
    throw new Error(`there is no "${options.ours}" of ours; there are ${names.join("; ")}`);
  }
  return await withBenchFolder(options.place ?? "ram", async (folder, actual) => {
    Deno.mkdirSync(`${folder}/targets`);
    await using servers = await Servers.start(folder, `${folder}/targets`, installed);
    const place = actual === "ram" ? "RAM disk to RAM disk" : "disk to disk";
    const state = options.cold ? "caches dropped" : "warm";
    const machine = `${await describeMachine()}, loopback, ${place}, ${state}`;
    options.log(machine);
    const figures: Figures[] = [];
    for (const work of works) {
      if (chosen !== undefined && !chosen.includes(work.name)) continue;
      const { runs: rounds, scale, peer: only, ours: onlyOurs, cold = false, log } = options;
      const shared = { folder, place: actual, servers, installed };
      figures.push(...await compare({ ...shared, work, rounds, scale, only, onlyOurs, cold, log }));
    }
    // Slow on purpose, so only where it is asked for.
    if (chosen?.includes("latency")) {
      figures.push(...await compareOverDelay({ ...options, folder, installed }));
    }
    return { machine, figures };
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
    values: ["work", "peer", "ours", "runs", "place", "json", "svg"],
    switches: ["quick", "cold"],
  });
  const isQuick = args.has("quick");
  const { machine, figures } = await comparePeers({
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
  // Of tiny trees nothing is wanted.
  if (!isQuick) console.log(renderWanted(wantedOf(figures)));
  const jsonPath = args.value("json");
  if (jsonPath) await Deno.writeTextFile(jsonPath, JSON.stringify({ machine, figures }, null, 2));
  const svgPath = args.value("svg");
  if (svgPath) {
    const { drawChart } = await import("./chart.ts");
    await Deno.writeTextFile(svgPath, await drawChart(figures, machine));
  }
}
