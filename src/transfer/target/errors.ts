/** Which errors concern one entry, and which the whole destination. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { TargetDirectory } from "./tree.ts";

/** An error about the destination as a whole, which ends the run. */
export function destinationError(thrown: unknown, what: string): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal" || error.code === "permission-flag") return error;
  const code = error.code === "no-space" || error.code === "read-only" ? error.code : "destination";
  return new RcopyError(code, `${what}: ${error.message}`, { cause: error });
}

/**
 * The error of one entry in a directory. What ends the run is thrown: a fault of our own, and that there is no room on the file
 * system of the destination itself. A mount inside it that is full, or cannot be written to, fails what belongs there.
 */
export function asEntryError(thrown: unknown, directory: TargetDirectory): RcopyError {
  const error = asRcopyError(thrown);
  if (error.code === "internal") throw error;
  if (error.code === "no-space" && directory.device === directory.root.device) throw error;
  return error;
}
