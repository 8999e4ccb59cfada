/** Buffers that begin at a page. */

const pageBytes = 64 * 1024;

/**
 * Memory for the kernel to fill or to empty: its first byte is the first of a page. That of an ordinary `Uint8Array` is 16 bytes
 * behind one, where some processors copy several times slower (`tests/bench/README.md`, "Where a buffer begins").
 */
export function pageMemory(bytes: number): Uint8Array<ArrayBuffer> {
  const pages = Math.ceil(bytes / pageBytes);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return new Uint8Array(buffer as ArrayBuffer, 0, bytes);
}
