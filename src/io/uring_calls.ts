/** System calls with names, structs and errors as the rest of the engine wants them. */
import {
  addressOf,
  atFlag,
  errno,
  errnoError,
  Libc,
  openFlag,
  openHow,
  resolveFlag,
  statx,
  statxMask,
} from "../../ffi/mod.ts";
import { RcopyError } from "../base/errors.ts";
import { EntryKind, kindOfMode, type Timestamp } from "../fs/metadata.ts";

/** Longest name or link text, with its terminator. */
const textBytes = 4200;
/** `TMPFS_MAGIC` (linux/magic.h), the type of a `struct statfs`. */
const tmpfsMagic = 0x01021994;
/** How a component below a handle is resolved: it stays below, and nothing is followed. */
const resolveBelow = resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks;

/** What statx says, as far as rcopy wants it. Reused: the next call overwrites it. */
export interface StatResult {
  kind: EntryKind;
  mode: number;
  size: number;
  mtimeSeconds: number;
  mtimeNanos: number;
  ctimeNs: bigint;
  device: number;
  inode: bigint;
}

/** libc with scratch memory for its arguments. Single-threaded, as everything that calls it. */
export class Calls implements Disposable {
  readonly libc = Libc.open();
  readonly #name = new Uint8Array(new ArrayBuffer(textBytes));
  readonly #otherName = new Uint8Array(new ArrayBuffer(textBytes));
  readonly #how = new Uint8Array(new ArrayBuffer(4096), 0, openHow.size);
  readonly #howView = new DataView(this.#how.buffer);
  readonly #statx = new Uint8Array(new ArrayBuffer(4096), 0, statx.size);
  readonly #statxView = new DataView(this.#statx.buffer);
  readonly #times = new Uint8Array(new ArrayBuffer(4096), 0, 32);
  readonly #timesView = new DataView(this.#times.buffer);
  readonly #result: StatResult = {
    kind: EntryKind.file,
    mode: 0,
    size: 0,
    mtimeSeconds: 0,
    mtimeNanos: 0,
    ctimeNs: 0n,
    device: 0,
    inode: 0n,
  };

  get errno(): number {
    return this.libc.errno;
  }

  /** The error of the call before. */
  error(what: string, call: string): RcopyError {
    return errnoError(this.libc.errno, what, call);
  }

  /** A name with its terminator, valid until the next call that takes one. */
  cString(bytes: Uint8Array, into: Uint8Array<ArrayBuffer> = this.#name): Uint8Array<ArrayBuffer> {
    const length = bytes.length;
    if (length >= into.length) {
      throw new RcopyError("io", `a name or link text of ${length} bytes is too long`);
    }
    for (let i = 0; i < length; i++) into[i] = bytes[i]!;
    into[length] = 0;
    return into;
  }

  /** A second one, for calls that take two. */
  otherCString(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.cString(bytes, this.#otherName);
  }

  /** openat2 below a handle, following nothing; below zero it failed. */
  openBelow(directoryFd: number, name: Uint8Array, flags: number): number {
    this.#howView.setUint32(openHow.flags, flags | openFlag.closeOnExec, true);
    this.#howView.setUint32(openHow.resolve, resolveBelow, true);
    return this.libc.openat2(directoryFd, this.cString(name), this.#how);
  }

  /** openat with O_CREAT|O_EXCL, which follows nothing either. */
  createBelow(directoryFd: number, name: Uint8Array, mode: number): number {
    const flags = openFlag.writeOnly | openFlag.create | openFlag.exclusive | openFlag.noFollow |
      openFlag.closeOnExec;
    return this.libc.call.openat(directoryFd, this.cString(name), flags, mode);
  }

  close(fd: number): void {
    this.libc.call.close(fd);
  }

  /** statx of a name, not followed; `undefined` when it failed. */
  statAt(directoryFd: number, name: Uint8Array): StatResult | undefined {
    return this.#stat(directoryFd, this.cString(name), atFlag.symlinkNoFollow);
  }

  /** statx of a name that already has its terminator, in place. */
  statTerminated(directoryFd: number, name: Uint8Array<ArrayBuffer>): StatResult | undefined {
    return this.#stat(directoryFd, name, atFlag.symlinkNoFollow);
  }

  /** statx of what a descriptor is open on. */
  statFd(fd: number): StatResult | undefined {
    this.#name[0] = 0;
    return this.#stat(fd, this.#name, atFlag.emptyPath);
  }

  #stat(directoryFd: number, name: Uint8Array<ArrayBuffer>, flags: number): StatResult | undefined {
    if (this.libc.call.statx(directoryFd, name, flags, statxMask.basic, this.#statx) < 0) return undefined;
    const view = this.#statxView;
    const result = this.#result;
    const mode = view.getUint16(statx.mode, true);
    result.kind = kindOfMode(mode);
    result.mode = mode & 0o777;
    result.size = result.kind === EntryKind.file ? sizeOf(view) : 0;
    result.mtimeSeconds = secondsAt(view, statx.mtime);
    result.mtimeNanos = view.getUint32(statx.mtime + statx.nanoseconds, true);
    result.ctimeNs = view.getBigInt64(statx.ctime, true) * 1_000_000_000n +
      BigInt(view.getUint32(statx.ctime + statx.nanoseconds, true));
    result.device = deviceNumber(
      view.getUint32(statx.deviceMajor, true),
      view.getUint32(statx.deviceMinor, true),
    );
    result.inode = view.getBigUint64(statx.inode, true);
    return result;
  }

  /** `struct timespec[2]`: access time left alone, modification time as given. */
  times(mtime: Timestamp): Uint8Array<ArrayBuffer> {
    const omit = 0x3ffffffe; // UTIME_OMIT
    this.#timesView.setBigInt64(0, 0n, true);
    this.#timesView.setBigInt64(8, BigInt(omit), true);
    this.#timesView.setInt32(16, mtime.seconds | 0, true);
    this.#timesView.setInt32(20, Math.floor(mtime.seconds / 0x1_0000_0000), true);
    this.#timesView.setUint32(24, mtime.nanos, true);
    this.#timesView.setUint32(28, 0, true);
    return this.#times;
  }

  /** Whether a descriptor is on a tmpfs, where reserving room costs as much as filling it. */
  isRamDisk(fd: number): boolean {
    return this.libc.call.fstatfs(fd, this.#statx) === 0 && this.#statxView.getUint32(0, true) === tmpfsMagic;
  }

  /** Writes all of `bytes` at the descriptor's position, or at `offset`; false when it failed. */
  writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>, offset?: number): boolean {
    for (let at = 0; at < bytes.length;) {
      const rest = at === 0 ? bytes : bytes.subarray(at);
      const written = Number(
        offset === undefined
          ? this.libc.call.write(fd, rest, BigInt(rest.length))
          : this.libc.call.pwrite(fd, rest, BigInt(rest.length), BigInt(offset + at)),
      );
      if (written < 0) {
        if (this.libc.errno === errno.interrupted) continue;
        return false;
      }
      at += written;
    }
    return true;
  }

  /** Reads until `target` is full or the file ends; the count, or below zero when it failed. */
  readAll(fd: number, target: Uint8Array<ArrayBuffer>, offset: number): number {
    let at = 0;
    while (at < target.length) {
      const rest = at === 0 ? target : target.subarray(at);
      const count = Number(this.libc.call.pread(fd, rest, BigInt(rest.length), BigInt(offset + at)));
      if (count < 0) {
        if (this.libc.errno === errno.interrupted) continue;
        return count;
      }
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  [Symbol.dispose](): void {
    this.libc[Symbol.dispose]();
  }
}

/** Address of the start of a memory; it does not move. */
export { addressOf };

function sizeOf(view: DataView): number {
  return view.getUint32(statx.bytes, true) + view.getUint32(statx.bytes + 4, true) * 0x1_0000_0000;
}

function secondsAt(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getInt32(offset + 4, true) * 0x1_0000_0000;
}

/** A device number as glibc's `makedev` puts it together, and `stat` gives it. */
function deviceNumber(major: number, minor: number): number {
  const low = ((major & 0xfff) << 8 | (minor & 0xff)) >>> 0;
  return low + (minor >>> 8) * 0x10_0000 + (major >>> 12) * 0x1000_0000_0000;
}
