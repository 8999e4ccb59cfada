/** `rcopy doctor`: what this machine can do, what limits it, and what a command line needs. */
import { showText } from "../base/show.ts";
import { shellLine } from "./line/shell_line.ts";
import type { Console } from "./report/console.ts";

/** Prints what is found, or for a command line its permission flags; returns the exit status. */
export async function runDoctor(
  words: readonly string[],
  { json, console }: { json: boolean; console: Console },
): Promise<number> {
  if (words.length > 0) {
    const { adviceFor } = await import("./advice.ts");
    const advice = adviceFor(words);
    if (json) console.out(`${JSON.stringify(advice)}\n`);
    else {
      console.out(`${shellLine(advice.flags)}\n`);
      for (const note of advice.notes) console.error(`rcopy: ${note}\n`);
    }
    return 0;
  }
  const { examineMachine } = await import("./machine.ts");
  const findings = await examineMachine();
  if (json) console.out(`${JSON.stringify({ findings })}\n`);
  else {
    const width = Math.max(...findings.map(({ what }) => what.length));
    for (const { what, found, limits } of findings) {
      console.out(`${limits ? "!" : " "} ${what.padEnd(width)}  ${showText(found)}\n`);
    }
  }
  return 0;
}
