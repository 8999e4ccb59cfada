/** Which errors concern one entry, and which the whole destination. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";

/** An error about the destination as a whole, which ends the run. */
export function destinationError(thrown: unknown, what: string): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal" || error.code === "permission-flag") return error;
  const code = error.code === "no-space" || error.code === "read-only" ? error.code : "destination";
  return new RcopyError(code, `${what}: ${error.message}`, { cause: error });
}

/** Errors that concern the whole destination end the run; others fail their entry. */
export function asEntryError(thrown: unknown): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "no-space" || error.code === "read-only" || error.code === "internal") throw error;
  return error;
}
