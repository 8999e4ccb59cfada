/** Figures of a comparison as the tables of a page: a row a work, a column a program. Pure. */
import type { Figures } from "./turns.ts";

/** Columns in their order: the heading, and the programs of which the quickest stands there. */
const columns: readonly [heading: string, programs: readonly string[]][] = [
  ["rcopy", ["rcopy --io uring"]],
  ["encrypted", ["rcopy encrypted"]],
  ["`--io deno`", ["rcopy --io deno"]],
  ["from modules", ["rcopy, modules"]],
  ["original rcopy", ["original rcopy"]],
  ["`cp -r`", ["cp -r"]],
  ["`nc`, or tar and nc", ["nc", "tar | nc | tar"]],
  ["rsync daemon", ["rsync daemon"]],
  ["scp", ["scp -r"]],
  ["croc", ["croc"]],
  ["sendme", ["sendme"]],
  ["C chain", ["C chain 256 KiB", "C chain 1 MiB", "C chain 4 MiB"]],
];
/** Below this, seconds are shown with three decimals instead of two. */
const shortSeconds = 0.995;

/** Times, and processor seconds with memory, as two tables in Markdown; columns without a figure are left out. */
export function renderSpeedTables(figures: readonly Figures[]): string {
  const titles = [...new Set(figures.map(({ title }) => title))];
  const cellsOf = (programs: readonly string[], show: (figure: Figures) => string) =>
    titles.map((title) => {
      const own = figures.filter((one) => one.title === title && programs.includes(one.program));
      const best = own.sort((a, b) => a.median - b.median)[0];
      return best === undefined ? "" : show(best);
    });
  const table = (chosen: typeof columns, show: (figure: Figures) => string) => {
    const filled = chosen.map(([heading, programs]) => [heading, ...cellsOf(programs, show)])
      .filter(([, ...cells]) => cells.some((cell) => cell !== ""));
    return markdownOf([["work", ...titles], ...filled]);
  };
  const times = table(columns, ({ median }) => showSeconds(median));
  const costs = table(columns, showCost);
  return `${times}\n\nCPU seconds of both ends, and memory:\n\n${costs}\n`;
}

function showSeconds(seconds: number): string {
  return `${seconds.toFixed(seconds < shortSeconds ? 3 : 2)} s`;
}

function showCost({ cpuSeconds, peaksMiB }: Figures): string {
  return `${cpuSeconds.toFixed(2)} s, ${peaksMiB.map((mebibytes) => Math.round(mebibytes)).join(" + ")} MiB`;
}

/** A table whose columns are given, each with its heading first. */
function markdownOf(cells: readonly (readonly string[])[]): string {
  const widths = cells.map((column) => Math.max(...column.map((cell) => cell.length)));
  const row = (at: number) => `| ${cells.map((column, c) => column[at]!.padEnd(widths[c]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [heading, ...rows] = cells[0]!.map((_, at) => row(at));
  return [heading, rule, ...rows].join("\n");
}
