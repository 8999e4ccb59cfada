/** What a command works with. */
import type { Console } from "./console.ts";
import type { Reporter } from "./reporter.ts";

/** What a command works with. */
export interface Job {
  console: Console;
  reporter: Reporter;
  signal: AbortSignal;
  /** The command line, quoted for a shell; without a ticket, which is a secret. */
  command?: string;
}
