/** The message of an error that ends a run. */
import { asRcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { Console } from "./console.ts";
import type { LogLevel } from "./reporter.ts";

/** Prints an error as `rcopy: …`, with its causes under `--log-level debug`, and returns its exit status. */
export function complain(console: Console, thrown: unknown, logLevel: LogLevel): number {
  const error = asRcopyError(thrown);
  console.error(`rcopy: ${showText(error.message).replaceAll("\\\\", "\\")}\n`);
  if (logLevel === "debug") {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      console.error(`${cause.stack}\n`);
    }
  }
  return error.exitStatus;
}
