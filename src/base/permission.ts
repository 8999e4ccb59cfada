/** Deno's permissions for files, checked before native code acts, which Deno itself does not restrain. */
import { RcopyError } from "./errors.ts";
import { showText } from "./show.ts";

/**
 * Makes sure that a path may be read or written, without a prompt.
 * @throws {RcopyError} `permission-flag`, with `what` as the beginning of its message
 */
export function requirePermission(name: "read" | "write", path: string, what: string): void {
  if (Deno.permissions.querySync({ name, path }).state === "granted") return;
  throw new RcopyError(
    "permission-flag",
    `${what} "${
      showText(path)
    }": Deno was not given --allow-${name} for it; rcopy doctor prints the flags of a command line`,
  );
}
