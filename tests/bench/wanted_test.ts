import { assertEquals } from "@std/assert";
import type { Figures } from "./turns.ts";
import { isKept, renderWanted, wantedOf } from "./wanted.ts";

/** Figures with nothing but medians, by work and program. */
function figuresOf(medians: Record<string, Record<string, number>>): Figures[] {
  return Object.entries(medians).flatMap(([work, programs]) =>
    Object.entries(programs).map(([program, median]) => ({
      work,
      title: work,
      program,
      runs: [median],
      median,
      ratio: 1,
      cpuSeconds: 0,
      cpuPerGb: undefined,
      peaksMiB: [],
    }))
  );
}

Deno.test("every wanted line is read off one run, kept at its bound and missed beyond it", () => {
  const [ours, tar, chain] = ["rcopy --io uring", "tar | nc | tar", "C chain"];
  const kept = wantedOf(figuresOf({
    nothing: { [ours]: 0.14 },
    few: { [ours]: 0.25, "rsync daemon": 0.25, "rcopy encrypted": 0.35 },
    thousand: { [ours]: 0.24 },
    twenty: { [ours]: 0.5, [tar]: 0.5 },
    small: { [ours]: 1, [tar]: 1.1 },
    big: { [ours]: 1, [`${chain} 256 KiB`]: 0.9, [`${chain} 1 MiB`]: 0.75 },
  }));
  assertEquals(kept.map(isKept), [true, true, true, true, true, true, true]);
  const missed = wantedOf(figuresOf({
    nothing: { [ours]: 0.141 },
    few: { [ours]: 0.3, "rsync daemon": 0.25, "rcopy encrypted": 0.41 },
    thousand: { [ours]: 0.242 },
    twenty: { [ours]: 0.51, [tar]: 0.5 },
    small: { [ours]: 1, [tar]: 1.09 },
    big: { [ours]: 1, [`${chain} 256 KiB`]: 0.9, [`${chain} 1 MiB`]: 0.74 },
  }));
  assertEquals(missed.map(isKept), [false, false, false, false, false, false, false]);
  assertEquals(missed.map(({ what }) => what), kept.map(({ what }) => what));
});

Deno.test("a wanted line whose figures did not run is left out, and the others stand in a table", () => {
  assertEquals(renderWanted(wantedOf(figuresOf({ small: { "tar | nc | tar": 1 } }))), "");
  const some = figuresOf({ nothing: { "rcopy --io uring": 0.2 }, few: { "rcopy --io uring": 0.3 } });
  const table = renderWanted(wantedOf(some)).split("\n").slice(2);
  assertEquals(table.map((row) => row.replaceAll(/ +/g, " ")), [
    " nothing 0.200 s at most 0.140 s MISSED",
  ]);
});
