// XXH3-128 of inputs up to 240 bytes, seed 0.

import { avalanche, avalanche64, mulFold, mulHigh, storeCanonical } from "./arithmetic";
import { PRIME32_2, PRIME64_1, PRIME64_2, PRIME64_4, secret } from "./secret";

const secretBytesMin = 136;
const midStartOffset = 3;
const midLastOffset = 17;

export function hashShort(input: usize, length: usize, into: usize): void {
  if (length > 128) hash129to240(input, length, into);
  else if (length > 16) hash17to128(input, length, into);
  else if (length > 8) hash9to16(input, length, into);
  else if (length >= 4) hash4to8(input, length, into);
  else if (length > 0) hash1to3(input, length, into);
  else {
    const low = load<u64>(secret, 64) ^ load<u64>(secret, 72);
    const high = load<u64>(secret, 80) ^ load<u64>(secret, 88);
    storeCanonical(into, avalanche64(low), avalanche64(high));
  }
}

function hash1to3(input: usize, length: usize, into: usize): void {
  const first = <u32>load<u8>(input);
  const middle = <u32>load<u8>(input + (length >> 1));
  const last = <u32>load<u8>(input + length - 1);
  const combined: u32 = (first << 16) | (middle << 24) | last | (<u32>length << 8);
  const swapped: u32 = rotl<u32>(bswap<u32>(combined), 13);
  const flipLow = <u64>(load<u32>(secret) ^ load<u32>(secret, 4));
  const flipHigh = <u64>(load<u32>(secret, 8) ^ load<u32>(secret, 12));
  storeCanonical(into, avalanche64(<u64>combined ^ flipLow), avalanche64(<u64>swapped ^ flipHigh));
}

function hash4to8(input: usize, length: usize, into: usize): void {
  const inputLow = <u64>load<u32>(input);
  const inputHigh = <u64>load<u32>(input + length - 4);
  const flip = load<u64>(secret, 16) ^ load<u64>(secret, 24);
  const keyed = (inputLow + (inputHigh << 32)) ^ flip;
  const factor = PRIME64_1 + (<u64>length << 2);
  let low = keyed * factor;
  let high = mulHigh(keyed, factor);
  high += low << 1;
  low ^= high >> 3;
  low ^= low >> 35;
  low *= 0x9fb21c651e98df25;
  low ^= low >> 28;
  storeCanonical(into, low, avalanche(high));
}

function hash9to16(input: usize, length: usize, into: usize): void {
  const flipLow = load<u64>(secret, 32) ^ load<u64>(secret, 40);
  const flipHigh = load<u64>(secret, 48) ^ load<u64>(secret, 56);
  const inputLow = load<u64>(input);
  let inputHigh = load<u64>(input + length - 8);
  const keyed = inputLow ^ inputHigh ^ flipLow;
  let low = keyed * PRIME64_1;
  let high = mulHigh(keyed, PRIME64_1);
  low += (<u64>length - 1) << 54;
  inputHigh ^= flipHigh;
  high += inputHigh + (inputHigh & 0xffffffff) * (PRIME32_2 - 1);
  low ^= bswap<u64>(high);
  const resultHigh = mulHigh(low, PRIME64_2) + high * PRIME64_2;
  storeCanonical(into, avalanche(low * PRIME64_2), avalanche(resultHigh));
}

// @ts-ignore: decorator
@inline
function mix16(input: usize, key: usize): u64 {
  return mulFold(load<u64>(input) ^ load<u64>(key), load<u64>(input, 8) ^ load<u64>(key, 8));
}

// @ts-ignore: decorator
@inline
function finish(low: u64, high: u64, length: usize, into: usize): void {
  const mixed = low * PRIME64_1 + high * PRIME64_4 + <u64>length * PRIME64_2;
  storeCanonical(into, avalanche(low + high), 0 - avalanche(mixed));
}

function hash17to128(input: usize, length: usize, into: usize): void {
  let low = <u64>length * PRIME64_1;
  let high: u64 = 0;
  // Pairs of 16 bytes from both ends, the innermost first.
  for (let pair = <i32>((length - 1) >> 5); pair >= 0; pair--) {
    const front = input + (pair << 4);
    const back = input + length - ((pair + 1) << 4);
    const key = secret + (pair << 5);
    low += mix16(front, key);
    low ^= load<u64>(back) + load<u64>(back, 8);
    high += mix16(back, key + 16);
    high ^= load<u64>(front) + load<u64>(front, 8);
  }
  finish(low, high, length, into);
}

function hash129to240(input: usize, length: usize, into: usize): void {
  let low = <u64>length * PRIME64_1;
  let high: u64 = 0;
  const rounds = <i32>(length >> 5);
  for (let i = 0; i < rounds; i++) {
    if (i == 4) {
      low = avalanche(low);
      high = avalanche(high);
    }
    const first = input + (i << 5);
    const key = i < 4 ? secret + (i << 5) : secret + midStartOffset + ((i - 4) << 5);
    low += mix16(first, key);
    low ^= load<u64>(first, 16) + load<u64>(first, 24);
    high += mix16(first + 16, key + 16);
    high ^= load<u64>(first) + load<u64>(first, 8);
  }
  if (rounds == 4) {
    low = avalanche(low);
    high = avalanche(high);
  }
  const last = input + length - 16;
  const before = input + length - 32;
  const key = secret + secretBytesMin - midLastOffset - 16;
  low += mix16(last, key);
  low ^= load<u64>(before) + load<u64>(before, 8);
  high += mix16(before, key + 16);
  high ^= load<u64>(last) + load<u64>(last, 8);
  finish(low, high, length, into);
}
