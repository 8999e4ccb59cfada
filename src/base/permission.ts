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

const kinds = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;

/** Whether Deno restrains nothing. Only then it lets `/proc`, `/dev` and `/sys` be read; else it would ask a person, or refuse. */
export function hasEveryPermission(): boolean {
  return kinds.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}
