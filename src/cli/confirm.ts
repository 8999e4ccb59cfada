/** Questions to the person at the terminal. Without a terminal nothing is asked, and nothing is accepted. */
import { orAborted } from "../base/interrupt.ts";
import { showText } from "../base/show.ts";
import type { Console } from "./report/console.ts";
import type { Job } from "./report/job.ts";

/** A way to ask, where standard input and standard error are a terminal. */
export function confirmOnTerminal(
  console: Console,
  signal: AbortSignal,
): ((question: string) => Promise<boolean>) | undefined {
  if (!isAtTerminal()) return undefined;
  return async (question) => {
    console.error(
      `rcopy: ${question}\n` +
        "Compare it with what the other end shows. Trust this key and remember it? Only yes counts: ",
    );
    try {
      return await orAborted(readLine(), signal) === "yes";
    } catch (thrown) {
      console.error("\n"); // what follows has a line of its own
      throw thrown;
    }
  };
}

/** A way to ask a question of yes or no, where standard input and standard error are a terminal. */
export function askOnTerminal(job: Job): ((question: string) => Promise<boolean>) | undefined {
  if (!isAtTerminal()) return undefined;
  const { console, reporter, signal } = job;
  return async (question) => {
    using _quiet = reporter.hold();
    console.error(`rcopy: ${showText(question).replaceAll("\\\\", "\\")} [y/N] `);
    return /^(y|yes)$/i.test(await orAborted(readLine(), signal));
  };
}

function isAtTerminal(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/** One typed line, of at most 256 bytes. */
async function readLine(): Promise<string> {
  const bytes = new Uint8Array(256);
  const count = await Deno.stdin.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, count ?? 0)).trim();
}
