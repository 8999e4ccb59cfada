/** The charts of the benchmarks. */
import * as vega from "vega";
import * as vegaLite from "vega-lite";
import type { Figures } from "./turns.ts";
import type { GrowthPoint } from "./growth.ts";

/** Bars of the median times, a panel a work, as SVG. */
export async function drawChart(figures: readonly Figures[], subtitle: string): Promise<string> {
  const values = figures.map(({ title, program, median }) => ({ work: title, program, seconds: median }));
  const { spec } = vegaLite.compile({
    title: { text: "Seconds to copy, median (less is better)", subtitle, anchor: "start" },
    data: { values },
    facet: {
      row: { field: "work", type: "nominal", title: null, header: { labelAngle: 0, labelAlign: "left" } },
    },
    spec: {
      width: 420,
      mark: "bar",
      encoding: {
        y: { field: "program", type: "nominal", title: null, sort: { field: "seconds" } },
        x: { field: "seconds", type: "quantitative", title: "seconds" },
        color: {
          condition: { test: "indexof(datum.program, 'rcopy') === 0", value: "#2a6fbb" },
          value: "#b8bec6",
        },
      },
    },
    resolve: { scale: { x: "independent", y: "independent" } },
  });
  return await toSvg(spec);
}

/** Curves of time a unit and of memory, over bytes and over files, as SVG. Flat is what they should be. */
export async function drawGrowth(points: readonly GrowthPoint[], subtitle: string): Promise<string> {
  const curves = (of: GrowthPoint["of"], perUnit: string, amount: string) => {
    const own = points.filter((point) => point.of === of);
    const time = own.flatMap((point) => [
      { amount: point.amount, value: point.perUnit, curve: "all of it" },
      { amount: point.amount, value: point.perFurtherUnit, curve: "each further one" },
    ]);
    const memory = own.flatMap((point) => [
      { amount: point.amount, value: point.senderPeakMiB, curve: "sender" },
      { amount: point.amount, value: point.receiverPeakMiB, curve: "receiver" },
    ]);
    return { hconcat: [lines(time, perUnit, amount), lines(memory, "peak MiB", amount)] };
  };
  const { spec } = vegaLite.compile({
    title: { text: "What a copy costs as it grows (flat is good)", subtitle, anchor: "start" },
    vconcat: [
      curves("bytes", "nanoseconds a byte", "bytes of one file"),
      curves("files", "microseconds a file", "1 KiB files"),
    ],
    resolve: { scale: { color: "independent" } },
  });
  return await toSvg(spec);
}

/** One panel of curves over a logarithmic axis, its other axis from zero. */
function lines(values: { amount: number; value: number; curve: string }[], y: string, x: string) {
  return {
    width: 260,
    height: 160,
    data: { values },
    mark: { type: "line" as const, point: true },
    encoding: {
      x: {
        field: "amount",
        type: "quantitative" as const,
        title: x,
        scale: { type: "log" as const },
        axis: { format: "~s" },
      },
      y: { field: "value", type: "quantitative" as const, title: y, scale: { zero: true } },
      color: { field: "curve", type: "nominal" as const, title: null },
    },
  };
}

async function toSvg(spec: vega.Spec): Promise<string> {
  return await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
}
