import { assertEquals, assertRejects } from "@std/assert";
import { figuresOf, inTurn, secondsMax } from "./turns.ts";

const run = (seconds: number) => ({ seconds, cpuSeconds: 2 * seconds, peaksMiB: [seconds] });

Deno.test("programs take turns round by round, and one that was too slow gets no further turn", async () => {
  const order: string[] = [];
  const [quick, slow] = [{ name: "quick" }, { name: "slow" }];
  const turns = { rounds: 2, title: "work", log: () => {} };
  const runs = await inTurn([quick, slow], turns, ({ name }) => {
    order.push(name);
    return Promise.resolve(run(name === "slow" ? secondsMax : order.length));
  });
  assertEquals(order, ["quick", "slow", "quick"]);
  const figures = figuresOf({ name: "work", title: "a work" }, runs, 1_000_000);
  assertEquals(figures.map(({ program, median, cpuPerGb }) => [program, median, cpuPerGb]), [
    ["quick", 2, 4000],
    ["slow", secondsMax, 240_000],
  ]);
});

Deno.test("a program that fails ends the turns, or where it may fail loses the round, and its place the second time", async () => {
  const [ours, once, always] = [{ name: "ours" }, { name: "once" }, { name: "always" }];
  const lines: string[] = [];
  const turns = {
    rounds: 3,
    title: "work",
    log: () => {},
    mayFail: ({ name }: { name: string }) => name !== "ours",
    leaveOut: (line: string) => lines.push(line),
  };
  const taken: string[] = [];
  const runs = await inTurn([ours, once, always], turns, ({ name }) => {
    taken.push(name);
    const fails = name === "always" || name === "once" && taken.length === 2;
    return fails ? Promise.reject(new Error("its copy\n  differs")) : Promise.resolve(run(1));
  });
  assertEquals(lines, [
    "work 1/3 once: left out, its copy differs",
    "work 1/3 always: left out, its copy differs",
    "work 2/3 always: left out, its copy differs",
  ]);
  assertEquals(taken.filter((name) => name === "always").length, 2);
  assertEquals([...runs].map(([{ name }, own]) => [name, own.length]), [["ours", 3], ["once", 2]]);
  const failing = inTurn([ours], turns, () => Promise.reject(new Error("it broke")));
  await assertRejects(() => failing, Error, "it broke");
});

Deno.test("figures of a work that has no bytes show no processor time for a GB", () => {
  const [figure] = figuresOf({ name: "nothing", title: "" }, new Map([[{ name: "ours" }, [run(1)]]]), 4096);
  assertEquals([figure!.cpuSeconds, figure!.cpuPerGb], [2, undefined]);
});
