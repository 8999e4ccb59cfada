/** Memory at a fixed address for what an operation points at: names, `struct open_how`, statx buffers. */
import { assert } from "../src/base/errors.ts";
import { openHow } from "./layout.ts";

/** The address of memory, as a number: exact, because user space has fewer than 53 bits. */
export function addressOf(memory: Uint8Array<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory)));
}

/**
 * A bump allocator over one buffer: places are taken one behind the other, and none is given back. They stay
 * valid as long as it is reachable; Ring.scratch makes one that lives as long as the ring.
 */
export class Scratch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  /** Address of the first byte. */
  readonly address: number;
  #used = 0;

  /** `size` in bytes. */
  constructor(size: number) {
    // A large enough ArrayBuffer of its own: V8 keeps it outside of its heap and never moves it.
    const buffer = new ArrayBuffer(Math.max(size, 4096));
    this.bytes = new Uint8Array(buffer, 0, size);
    this.view = new DataView(buffer, 0, size);
    this.address = addressOf(this.bytes);
  }

  /**
   * Takes `size` bytes and returns their offset; the content is whatever was there. `alignment` is a power
   * of two.
   */
  take(size: number, alignment = 8): number {
    const offset = (this.#used + alignment - 1) & -alignment;
    assert(offset + size <= this.bytes.length, "the scratch memory has room");
    this.#used = offset + size;
    return offset;
  }

  /** Copies a name, ends it with a zero byte and returns its address. The name itself holds none. */
  putName(name: Uint8Array): number {
    const length = name.length;
    const offset = this.take(length + 1, 1);
    const bytes = this.bytes;
    // Names are short: a loop is cheaper than TypedArray.prototype.set.
    for (let index = 0; index < length; index += 1) bytes[offset + index] = name[index]!;
    bytes[offset + length] = 0;
    return this.address + offset;
  }

  /** Writes a `struct open_how` and returns its address. */
  putOpenHow(flags: number, mode: number, resolve: number): number {
    const offset = this.take(openHow.size);
    encodeOpenHow(this.view, offset, flags, mode, resolve);
    return this.address + offset;
  }
}

/** Writes a `struct open_how`; each value has at most 32 bits. */
export function encodeOpenHow(
  view: DataView<ArrayBuffer>,
  offset: number,
  flags: number,
  mode: number,
  resolve: number,
): void {
  for (
    const [field, value] of [[openHow.flags, flags], [openHow.mode, mode], [
      openHow.resolve,
      resolve,
    ]] as const
  ) {
    view.setUint32(offset + field, value, true);
    view.setUint32(offset + field + 4, 0, true);
  }
}
