/** What a profile of V8's (`--cpu-prof`) says: the time of each function itself. Pure. */

/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** The node that each sample met, and the microseconds since the sample before. */
  samples: number[];
  timeDeltas: number[];
}

/** One function, with its own time: without that of the functions that it calls. */
export interface SelfTime {
  /** `name file:line`, or what V8 calls a state of its own: `(program)`, `(idle)`, `(garbage collector)`. */
  where: string;
  ms: number;
}

/** Own times of all functions, longest first. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [at, node] of samples.entries()) {
    const where = places.get(node) ?? "(unknown)";
    times.set(where, (times.get(where) ?? 0) + (timeDeltas[at] ?? 0) / 1000);
  }
  return Array.from(times, ([where, ms]) => ({ where, ms })).sort((a, b) => b.ms - a.ms);
}

function placeOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]): string {
  const name = functionName || "(anonymous)";
  if (url === "") return name;
  const file = url.replace(/^.*\/(?=(src|ffi|wasm)\/)/, "");
  return `${name} ${file}:${lineNumber + 1}`;
}

/** The table for people: so many functions, and what all take together. */
export function renderSelfTimes(times: readonly SelfTime[], count: number): string {
  const all = times.reduce((sum, { ms }) => sum + ms, 0);
  const rows = times.slice(0, count).map(({ where, ms }) =>
    `  ${ms.toFixed(1).padStart(8)} ms  ${(all > 0 ? 100 * ms / all : 0).toFixed(1).padStart(5)} %  ${where}`
  );
  return [`  ${all.toFixed(1).padStart(8)} ms in all`, ...rows].join("\n");
}
