/** Removing a tree with the io_uring engine: by descriptors, following nothing, however deep. */
import { atFlag, dirent64, direntType, errno, openFlag } from "../../ffi/mod.ts";
import type { EntryName } from "../fs/entry_name.ts";
import type { Calls } from "./uring_calls.ts";

const chunkBytes = 32 * 1024;
const selfName = Uint8Array.of(0x2e);
const parentName = Uint8Array.of(0x2e, 0x2e);

/** The way down to the directory that is being emptied. */
interface Level {
  name: Uint8Array;
  /** Subdirectories that are still to be removed. */
  below: Uint8Array[];
}

/** Removes an entry with all that is in it. That it is not there is no error. */
export function removeTreeBelow(calls: Calls, directoryFd: number, name: EntryName, shown: string): void {
  const { call } = calls.libc;
  if (call.unlinkat(directoryFd, calls.cString(name), 0) === 0) return;
  if (calls.errno === errno.noEntry) return;
  // EISDIR on Linux, EPERM by POSIX: it is a directory, or cannot be removed, which the open finds out.
  const tree = new TreeRemoval(calls, shown);
  tree.run(directoryFd, name);
}

class TreeRemoval {
  readonly #calls: Calls;
  readonly #shown: string;
  readonly #chunk = new Uint8Array(new ArrayBuffer(chunkBytes));
  readonly #view = new DataView(this.#chunk.buffer);

  constructor(calls: Calls, shown: string) {
    this.#calls = calls;
    this.#shown = shown;
  }

  /** One descriptor at a time: down by name, up by "..", checked to lead where we came from by its entry's removal. */
  run(rootFd: number, name: Uint8Array): void {
    const { call } = this.#calls.libc;
    let fd = this.#open(rootFd, name);
    const levels: Level[] = [{ name, below: this.#empty(fd) }];
    try {
      for (let level = levels.at(-1); level; level = levels.at(-1)) {
        const next = level.below.pop();
        if (next) {
          const below = this.#open(fd, next);
          this.#calls.close(fd);
          fd = below;
          levels.push({ name: next, below: this.#empty(fd) });
          continue;
        }
        levels.pop();
        const parent = levels.length > 0 ? this.#up(fd) : rootFd;
        this.#calls.close(fd);
        fd = parent;
        if (call.unlinkat(fd, this.#calls.cString(level.name), atFlag.removeDirectory) < 0) {
          throw this.#error("unlinkat");
        }
      }
    } finally {
      if (fd !== rootFd) this.#calls.close(fd);
    }
  }

  #open(directoryFd: number, name: Uint8Array): number {
    const flags = openFlag.readOnly | openFlag.directory | openFlag.noFollow;
    let fd = this.#calls.openBelow(directoryFd, name, flags);
    if (fd < 0 && this.#calls.errno === errno.access) {
      fd = this.#openUnreadable(directoryFd, name, flags);
    }
    if (fd < 0) throw this.#error("openat2");
    // A read-only directory of our own must be opened up to be emptied.
    this.#calls.libc.call.fchmod(fd, 0o700);
    return fd;
  }

  /** A directory of ours without read permission gets it through its name; a link in its place would not be followed. */
  #openUnreadable(directoryFd: number, name: Uint8Array, flags: number): number {
    const pathFd = this.#calls.openBelow(
      directoryFd,
      name,
      openFlag.path | openFlag.directory | openFlag.noFollow,
    );
    if (pathFd < 0) return pathFd;
    Deno.chmodSync(`/proc/self/fd/${pathFd}`, 0o700);
    const fd = this.#calls.openBelow(pathFd, selfName, flags);
    this.#calls.close(pathFd);
    return fd;
  }

  #up(fd: number): number {
    const flags = openFlag.readOnly | openFlag.directory | openFlag.closeOnExec | openFlag.noFollow;
    const parent = this.#calls.libc.call.openat(fd, this.#calls.cString(parentName), flags, 0);
    if (parent < 0) throw this.#error("openat");
    return parent;
  }

  /** Removes everything but subdirectories, whose names it returns. */
  #empty(fd: number): Uint8Array[] {
    const { call } = this.#calls.libc;
    const below: Uint8Array[] = [];
    for (;;) {
      const count = Number(call.getdents64(fd, this.#chunk, BigInt(chunkBytes)));
      if (count < 0) throw this.#error("getdents64");
      if (count === 0) return below;
      for (let at = 0; at < count; at += this.#view.getUint16(at + dirent64.recordLength, true)) {
        const start = at + dirent64.name;
        const name = this.#chunk.slice(start, this.#chunk.indexOf(0, start));
        if (name.length <= 2 && name.every((byte) => byte === 0x2e)) continue;
        if (this.#chunk[at + dirent64.type] === direntType.directory) below.push(name);
        else if (call.unlinkat(fd, this.#calls.cString(name), 0) < 0 && this.#calls.errno !== errno.noEntry) {
          below.push(name); // a directory on a file system that does not say so
        }
      }
    }
  }

  #error(call: string): Error {
    return this.#calls.error(`cannot remove ${this.#shown}`, call);
  }
}
