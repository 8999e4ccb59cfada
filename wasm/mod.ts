/**
 * The door of `wasm/`: XXH3-128 over a memory of a fixed size.
 *
 * The module comes by a source-phase import, so that JSR and compiled binaries carry it and every lane can have an
 * instance with a memory of its own. The memory has its final size from the start (initial = maximum): a memory that
 * grows detaches its views, and a read into a detached view gives 0 for ever.
 *
 * @module
 */
import { module } from "./module.js";

/** Bytes of a WebAssembly page. */
export const pageBytes = 64 * 1024;
/** Memory below this offset belongs to the module (its constants). */
export const reservedBytes = 4096;

/** The functions of the codec; all offsets and lengths are bytes of its memory, nothing is checked. */
export interface CodecExports {
  /** XXH3-128 of a range, as 16 canonical (big-endian) bytes at `into`. */
  hash(offset: number, length: number, into: number): void;
  /** The same for `count` ranges given as pairs of u32 (offset, length) at `table`; 16 bytes each from `into` on. */
  hashMany(count: number, table: number, into: number): void;
  /** Bytes of the state of a stream. */
  readonly stateBytes: { readonly value: number };
  streamInit(state: number): void;
  streamUpdate(state: number, offset: number, length: number): void;
  /** Writes the hash of everything so far; the stream can go on. */
  streamDigest(state: number, into: number): void;
}

/** An instance with its memory. */
export interface CodecInstance {
  readonly exports: CodecExports;
  readonly memory: WebAssembly.Memory;
}

/** Makes an instance whose memory has `memoryBytes`, a multiple of {@linkcode pageBytes} of at least one page and at most 1 GiB. */
export function instantiate(memoryBytes: number): CodecInstance {
  const pages = memoryBytes / pageBytes;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return { exports: instance.exports as unknown as CodecExports, memory };
}
