// 64-bit mixing steps that all length classes share.

import { PRIME64_2, PRIME64_3 } from "./secret";

// High half of the 128-bit product of a and b.
// @ts-ignore: decorator
@inline
export function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff, aHigh = a >> 32;
  const bLow = b & 0xffffffff, bHigh = b >> 32;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >> 32);
  const cross = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (cross >> 32);
}

// Both halves of the 128-bit product of a and b, folded by exclusive or.
// @ts-ignore: decorator
@inline
export function mulFold(a: u64, b: u64): u64 {
  return (a * b) ^ mulHigh(a, b);
}

// @ts-ignore: decorator
@inline
export function avalanche(h: u64): u64 {
  h ^= h >> 37;
  h *= 0x165667919e3779f9;
  return h ^ (h >> 32);
}

// The final mix of XXH64, which the shortest inputs use.
// @ts-ignore: decorator
@inline
export function avalanche64(h: u64): u64 {
  h ^= h >> 33;
  h *= PRIME64_2;
  h ^= h >> 29;
  h *= PRIME64_3;
  return h ^ (h >> 32);
}

// Writes a hash in canonical form: 16 bytes, big-endian, high half first.
// @ts-ignore: decorator
@inline
export function storeCanonical(into: usize, low: u64, high: u64): void {
  store<u64>(into, bswap<u64>(high));
  store<u64>(into, bswap<u64>(low), 8);
}
