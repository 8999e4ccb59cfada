// XXH3-128 of input that comes in pieces. A state lies in memory where the caller wants it.

import { accumulate, accumulateLast, finishLong, initAccumulators } from "./long";
import { scramble, stripeBytes, stripesPerBlock } from "./long";
import { secret } from "./secret";
import { hashShort } from "./short";

// A state: accumulators, buffer, and three numbers.
const bufferOffset: usize = 64;
const bufferBytes: usize = 256;
const totalOffset: usize = 320; // u64: bytes of input so far
const bufferedOffset: usize = 328; // u32: bytes of it in the buffer
const stripeOffset: usize = 332; // u32: stripes of the present block that are accumulated
const shortBytesMax: u64 = 240;

/** Bytes of a state. */
export const stateBytes: usize = 384;

const finalAccumulators: usize = memory.data(64, 16);
const lastStripe: usize = memory.data(64, 16);

export function streamInit(state: usize): void {
  initAccumulators(state);
  store<u64>(state, 0, totalOffset);
  store<u32>(state, 0, bufferedOffset);
  store<u32>(state, 0, stripeOffset);
}

// Accumulates whole stripes, with a scramble wherever a block ends; returns the stripes of the block begun.
function consume(acc: usize, input: usize, stripes: usize, inBlock: usize): usize {
  while (stripes > 0) {
    const now = min(stripes, stripesPerBlock - inBlock);
    accumulate(acc, input, secret + inBlock * 8, now);
    input += now * stripeBytes;
    stripes -= now;
    inBlock += now;
    if (inBlock == stripesPerBlock) {
      scramble(acc);
      inBlock = 0;
    }
  }
  return inBlock;
}

export function streamUpdate(state: usize, input: usize, length: usize): void {
  const buffer = state + bufferOffset;
  let buffered = <usize>load<u32>(state, bufferedOffset);
  let inBlock = <usize>load<u32>(state, stripeOffset);
  store<u64>(state, load<u64>(state, totalOffset) + <u64>length, totalOffset);
  // A full buffer is accumulated only when more input follows: the last stripe is treated otherwise.
  while (length > 0) {
    if (buffered == bufferBytes) {
      inBlock = consume(state, buffer, bufferBytes / stripeBytes, inBlock);
      buffered = 0;
    }
    if (buffered == 0 && length > bufferBytes) {
      const stripes = (length - 1) / stripeBytes;
      const taken = stripes * stripeBytes;
      inBlock = consume(state, input, stripes, inBlock);
      // The last stripe of the input may begin in what has just been accumulated.
      memory.copy(buffer + bufferBytes - stripeBytes, input + taken - stripeBytes, stripeBytes);
      input += taken;
      length -= taken;
    }
    const now = min(length, bufferBytes - buffered);
    memory.copy(buffer + buffered, input, now);
    buffered += now;
    input += now;
    length -= now;
  }
  store<u32>(state, <u32>buffered, bufferedOffset);
  store<u32>(state, <u32>inBlock, stripeOffset);
}

/** Writes the hash of all input so far; the stream can go on. */
export function streamDigest(state: usize, into: usize): void {
  const buffer = state + bufferOffset;
  const total = load<u64>(state, totalOffset);
  if (total <= shortBytesMax) {
    hashShort(buffer, <usize>total, into);
    return;
  }
  const buffered = <usize>load<u32>(state, bufferedOffset);
  const acc = finalAccumulators;
  memory.copy(acc, state, 64);
  consume(acc, buffer, (buffered - 1) / stripeBytes, <usize>load<u32>(state, stripeOffset));
  if (buffered >= stripeBytes) {
    accumulateLast(acc, buffer + buffered - stripeBytes);
  } else {
    const before = stripeBytes - buffered;
    memory.copy(lastStripe, buffer + bufferBytes - before, before);
    memory.copy(lastStripe + before, buffer, buffered);
    accumulateLast(acc, lastStripe);
  }
  finishLong(acc, total, into);
}
