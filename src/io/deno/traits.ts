/** How what this run makes comes out: by file system, and by directory where a default ACL decides. */
import { probeName, randomTemporaryName } from "../../entry/temporary_name.ts";
import type { FileSystemTraits } from "../contract/engine.ts";
import { unfinishedMode } from "../contract/unfinished.ts";
import { type DenoDirectory, secondsOf, timestampOf } from "./directory.ts";
import { createLocked, removeEmpty } from "./lock.ts";
import { attempt, hasModes, lacking } from "./metadata.ts";
import { nodeFs } from "./node_fs.ts";

/** A time of which every digit shows at which step it was cut. */
const probeTime = { seconds: 1_234_567_891, nanos: 987_654_321 };
/** Steps, in nanoseconds, that this engine can tell apart: Deno sets and tells times by milliseconds. */
const steps = [1e6, 1e7, 1e9, 2e9];

/** Types of file systems that may say only at the end of a file that they could not write it (linux/magic.h, and their own headers). */
const tellsAtClose: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x5346414f, // OpenAFS
  0x6b414653, // AFS
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x0bd00bd0, // Lustre
  0x65735546, // FUSE
]);

export class Traits {
  readonly #ofDevice = new Map<number, FileSystemTraits>();
  readonly #syncsOfDevice = new Map<number, boolean>();
  #umask: number | undefined;
  #hasUmask: boolean | undefined;

  /** Makes a file and removes it, once for each file system. @throws {RcopyError} where none can be made */
  of(directory: DenoDirectory): FileSystemTraits {
    let traits = this.#ofDevice.get(directory.device);
    if (!traits) {
      traits = withProbe(directory, 0o600, traitsOf);
      this.#ofDevice.set(directory.device, traits);
    }
    return traits;
  }

  /** Whether a mode that was set must be looked at: the file system may have dropped it in silence. */
  mayDropModes({ device }: DenoDirectory): boolean {
    return this.#ofDevice.get(device)?.keepsModes !== true;
  }

  /**
   * Whether a directory has a default ACL, as far as it shows: what is made there does not have the mode that the umask
   * would give it. Deno cannot read ACLs. Where it may not tell the umask, modes are set as if there were none.
   */
  isRuled(directory: DenoDirectory): boolean {
    // What this run makes below a default ACL has it, too: one look at the first directory that was there before is enough.
    let top = directory;
    while (top.facts.isRuled === undefined && top.facts.wasMade && top.parent) {
      top = top.parent;
    }
    const isRuled = top.facts.isRuled ??= this.#looksRuled(top);
    for (let at = directory; at !== top; at = at.parent!) {
      at.facts.isRuled = isRuled;
    }
    return isRuled;
  }

  /** As {@linkcode isRuled}, of a directory in which nothing is to be made: where no file can be made, nothing shows. */
  decides(directory: DenoDirectory): boolean {
    try {
      return this.isRuled(directory);
    } catch {
      return false;
    }
  }

  #looksRuled(directory: DenoDirectory): boolean {
    const umask = this.#knownUmask();
    if (umask === undefined || !this.of(directory).keepsModes) return false;
    return withProbe(
      directory,
      0o777,
      (_path, file) => ((file.statSync().mode ?? 0) & 0o777) !== (0o777 & ~umask),
    );
  }

  #knownUmask(): number | undefined {
    if (this.#hasUmask === undefined) {
      // The name of the permission is newer than the types of some versions.
      const name = { name: "sys", kind: "umask" } as unknown as Deno.SysPermissionDescriptor;
      this.#hasUmask = hasModes && isGranted(name);
      if (this.#hasUmask) this.#umask = Deno.umask();
    }
    return this.#umask;
  }

  /**
   * Whether content is synced before a file is closed, since no call of Deno's tells what the closing says. Where the type of
   * the file system may not be asked for, whatever has no disk of its own may be one of a server.
   */
  syncsBeforeClose(directory: DenoDirectory): boolean {
    let syncs = this.#syncsOfDevice.get(directory.device);
    if (syncs === undefined) {
      syncs = maySwallowErrors(directory);
      this.#syncsOfDevice.set(directory.device, syncs);
    }
    return syncs;
  }
}

function isGranted(name: Deno.PermissionDescriptor): boolean {
  try {
    return Deno.permissions.querySync(name).state === "granted";
  } catch {
    return false;
  }
}

function maySwallowErrors({ device, path }: DenoDirectory): boolean {
  if (Deno.build.os !== "linux") return false;
  const isAnonymous = device < 2 ** 32 && (device >>> 8 & 0xfff) === 0;
  if (!isAnonymous || !isGranted({ name: "sys", kind: "statfs" })) {
    return isAnonymous;
  }
  try {
    return tellsAtClose.has(nodeFs().statfsSync(path).type);
  } catch {
    return false;
  }
}

/** Makes an empty file, learns from it, and removes it. @throws {RcopyError} where none can be made */
function withProbe<Learnt>(
  directory: DenoDirectory,
  mode: number,
  learn: (path: string, file: Deno.FsFile) => Learnt,
): Learnt {
  return attempt(`cannot make a file in ${directory.shown}`, () => {
    const { path, file } = openProbe(directory, mode);
    try {
      return learn(path, file);
    } finally {
      file.close();
      Deno.removeSync(path);
    }
  });
}

/** A random name is taken where another run is learning now, or something else has the name. */
function openProbe(directory: DenoDirectory, mode: number): { path: string; file: Deno.FsFile } {
  const known = directory.pathOf(probeName);
  const file = createLocked(known, mode) ?? (isRemoved(known) ? createLocked(known, mode) : undefined);
  if (file) return { path: known, file };
  const path = directory.pathOf(randomTemporaryName());
  return { path, file: Deno.openSync(path, { read: true, write: true, createNew: true, mode }) };
}

function isRemoved(path: string): boolean {
  try {
    return removeEmpty(path);
  } catch {
    return false; // it is gone, or not ours
  }
}

function traitsOf(path: string, file: Deno.FsFile): FileSystemTraits {
  return {
    owner: file.statSync().uid ?? -1,
    keepsModes: keepsModes(path, file),
    timeStepNs: timeStepNs(path, file),
  };
}

function keepsModes(path: string, file: Deno.FsFile): boolean {
  if (!hasModes) return false;
  if (lacking(1, () => Deno.chmodSync(path, unfinishedMode)) !== 0) {
    return false;
  }
  return ((file.statSync().mode ?? 0) & 0o7777) === unfinishedMode;
}

function timeStepNs(path: string, file: Deno.FsFile): number {
  const seconds = secondsOf(probeTime);
  if (lacking(1, () => file.utimeSync(seconds, seconds)) !== 0) return 0;
  const found = timestampOf(Deno.lstatSync(path).mtime);
  const foundMs = found.seconds * 1e3 + found.nanos / 1e6;
  const wantedMs = probeTime.seconds * 1e3 + Math.floor(probeTime.nanos / 1e6);
  for (const step of steps) {
    const stepMs = step / 1e6;
    if (Math.floor(wantedMs / stepMs) * stepMs === foundMs) return step;
  }
  return 0;
}
