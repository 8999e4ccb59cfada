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

Deno.test("a program that fails ends the turns, or where it may fail is left out with its reason", async () => {
  const [ours, other] = [{ name: "ours" }, { name: "other" }];
  const lines: string[] = [];
  const turns = {
    rounds: 2,
    title: "work",
    log: () => {},
    mayFail: ({ name }: { name: string }) => name === "other",
    leaveOut: (line: string) => lines.push(line),
  };
  const runs = await inTurn([ours, other], turns, ({ name }) => {
    return name === "ours" ? Promise.resolve(run(1)) : Promise.reject(new Error("its copy\n  differs"));
  });
  assertEquals(lines, ["work, other: left out, its copy differs"]);
  assertEquals([...runs].map(([{ name }, own]) => [name, own.length]), [["ours", 2]]);
  await assertRejects(
    () => inTurn([ours], turns, () => Promise.reject(new Error("it broke"))),
    Error,
    "it broke",
  );
});

Deno.test("figures of a work that has no bytes show no processor time for a GB", () => {
  const [figure] = figuresOf({ name: "nothing", title: "" }, new Map([[{ name: "ours" }, [run(1)]]]), 4096);
  assertEquals([figure!.cpuSeconds, figure!.cpuPerGb], [2, undefined]);
});
