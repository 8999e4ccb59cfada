// XXH3-128 of inputs over 240 bytes: eight 64-bit accumulators, two to a vector.

import { avalanche, mulFold, storeCanonical } from "./arithmetic";
import { PRIME32_1, PRIME32_2, PRIME32_3, secret } from "./secret";
import { PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME64_5 } from "./secret";

export const stripeBytes: usize = 64;
export const stripesPerBlock: usize = 16;
const blockBytes: usize = stripeBytes * stripesPerBlock;
// Where in the secret the key of a scramble, of the last stripe and of each half of the result begins.
const scrambleKey: usize = 128;
const lastKey: usize = 192 - 64 - 7;
const mergeLowKey: usize = 11;
const mergeHighKey: usize = 192 - 64 - 11;

// Accumulators of one-shot hashes.
const accumulators: usize = memory.data(64, 16);

export function initAccumulators(acc: usize): void {
  store<u64>(acc, PRIME32_3);
  store<u64>(acc, PRIME64_1, 8);
  store<u64>(acc, PRIME64_2, 16);
  store<u64>(acc, PRIME64_3, 24);
  store<u64>(acc, PRIME64_4, 32);
  store<u64>(acc, PRIME32_2, 40);
  store<u64>(acc, PRIME64_5, 48);
  store<u64>(acc, PRIME32_1, 56);
}

// The sum that one pair of lanes gains: its own keyed product, and the other lane's data.
// @ts-ignore: decorator
@inline
function gain(data: v128, product: v128): v128 {
  return i64x2.add(product, v128.shuffle<u64>(data, data, 1, 0));
}

/** Accumulates `stripes` stripes, whose keys begin at `key` and advance by 8 bytes a stripe. */
export function accumulate(acc: usize, input: usize, key: usize, stripes: usize): void {
  let a0 = v128.load(acc), a1 = v128.load(acc, 16), a2 = v128.load(acc, 32), a3 = v128.load(acc, 48);
  for (const end = input + stripes * stripeBytes; input < end; input += stripeBytes, key += 8) {
    const d0 = v128.load(input), d1 = v128.load(input, 16);
    const d2 = v128.load(input, 32), d3 = v128.load(input, 48);
    const k0 = v128.xor(d0, v128.load(key)), k1 = v128.xor(d1, v128.load(key, 16));
    const k2 = v128.xor(d2, v128.load(key, 32)), k3 = v128.xor(d3, v128.load(key, 48));
    const low01 = v128.shuffle<u32>(k0, k1, 0, 2, 4, 6), high01 = v128.shuffle<u32>(k0, k1, 1, 3, 5, 7);
    const low23 = v128.shuffle<u32>(k2, k3, 0, 2, 4, 6), high23 = v128.shuffle<u32>(k2, k3, 1, 3, 5, 7);
    a0 = i64x2.add(a0, gain(d0, i64x2.extmul_low_i32x4_u(low01, high01)));
    a1 = i64x2.add(a1, gain(d1, i64x2.extmul_high_i32x4_u(low01, high01)));
    a2 = i64x2.add(a2, gain(d2, i64x2.extmul_low_i32x4_u(low23, high23)));
    a3 = i64x2.add(a3, gain(d3, i64x2.extmul_high_i32x4_u(low23, high23)));
  }
  v128.store(acc, a0);
  v128.store(acc, a1, 16);
  v128.store(acc, a2, 32);
  v128.store(acc, a3, 48);
}

/** Mixes the accumulators at the end of a block. */
export function scramble(acc: usize): void {
  const prime = i64x2.splat(<i64>PRIME32_1);
  for (let at: usize = 0; at < stripeBytes; at += 16) {
    const value = v128.load(acc + at);
    const mixed = v128.xor(v128.xor(value, i64x2.shr_u(value, 47)), v128.load(secret + scrambleKey + at));
    v128.store(acc + at, i64x2.mul(mixed, prime));
  }
}

/** Accumulates the last 64 bytes of the input, wherever they are. */
export function accumulateLast(acc: usize, stripe: usize): void {
  accumulate(acc, stripe, secret + lastKey, 1);
}

// @ts-ignore: decorator
@inline
function merge(acc: usize, key: usize, start: u64): u64 {
  let sum = start;
  for (let pair = 0; pair < 4; pair++) {
    const at = pair << 4;
    const first = load<u64>(acc + at) ^ load<u64>(key + at);
    const second = load<u64>(acc + at, 8) ^ load<u64>(key + at, 8);
    sum += mulFold(first, second);
  }
  return avalanche(sum);
}

export function finishLong(acc: usize, length: u64, into: usize): void {
  const low = merge(acc, secret + mergeLowKey, length * PRIME64_1);
  const high = merge(acc, secret + mergeHighKey, ~(length * PRIME64_2));
  storeCanonical(into, low, high);
}

export function hashLong(input: usize, length: usize, into: usize): void {
  const acc = accumulators;
  initAccumulators(acc);
  const blocks = (length - 1) / blockBytes;
  let at = input;
  for (const end = input + blocks * blockBytes; at < end; at += blockBytes) {
    accumulate(acc, at, secret, stripesPerBlock);
    scramble(acc);
  }
  accumulate(acc, at, secret, (input + length - 1 - at) / stripeBytes);
  accumulateLast(acc, input + length - stripeBytes);
  finishLong(acc, <u64>length, into);
}
