/** The blocks of an extent: those of an older version are compared with it, and those that differ travel alone. Pure, but for hashing. */
import { blockBytes, hashBytes } from "../wire/limits.ts";
import { hashFilesInPlace } from "./bundle_hash.ts";
import type { Codec } from "./codec.ts";
import { sameHash } from "./hash.ts";

/** A range of an extent. */
export interface ExtentRange {
  start: number;
  bytes: number;
}

/** Blocks of an extent of so many bytes. */
export function blockCount(bytes: number): number {
  return Math.ceil(bytes / blockBytes);
}

/** A set of blocks, as an unsigned number, with every block of an extent of so many bytes. */
export function allBlocks(bytes: number): number {
  return (2 ** blockCount(bytes)) - 1;
}

/**
 * XXH3-128 of each block of an extent of `bytes` bytes that lies at `offset` of the codec's memory, 16 bytes each. `there`: so many
 * bytes of it are there; a block that is cut off there, or missing, has the hash of what there is.
 */
export function hashBlocks(codec: Codec, offset: number, bytes: number, there = bytes): Uint8Array {
  const offsets: number[] = [];
  const sizes: number[] = [];
  for (let start = 0; start < bytes; start += blockBytes) {
    offsets.push(offset + start);
    sizes.push(Math.max(0, Math.min(start + blockBytes, bytes, there) - start));
  }
  return hashFilesInPlace(codec, offsets, sizes);
}

/** The blocks whose hashes differ in two tables of one extent. */
export function differingBlocks(here: Uint8Array, there: Uint8Array): number {
  let blocks = 0;
  for (let at = 0, bit = 1; at < here.length; at += hashBytes, bit *= 2) {
    if (!sameHash(here.subarray(at, at + hashBytes), there, at)) blocks += bit;
  }
  return blocks;
}

/** Bytes of these blocks of an extent of `bytes` bytes. */
export function bytesOfBlocks(blocks: number, bytes: number): number {
  return rangesOf(blocks, bytes).reduce((sum, range) => sum + range.bytes, 0);
}

/** The ranges of these blocks of an extent of `bytes` bytes, neighbours as one. */
export function rangesOf(blocks: number, bytes: number): ExtentRange[] {
  const ranges: ExtentRange[] = [];
  let last: ExtentRange | undefined;
  for (let start = 0, block = 0; start < bytes; start += blockBytes, block++) {
    if ((blocks >>> block & 1) === 0) {
      last = undefined;
      continue;
    }
    const length = Math.min(blockBytes, bytes - start);
    if (last) last.bytes += length;
    else ranges.push(last = { start, bytes: length });
  }
  return ranges;
}

/** Moves these blocks of an extent at `offset` of `memory` together, one behind the other. @returns their bytes */
export function gatherBlocks(memory: Uint8Array, offset: number, bytes: number, blocks: number): number {
  let at = offset;
  for (const { start, bytes: length } of rangesOf(blocks, bytes)) {
    if (at !== offset + start) memory.copyWithin(at, offset + start, offset + start + length);
    at += length;
  }
  return at - offset;
}

/** Moves blocks that were gathered at `offset` to where they stand in their extent; what is between them is undefined. */
export function spreadBlocks(memory: Uint8Array, offset: number, bytes: number, blocks: number): void {
  let at = offset + bytesOfBlocks(blocks, bytes);
  // From the last to the first, so that none is written over before it is moved.
  for (const { start, bytes: length } of rangesOf(blocks, bytes).reverse()) {
    at -= length;
    if (at !== offset + start) memory.copyWithin(offset + start, at, at + length);
  }
}
