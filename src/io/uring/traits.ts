/** What the engine has learnt of file systems: whether modes stay, whose files are, and where a default ACL decides. */
import { errno, errnoError, openFlag } from "../../../ffi/mod.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind, type Timestamp } from "../../entry/metadata.ts";
import type { EntryName } from "../../entry/name.ts";
import { probeName, randomTemporaryName } from "../../entry/temporary_name.ts";
import type { FileSystemTraits } from "../contract/engine.ts";
import { unfinishedMode, unmarkedMode } from "../contract/unfinished.ts";
import type { Directories } from "./directories.ts";
import type { UringDirectory } from "./directory.ts";
import { createFile } from "./file.ts";
import type { SystemCalls } from "./system_calls.ts";

/** An odd number of seconds, and nanoseconds of which every coarser step shows. */
const tried: Timestamp = { seconds: 1_234_567_891, nanos: 987_654_321 };
/** Steps of times that file systems have: one nanosecond, NTFS, one microsecond, a millisecond, exFAT, one second, FAT. */
const stepsNs = [1, 100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000];

const probeFlags = openFlag.readWrite | openFlag.noFollow | openFlag.nonblock | openFlag.closeOnExec;

export class Traits {
  readonly #calls: SystemCalls;
  readonly #directories: Directories;
  readonly #known = new Map<number, FileSystemTraits>();
  /** By device: the owner of the files that are made there, where they keep the mode of an unfinished file; else -1. */
  readonly #markOwners = new Map<number, number>();

  constructor(calls: SystemCalls, directories: Directories) {
    this.#calls = calls;
    this.#directories = directories;
  }

  /** Whether files of a device keep the mode of an unfinished file; `undefined` as long as nothing is known. */
  keepsMark(device: number): boolean | undefined {
    const owner = this.#markOwners.get(device);
    return owner === undefined ? this.#known.get(device)?.keepsModes : owner >= 0;
  }

  /**
   * An empty file was created with the mode of an unfinished file; the last statx was of it.
   * @returns whether it has that mode, and (asked of the first on each device) takes another
   */
  learnMark(device: number, fd: number): boolean {
    const { stat } = this.#calls;
    const { owner } = stat;
    let isKept = (stat.special | stat.mode) === unfinishedMode;
    if (isKept && !this.#markOwners.has(device)) isKept = this.#changesModes(fd);
    this.#markOwners.set(device, isKept ? owner : -1);
    return isKept;
  }

  /** Some file systems take a mode when a file is made, and later refuse another, or drop it in silence. */
  #changesModes(fd: number): boolean {
    const { libc, stat } = this.#calls;
    // Empty and of this mode it is an unfinished file, too.
    const isChanged = libc.fchmod(fd, unmarkedMode) >= 0 && this.#calls.statFd(fd) >= 0 &&
      (stat.special | stat.mode) === unmarkedMode;
    return isChanged && libc.fchmod(fd, unfinishedMode) >= 0;
  }

  /** Whether a mode that was set must be looked at: the file system may have dropped it in silence. */
  mayDropModes(device: number): boolean {
    return this.keepsMark(device) !== true;
  }

  /** Modes can be given there when a file is made, and not be changed. */
  forgetMark(device: number): void {
    this.#markOwners.set(device, -1);
  }

  /**
   * Learns before a large file is made whether its mode can be changed afterwards: else it must have it from the start. Where
   * no file can be made, making it says so.
   */
  askForModes(directory: UringDirectory): void {
    try {
      if (!this.of(directory).keepsModes) this.forgetMark(directory.device);
    } catch (error) {
      if (!(error instanceof RcopyError)) throw error;
    }
  }

  /** The owner that files of this run have on a device, as far as it is known. */
  ownerOn(device: number): number {
    const marked = this.#markOwners.get(device) ?? -1;
    return marked >= 0 ? marked : this.#known.get(device)?.owner ?? this.#calls.user;
  }

  /** Whether a default ACL decides about what is made in a directory. */
  hasPolicy(directory: UringDirectory): boolean {
    return directory.hasPolicy ??= this.#calls.hasDefaultAcl(this.#directories.fd(directory));
  }

  /** As the contract's `traitsOf`. @throws {RcopyError} where no file can be made */
  of(directory: UringDirectory): FileSystemTraits {
    let traits = this.#known.get(directory.device);
    if (!traits) this.#known.set(directory.device, traits = this.#learn(directory));
    return traits;
  }

  #learn(directory: UringDirectory): FileSystemTraits {
    const { libc, memory } = this.#calls;
    let name = probeName;
    const parentFd = this.#directories.fd(directory);
    let fd = createFile(this.#calls, parentFd, name, unfinishedMode);
    if (fd === -errno.exist) {
      if (!this.#removeEmpty(parentFd, name)) name = randomTemporaryName();
      fd = createFile(this.#calls, parentFd, name, unfinishedMode);
    }
    if (fd < 0) throw errnoError(-fd, `cannot create ${directory.showEntry(name)}`, "openat");
    this.#calls.lock(fd); // so that no other run takes it for one that was left
    try {
      return this.#traitsOf(directory, fd, name);
    } finally {
      libc.close(fd);
      libc.unlinkat(parentFd, memory.putName(name), 0);
    }
  }

  /** Removes what a run that was killed left of this; not the file of a run that is learning now. */
  #removeEmpty(parentFd: number, name: EntryName): boolean {
    const { libc, memory, stat, user } = this.#calls;
    if (this.#calls.statName(parentFd, memory.putName(name)) < 0) return false;
    if (stat.kind !== EntryKind.file || stat.bytes > 0 || stat.links !== 1 || stat.owner !== user) {
      return false;
    }
    const fd = this.#calls.openat(parentFd, memory.putName(name), probeFlags, 0);
    if (fd < 0) return false;
    try {
      return this.#calls.lock(fd) !== "busy" && libc.unlinkat(parentFd, memory.putName(name), 0) >= 0;
    } finally {
      libc.close(fd);
    }
  }

  #traitsOf(directory: UringDirectory, fd: number, name: EntryName): FileSystemTraits {
    const { libc, memory, stat } = this.#calls;
    const found = this.#calls.statFd(fd);
    if (found < 0) throw errnoError(-found, `cannot look at ${directory.showEntry(name)}`, "statx");
    const { owner } = stat;
    const keepsModes = (stat.special | stat.mode) === unfinishedMode &&
      libc.fchmod(fd, 0o640) >= 0 && this.#calls.statFd(fd) >= 0 && stat.mode === 0o640;
    const timed = libc.futimens(fd, memory.putTimes(tried));
    const timeStepNs = timed >= 0 && this.#calls.statFd(fd) >= 0
      ? stepOf(stat.mtimeSeconds, stat.mtimeNanos)
      : 0;
    return { owner, keepsModes, timeStepNs };
  }
}

/** The finest step to which the time that was given was cut; 0 where something else came out. */
function stepOf(seconds: number, nanos: number): number {
  return stepsNs.find((step) => {
    const cutSeconds = step > 1e9 ? tried.seconds - tried.seconds % (step / 1e9) : tried.seconds;
    const cutNanos = step >= 1e9 ? 0 : tried.nanos - tried.nanos % step;
    return seconds === cutSeconds && nanos === cutNanos;
  }) ?? 0;
}

/** The result of a chmod that reported success: -EOPNOTSUPP where the mode is another one (exFAT, NTFS, CIFS say nothing). */
export function stayed(calls: SystemCalls, fd: number, mode: number): number {
  const found = calls.statFd(fd);
  if (found < 0) return found;
  return calls.stat.mode === (mode & 0o777) ? 0 : -errno.opnotsupp;
}

/** Whether a failed chmod or utimes says that it cannot be done there at all. */
export function isRefused(result: number): boolean {
  return result === -errno.perm || result === -errno.opnotsupp || result === -errno.nosys;
}

/** The error of a name that anything has. */
export function existsError(what: string, why: string): RcopyError {
  return new RcopyError("exists", `${what}: ${why}`, { errno: "EEXIST" });
}
