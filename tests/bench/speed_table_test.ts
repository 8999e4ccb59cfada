import { assertEquals } from "@std/assert";
import { renderSpeedTables } from "./speed_table.ts";
import type { Figures } from "./turns.ts";

function figure(title: string, program: string, median: number, peaksMiB: number[]): Figures {
  const [cpuSeconds, cpuPerGb] = [2 * median, undefined];
  return { work: title, title, program, runs: [median], median, ratio: 1, cpuSeconds, cpuPerGb, peaksMiB };
}

Deno.test("figures become a table of times and one of costs, without columns of programs that did not run", () => {
  const tables = renderSpeedTables([
    figure("one file of 2 GB", "rcopy --io uring", 1.804, [84, 85.4]),
    figure("one file of 2 GB", "nc", 2.16, [11]),
    figure("one file of 2 GB", "tar | nc | tar", 2.5, [17]),
    figure("one file of 2 GB", "C chain 256 KiB", 1.7, [11]),
    figure("one file of 2 GB", "C chain 1 MiB", 1.5, [12]),
    figure("an empty directory", "rcopy --io uring", 0.2014, [64, 65]),
    figure("an empty directory", "tar | nc | tar", 0.05, [9]),
  ]);
  assertEquals(
    tables,
    `| work               | rcopy   | \`nc\`, or tar and nc | C chain |
| ------------------ | ------- | ------------------- | ------- |
| one file of 2 GB   | 1.80 s  | 2.16 s              | 1.50 s  |
| an empty directory | 0.201 s | 0.050 s             |         |

CPU seconds of both ends, and memory:

| work               | rcopy               | \`nc\`, or tar and nc | C chain        |
| ------------------ | ------------------- | ------------------- | -------------- |
| one file of 2 GB   | 3.61 s, 84 + 85 MiB | 4.32 s, 11 MiB      | 3.00 s, 12 MiB |
| an empty directory | 0.40 s, 64 + 65 MiB | 0.10 s, 9 MiB       |                |
`,
  );
});
