/**
 * The entry of `wasm/`: XXH3-128 (seed 0, default secret) over a memory of a fixed size.
 *
 * `assembly/` is the source, in AssemblyScript; `deno task wasm` makes `codec.wasm` of it, which is
 * committed, and `build.ts --check` tells whether the two belong together.
 *
 * **How it is loaded.** By a source-phase import, which needs no permission and no flag, and which JSR and
 * compiled binaries carry. It gives the module without an instance, so that every lane, in a Worker or not,
 * can have an instance with a memory of its own. The other ways fall short: a plain import makes one
 * instance an isolate and cannot give it a memory; an import as bytes needs `--unstable-raw-imports`;
 * `fetch` and `readFile` need permissions.
 *
 * **The memory** has its final size from the start (initial = maximum): a memory that grows detaches its
 * views, and a read into a detached view gives 0 for ever. The module keeps its constants and the
 * accumulators of the call under way in the first {@linkcode reservedBytes}; the rest is the caller's, who
 * says for each call what is read and written.
 *
 * @module
 */
import { module } from "./module.js";

/** Bytes of a WebAssembly page. */
export const pageBytes = 64 * 1024;
/** Memory below this offset belongs to the module. */
export const reservedBytes = 4096;

/**
 * The functions of the codec. Offsets and lengths are bytes of its memory.
 *
 * @throws {WebAssembly.RuntimeError} each of them, where a range leaves the memory; nothing else is checked
 */
export interface CodecExports {
  /** XXH3-128 of a range, as 16 canonical (big-endian) bytes at `into`. */
  hash(offset: number, length: number, into: number): void;
  /** The same for `count` ranges, pairs of u32 (offset, length) at `table`; 16 bytes each from `into` on. */
  hashMany(count: number, table: number, into: number): void;
  /** Bytes of the state of a stream. */
  readonly stateBytes: { readonly value: number };
  /** Begins a stream whose state lies at `state`, wherever the caller wants it. */
  streamInit(state: number): void;
  /** Takes a range as the next part of the input. */
  streamUpdate(state: number, offset: number, length: number): void;
  /** Writes the hash of everything so far; the stream can go on. */
  streamDigest(state: number, into: number): void;
}

/** An instance with its memory. */
export interface CodecInstance {
  readonly exports: CodecExports;
  readonly memory: WebAssembly.Memory;
}

/**
 * Makes an instance with a memory of `memoryBytes`: a multiple of {@linkcode pageBytes}, one page to 1 GiB.
 *
 * @throws {RangeError} if there is no such memory to be had
 */
export function instantiate(memoryBytes: number): CodecInstance {
  const pages = memoryBytes / pageBytes;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return { exports: instance.exports as unknown as CodecExports, memory };
}
