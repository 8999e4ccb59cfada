/** The surroundings of a copy: where it prints, and what ends it. */
import type { Console } from "./console.ts";
import type { Reporter } from "./reporter.ts";

export interface Job {
  console: Console;
  reporter: Reporter;
  signal: AbortSignal;
  /** The command line, quoted for a shell; without a ticket, which is a secret. */
  command?: string;
}
