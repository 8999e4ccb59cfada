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

/**
 * Whether Deno lets us connect to or listen at a place. Where it does not it would ask a person, in the middle of a copy and
 * for a port that the peer named.
 */
export function mayUseNetwork({ host, port }: { host: string; port: number }): boolean {
  const isGranted = (descriptor: Deno.PermissionDescriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted";
  if (isGranted({ name: "net" })) return true;
  const shown = host.includes(":") ? `[${host}]` : host;
  try {
    return isGranted({ name: "net", host: `${shown}:${port}` });
  } catch {
    return false; // a host that Deno cannot name in a permission, as one with a zone
  }
}

const kinds = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;

/** Whether Deno restrains nothing. Only then it lets `/proc`, `/dev` and `/sys` be read; else it would ask a person, or refuse. */
export function hasEveryPermission(): boolean {
  return kinds.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}
