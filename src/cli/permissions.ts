/** The narrowest permission flags for a command line. Pure, except for a look at what PATH and DEST are. */
import { dirname } from "node:path";
import type { PeerAddress } from "../mod.ts";
import type { Flags } from "./parse.ts";

/** Flags for `deno run`, and what is lost with them. */
export interface PermissionAdvice {
  flags: string[];
  notes: string[];
}

/** What is given up without native code, interface addresses and a boot id. */
const withoutNative =
  "with --allow-ffi added, io_uring serves the run: every byte of a name, nanosecond times, no path races; native code voids Deno's sandbox";

/** Flags for `rcopy send`. */
export function sendPermissions(
  paths: readonly string[],
  flags: Flags,
  isDirectory: (path: string) => boolean,
): PermissionAdvice {
  const port = (flags.port as number | undefined) ?? 3120;
  const hosts = flags.local
    ? ["127.0.0.1"]
    : flags.bind !== undefined
    ? [String(flags.bind)]
    : ["[::]", "0.0.0.0"];
  const net = hosts.map((host) =>
    `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`
  );
  // A single file is opened through its directory; a link is followed to where it leads.
  const read = paths.map((path) => isDirectory(path) ? path : dirname(path));
  return {
    flags: [`--allow-net=${net.join(",")}`, `--allow-read=${unique(read).join(",")}`],
    notes: [
      "without --allow-sys=networkInterfaces the addresses of this machine are not shown",
      withoutNative,
    ],
  };
}

/** Flags for `rcopy receive`. */
export function receivePermissions(dest: string, flags: Flags): PermissionAdvice {
  const addresses = (flags.address as PeerAddress[] | undefined) ?? [];
  const net = addresses.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return {
    flags: [`--allow-net=${unique(net).join(",")}`, `--allow-read=${dest}`, `--allow-write=${dest}`],
    notes: [
      "symbolic links cannot be made under a scoped --allow-write; with --allow-read --allow-write they can",
      "free space is not checked beforehand without --allow-sys=statfs",
      withoutNative,
    ],
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
