/** The message of an error that ends a run. */
import { asRcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { withoutTickets } from "../../security/anchor/ticket_word.ts";
import type { Console } from "./console.ts";
import type { LogLevel } from "./reporter.ts";

/** Prints an error as `rcopy: …`, with its causes under `--log-level debug`, and returns its exit status. */
export function complain(console: Console, thrown: unknown, logLevel: LogLevel): number {
  const error = asRcopyError(thrown);
  console.error(`rcopy: ${shown(error.message)}\n`);
  if (logLevel === "debug") {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      for (const line of (cause.stack ?? cause.message).split("\n")) console.error(`${shown(line)}\n`);
    }
  }
  return error.exitStatus;
}

/** Without what acts on a terminal, and without a secret: a ticket that stood in a wrong place is in many a message. */
function shown(text: string): string {
  return withoutTickets(showText(text).replaceAll("\\\\", "\\"));
}
