/** Findings of `rcopy doctor` about this machine: what it can do, and what limits it. */
import { asRcopyError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { chooseEngine } from "../io/choose_engine.ts";
import { denoEngineLeavesOpen } from "../io/deno/engine.ts";
import { defaultPort } from "../mod.ts";
import { reachableAddresses } from "../net/addresses.ts";
import { listenForPeers } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";

/** All that this version makes use of. */
const permissionsUsed: readonly Deno.PermissionDescriptor[] = [
  { name: "net" },
  { name: "read" },
  { name: "write" },
  { name: "ffi" },
  { name: "sys", kind: "networkInterfaces" },
  { name: "sys", kind: "statfs" },
];

/** One line of the report: what was looked at, and what was found. */
export interface Finding {
  what: string;
  found: string;
  /** Something that limits rcopy here. */
  limits: boolean;
}

/** Looks at all that a copy depends on; a port is opened and closed for it. */
export async function examineMachine(): Promise<Finding[]> {
  const { os, arch } = Deno.build;
  const missing = permissionsUsed.filter((it) => Deno.permissions.querySync(it).state !== "granted")
    .map((it) => it.name === "sys" ? `--allow-sys=${it.kind}` : `--allow-${it.name}`);
  return [
    { what: "rcopy", found: version, limits: false },
    { what: "Deno", found: `${Deno.version.deno} on ${os} ${arch}`, limits: false },
    await examineEngine(),
    { what: "processors", found: String(navigator.hardwareConcurrency), limits: false },
    ...examineDescriptors(),
    {
      what: "permissions",
      found: missing.length === 0 ? "all that rcopy uses" : `without ${missing.join(" ")}`,
      limits: missing.length > 0,
    },
    examinePort(),
    examineAddresses(),
    {
      what: "channel",
      found: "TLS 1.3, opened by a ticket or by SSH keys; plain TCP with --insecure at both ends",
      limits: false,
    },
  ];
}

async function examineEngine(): Promise<Finding> {
  try {
    const { engine, reason } = await chooseEngine("auto");
    engine[Symbol.dispose]();
    const isPortable = engine.kind === "deno";
    const found = isPortable ? `deno (${reason}); ${denoEngineLeavesOpen}` : `uring (${reason})`;
    return { what: "file engine", found, limits: isPortable };
  } catch (thrown) {
    return { what: "file engine", found: asRcopyError(thrown).message, limits: true };
  }
}

/** Open files that a process may have, where Linux tells; a copy makes do with 64. */
function examineDescriptors(): Finding[] {
  const path = "/proc/self/limits";
  try {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return [];
    const files = /^Max open files +(\S+)/m.exec(Deno.readTextFileSync(path))?.[1];
    if (files === undefined) return [];
    return [{ what: "open files", found: `at most ${files}`, limits: Number(files) < 64 }];
  } catch {
    return []; // another system, or one of the paths that Deno keeps for --allow-all
  }
}

function examinePort(): Finding {
  const what = `port ${defaultPort}`;
  if (Deno.permissions.querySync({ name: "net" }).state !== "granted") {
    return { what, found: "not tried without --allow-net", limits: true };
  }
  try {
    using listener = listenForPeers({ port: defaultPort }, plainTransport);
    return {
      what,
      found: `free, for ${listener.dualStack ? "IPv6 and IPv4" : "IPv4 only"}`,
      limits: !listener.dualStack,
    };
  } catch (thrown) {
    return { what, found: asRcopyError(thrown).message, limits: true };
  }
}

function examineAddresses(): Finding {
  const addresses = reachableAddresses({ dualStack: true });
  const found = addresses.length > 0 ? addresses.join(", ") : "unknown without --allow-sys=networkInterfaces";
  return { what: "addresses", found, limits: addresses.length === 0 };
}
