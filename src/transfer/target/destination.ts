/** The destination directory: opening it, and whether anything is in it. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import { EntryColumns } from "../../entry/columns.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { destinationError } from "./errors.ts";

/** Opens DEST; if it is missing, it is made or `undefined` comes back, as `create` says. @throws {RcopyError} `destination`, `no-space`, `read-only`, `permission-flag` */
export function openDestination(
  engine: Engine,
  dest: string,
  options: { create: boolean },
): Directory | undefined {
  const what = `cannot use the destination "${showText(dest)}"`;
  refuseForeignLink(dest, what);
  try {
    return engine.openRoot(dest);
  } catch (thrown) {
    if (asRcopyError(thrown).code !== "not-found") throw destinationError(thrown, what);
  }
  if (!options.create) return undefined;
  try {
    Deno.mkdirSync(dest, { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      throw new RcopyError("permission-flag", `${what}: Deno was not given --allow-write for it`, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RcopyError("destination", `${what}: it cannot be made: ${reason}`, { cause });
  }
  try {
    return engine.openRoot(dest);
  } catch (thrown) {
    throw destinationError(thrown, what);
  }
}

/** A symbolic link as DEST is followed only if it is root's or ours: any other user could have put it there. */
function refuseForeignLink(dest: string, what: string): void {
  if (Deno.build.os === "windows") return;
  if (Deno.permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return;
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(dest);
  } catch {
    return; // absent or unreadable: opening it says so
  }
  if (!info.isSymlink || info.uid === 0 || info.uid === Deno.uid()) return;
  throw new RcopyError(
    "destination",
    `${what}: it is a symbolic link that belongs to another user; name its target`,
  );
}

/** Whether nothing is in a directory. */
export function isEmptyDirectory(engine: Engine, directory: Directory): boolean {
  const columns = new EntryColumns();
  using listing = engine.list(directory);
  for (let more = true; more;) {
    columns.clear();
    more = listing.next(columns, 1);
    if (columns.failures.length > 0) return false;
    if (columns.count > 0) return false;
  }
  return true;
}
