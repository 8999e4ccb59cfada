/** The chart of a comparison. */
import * as vega from "vega";
import * as vegaLite from "vega-lite";
import type { Figures } from "./comparison.ts";

/** Bars of the median times, a panel a work, as SVG. */
export async function drawChart(figures: readonly Figures[], subtitle: string): Promise<string> {
  const values = figures.map(({ work, program, median }) => ({ work, program, seconds: median }));
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
  return await new vega.View(vega.parse(spec), { renderer: "none" }).toSVG();
}
