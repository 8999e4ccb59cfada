/** The memory of calls: where names, times and the structs that the kernel reads or fills lie. */
import { openFlag, resolveFlag, Scratch, statfs, statx } from "../../../ffi/mod.ts";
import { assert, RcopyError } from "../../base/errors.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import { StatView } from "./stat.ts";

/** Memory that a call is given; a name or path in it ends with a zero byte. */
export type Memory = Uint8Array<ArrayBuffer>;

/** PATH_MAX: the longest path of one call, with its zero byte. */
export const pathBytesMax = 4096;
const wordSize = 4294967296;
/** `UTIME_NOW` (linux/stat.h), in place of nanoseconds: the time of the call. */
const timeNow = 0x3fffffff;

/** A walk from a directory down never leaves it, and goes through no link. */
const confined = resolveFlag.beneath | resolveFlag.noSymlinks | resolveFlag.noMagicLinks;
const toRead = openFlag.readOnly | openFlag.closeOnExec | openFlag.noFollow | openFlag.nonblock;
const toName = openFlag.path | openFlag.closeOnExec | openFlag.noFollow;

/** Fixed places for everything that a synchronous call is given; the next call overwrites it. */
export class CallMemory {
  readonly #scratch = new Scratch(4 * pathBytesMax);
  readonly #name = this.#take(pathBytesMax);
  readonly #text = this.#take(pathBytesMax);
  readonly #times = this.#scratch.take(32);
  readonly #fields = this.#scratch.take(statfs.size);
  readonly #stat = this.#scratch.take(statx.size);
  readonly stat = new StatView(this.#scratch, this.#stat);
  readonly statPointer = this.#pointerTo(this.#stat);
  readonly #timesPointer = this.#pointerTo(this.#times);
  /** A buffer for `struct statfs` or `struct rlimit`. */
  readonly fieldsPointer = this.#pointerTo(this.#fields);
  /** The path "", which means the descriptor itself where AT_EMPTY_PATH allows it. */
  readonly emptyPath = this.#take(1);
  /** The path ".". */
  readonly selfPath = this.#take(2);
  /** The path "..". */
  readonly parentPath = this.#take(3);

  /** A `struct open_how` for each way to open. */
  readonly openHow = {
    /** A directory as a place: no permission to read it is needed. */
    directory: this.#putHow(toName | openFlag.directory, confined),
    /** A directory as a place, not across a mount point. */
    directoryHere: this.#putHow(toName | openFlag.directory, confined | resolveFlag.noCrossDevice),
    /** A directory to list. */
    listing: this.#putHow(openFlag.readOnly | openFlag.directory | openFlag.closeOnExec, confined),
    /** A file to read. */
    read: this.#putHow(toRead, confined),
    /** Whatever it is, without opening it. */
    place: this.#putHow(toName, confined),
  };
  /** Address of `openHow.read`, for the ring. */
  readonly openHowToReadAddress = Number(Deno.UnsafePointer.value(this.openHow.read));

  constructor() {
    this.emptyPath[0] = 0;
    this.selfPath.set([0x2e, 0]);
    this.parentPath.set([0x2e, 0x2e, 0]);
  }

  #take(size: number): Memory {
    const at = this.#scratch.take(size);
    return this.#scratch.bytes.subarray(at, at + size);
  }

  #pointerTo(offset: number): Deno.PointerObject {
    return pointerTo(this.#scratch.address + offset);
  }

  #putHow(flags: number, resolve: number): Deno.PointerObject {
    return pointerTo(this.#scratch.putOpenHow(flags, 0, resolve));
  }

  /** Puts a name or path, ended by a zero byte. @throws {RcopyError} `io` if it is too long */
  putName(name: Uint8Array): Memory {
    return put(this.#name, name);
  }

  /** The same with a name that lies in other bytes, of which no view is made: for many names, one after the other. */
  putNameIn(bytes: Uint8Array, start: number, end: number): Memory {
    const place = this.#name;
    if (end - start >= place.length) throw tooLong(end - start);
    let at = 0;
    for (let from = start; from < end; from += 1) place[at++] = bytes[from]!;
    place[at] = 0;
    return place;
  }

  /** Puts a second name, or a link's text, as {@linkcode putName}. Its place is that of {@linkcode text}. */
  putText(text: Uint8Array): Memory {
    return put(this.#text, text);
  }

  /** Room for a text of up to {@linkcode pathBytesMax} bytes that a call tells. */
  get text(): Memory {
    return this.#text;
  }

  /**
   * Puts `struct timespec[2]`: the access time is now, the modification time becomes `mtime`. Both are set: FUSE file systems of
   * libfuse 2 leave the one alone where the other is not given.
   */
  putTimes(mtime: Timestamp): Deno.PointerObject {
    const { view } = this.#scratch;
    const at = this.#times;
    view.setUint32(at + 8, timeNow, true);
    view.setUint32(at + 16, mtime.seconds >>> 0, true);
    view.setInt32(at + 20, Math.floor(mtime.seconds / wordSize), true);
    view.setUint32(at + 24, mtime.nanos, true);
    return this.#timesPointer;
  }

  /** A u64 of the struct at {@linkcode fieldsPointer}; beyond 2^53 it is not exact. */
  field(offset: number): number {
    const { view } = this.#scratch;
    const at = this.#fields + offset;
    return view.getUint32(at + 4, true) * wordSize + view.getUint32(at, true);
  }
}

function put(place: Memory, text: Uint8Array): Memory {
  const length = text.length;
  if (length >= place.length) throw tooLong(length);
  // Names are short: a loop is cheaper than TypedArray.prototype.set.
  if (length > 64) place.set(text);
  else for (let index = 0; index < length; index += 1) place[index] = text[index]!;
  place[length] = 0;
  return place;
}

function tooLong(bytes: number): RcopyError {
  return new RcopyError("io", `a path or link text of ${bytes} bytes is longer than Linux takes`);
}

function pointerTo(address: number): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.create(BigInt(address));
  assert(pointer !== null, "memory has an address");
  return pointer;
}
