/** The message of an error that ends a run. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { withoutTickets } from "../../security/anchor/ticket_word.ts";
import type { Console } from "./console.ts";
import type { LogLevel } from "./reporter.ts";

/** Prints an error as `rcopy: …`, with its causes under `--log-level debug`, and returns its exit status. */
export function complain(console: Console, thrown: unknown, logLevel: LogLevel): number {
  const error = missingPart(thrown) ?? asRcopyError(thrown);
  console.error(`rcopy: ${shown(error.message)}\n`);
  if (logLevel === "debug") {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      for (const line of (cause.stack ?? cause.message).split("\n")) console.error(`${shown(line)}\n`);
    }
  }
  return error.exitStatus;
}

/** How Deno begins its words about a module that is not there and cannot be fetched. */
const notLoaded =
  /^(Failed loading|Failed resolving|Import '|Loading unprepared module|error sending request|Could not find)/;

/** The error of a part of rcopy that Deno has not got yet; `undefined` for any other. */
function missingPart(thrown: unknown): RcopyError | undefined {
  if (!(thrown instanceof TypeError) || !notLoaded.test(thrown.message)) return undefined;
  const [reason = ""] = thrown.message.split("\n");
  const message =
    "a package that rcopy is made with is not on this machine yet, and Deno could not fetch it: " +
    `${reason}; with a network, once: deno cache --no-config ${programOf()}`;
  return new RcopyError("internal", message, { cause: thrown });
}

function programOf(): string {
  try {
    return Deno.mainModule.replace(/^file:\/\//, "");
  } catch {
    return "jsr:@rcopy/cli"; // Deno does not let us know
  }
}

/** Without what acts on a terminal, and without a secret: a ticket that stood in a wrong place is in many a message. */
function shown(text: string): string {
  return withoutTickets(showText(text).replaceAll("\\\\", "\\"));
}
