/**
 * The last component of a path, and what stands before it, as `node:path` has them. Importing that takes Deno 6 ms, since
 * it makes its whole Node layer ready. Pure.
 */

/** The last component of a path; "" where it has none. Slashes at its end do not count. */
export function basename(path: string, os = Deno.build.os): string {
  const { body } = partsOf(path, os);
  return body.slice(lastSeparator(body, os) + 1);
}

/** The path without its last component: "." where that is all, and the root of a root. */
export function dirname(path: string, os = Deno.build.os): string {
  const { root, body } = partsOf(path, os);
  const above = withoutTrailing(body.slice(0, lastSeparator(body, os) + 1), os);
  return root + above || ".";
}

/** The root of a path (`/`, `C:\`, `\\server\share\`) and the rest, without the separators at its end. */
function partsOf(path: string, os: typeof Deno.build.os): { root: string; body: string } {
  const pattern = os === "windows"
    ? /^(?:[\\/]{2}[^\\/]+[\\/]+[^\\/]+[\\/]*|[A-Za-z]:[\\/]*|[\\/]+)/
    : /^\/+/;
  const root = pattern.exec(path)?.[0] ?? "";
  const shown = os === "windows" ? root : root.slice(0, 1);
  return { root: shown, body: withoutTrailing(path.slice(root.length), os) };
}

function lastSeparator(body: string, os: typeof Deno.build.os): number {
  return os === "windows" ? Math.max(body.lastIndexOf("/"), body.lastIndexOf("\\")) : body.lastIndexOf("/");
}

function withoutTrailing(body: string, os: typeof Deno.build.os): string {
  return body.replace(os === "windows" ? /[\\/]+$/ : /\/+$/, "");
}
