/** XXH3-128 with seed 0, from its specification, for peers that must hash truly before they lie. Slow and plain. */
import { createHash } from "node:crypto";

const mask = (1n << 64n) - 1n;
const prime32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const;
const prime64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const secretText =
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
  "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8" +
  "fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb17" +
  "0ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e";
const secretBytes = Uint8Array.fromHex(secretText);
const secret = new DataView(secretBytes.buffer);
const secretAt = (at: number) => secret.getBigUint64(at, true);

/** What has been hashed, by its MD5: peers send the same extent many times, and this takes a fifth of a second for each. */
const known = new Map<string, Uint8Array<ArrayBuffer>>();
const worthKnowingBytes = 1 << 16;

/** 16 bytes, high half first. */
export function xxh3(content: Uint8Array): Uint8Array<ArrayBuffer> {
  if (content.length < worthKnowingBytes) return hashOf(content);
  const key = createHash("md5").update(content).digest("hex");
  const hash = known.get(key) ?? hashOf(content);
  known.set(key, hash);
  return hash.slice();
}

function hashOf(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const input = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const [low, high] = content.length <= 16
    ? hashTiny(input)
    : content.length <= 240
    ? hashShort(input)
    : hashLong(input);
  const hash = new Uint8Array(16);
  const view = new DataView(hash.buffer);
  view.setBigUint64(0, high & mask);
  view.setBigUint64(8, low & mask);
  return hash;
}

function hashTiny(input: DataView): [bigint, bigint] {
  const length = input.byteLength;
  const long = BigInt(length);
  if (length === 0) {
    return [avalanche64(secretAt(64) ^ secretAt(72)), avalanche64(secretAt(80) ^ secretAt(88))];
  }
  if (length <= 3) {
    const [first, middle, last] = [
      input.getUint8(0),
      input.getUint8(length >> 1),
      input.getUint8(length - 1),
    ];
    const low = (first << 16 | middle << 24 | last | length << 8) >>> 0;
    const swapped = (low >>> 24 | low >>> 8 & 0xff00 | low << 8 & 0xff0000 | low << 24) >>> 0;
    const high = (swapped << 13 | swapped >>> 19) >>> 0;
    const flipLow = (secret.getUint32(0, true) ^ secret.getUint32(4, true)) >>> 0;
    const flipHigh = (secret.getUint32(8, true) ^ secret.getUint32(12, true)) >>> 0;
    return [avalanche64(BigInt((low ^ flipLow) >>> 0)), avalanche64(BigInt((high ^ flipHigh) >>> 0))];
  }
  if (length <= 8) {
    const both = BigInt(input.getUint32(0, true)) | BigInt(input.getUint32(length - 4, true)) << 32n;
    const product = (both ^ secretAt(16) ^ secretAt(24)) * (prime64[0] + (long << 2n) & mask);
    let low = product & mask;
    const high = (product >> 64n) + (low << 1n) & mask;
    low ^= high >> 3n;
    low = (low ^ low >> 35n) * 0x9fb21c651e98df25n & mask;
    return [low ^ low >> 28n, avalanche(high)];
  }
  const first = input.getBigUint64(0, true);
  let last = input.getBigUint64(length - 8, true);
  const product = (first ^ last ^ secretAt(32) ^ secretAt(40)) * prime64[0];
  let low = (product & mask) + (long - 1n << 54n) & mask;
  last ^= secretAt(48) ^ secretAt(56);
  const high = (product >> 64n) + last + (last & 0xffff_ffffn) * (prime32[1] - 1n) & mask;
  low ^= swap64(high);
  const second = low * prime64[1];
  return [avalanche(second & mask), avalanche((second >> 64n) + high * prime64[1] & mask)];
}

function hashShort(input: DataView): [bigint, bigint] {
  const length = input.byteLength;
  let low = BigInt(length) * prime64[0] & mask;
  let high = 0n;
  const mix = (first: number, second: number, at: number) => {
    low = low + mix16(input, first, at) & mask;
    low ^= input.getBigUint64(second, true) + input.getBigUint64(second + 8, true) & mask;
    high = high + mix16(input, second, at + 16) & mask;
    high ^= input.getBigUint64(first, true) + input.getBigUint64(first + 8, true) & mask;
  };
  if (length <= 128) {
    for (let i = Math.floor((length - 1) / 32); i >= 0; i--) mix(16 * i, length - 16 * (i + 1), 32 * i);
  } else {
    for (let i = 32; i < 160; i += 32) mix(i - 32, i - 16, i - 32);
    low = avalanche(low);
    high = avalanche(high);
    for (let i = 160; i <= length; i += 32) mix(i - 32, i - 16, 3 + i - 160);
    mix(length - 16, length - 32, 136 - 17 - 16);
  }
  const sum = low * prime64[0] + high * prime64[3] + BigInt(length) * prime64[1];
  return [avalanche(low + high & mask), -avalanche(sum & mask)];
}

function mix16(input: DataView, at: number, secretOffset: number): bigint {
  return fold(
    input.getBigUint64(at, true) ^ secretAt(secretOffset),
    input.getBigUint64(at + 8, true) ^ secretAt(secretOffset + 8),
  );
}

function hashLong(input: DataView): [bigint, bigint] {
  const length = input.byteLength;
  const sums: bigint[] = [prime32[2], ...prime64.slice(0, 4), prime32[1], prime64[4]!, prime32[0]];
  const add = (at: number, secretOffset: number) => {
    for (let i = 0; i < 8; i++) {
      const value = input.getBigUint64(at + 8 * i, true);
      const keyed = value ^ secretAt(secretOffset + 8 * i);
      sums[i ^ 1] = sums[i ^ 1]! + value & mask;
      sums[i] = sums[i]! + (keyed & 0xffff_ffffn) * (keyed >> 32n) & mask;
    }
  };
  const blocks = Math.floor((length - 1) / 1024);
  for (let block = 0; block < blocks; block++) {
    for (let stripe = 0; stripe < 16; stripe++) add(block * 1024 + stripe * 64, stripe * 8);
    for (let i = 0; i < 8; i++) {
      const sum = sums[i]!;
      sums[i] = (sum ^ sum >> 47n ^ secretAt(128 + 8 * i)) * prime32[0] & mask;
    }
  }
  const stripes = Math.floor((length - 1 - blocks * 1024) / 64);
  for (let stripe = 0; stripe < stripes; stripe++) add(blocks * 1024 + stripe * 64, stripe * 8);
  add(length - 64, 192 - 64 - 7);
  const merged = (at: number, start: bigint) => {
    let result = start;
    for (let i = 0; i < 4; i++) {
      result += fold(sums[2 * i]! ^ secretAt(at + 16 * i), sums[2 * i + 1]! ^ secretAt(at + 16 * i + 8));
    }
    return avalanche(result & mask);
  };
  return [
    merged(11, BigInt(length) * prime64[0] & mask),
    merged(192 - 64 - 11, ~(BigInt(length) * prime64[1]) & mask),
  ];
}

function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return product & mask ^ product >> 64n;
}

function avalanche(value: bigint): bigint {
  const mixed = (value ^ value >> 37n) * 0x165667919e3779f9n & mask;
  return mixed ^ mixed >> 32n;
}

function avalanche64(value: bigint): bigint {
  let mixed = (value ^ value >> 33n) * prime64[1] & mask;
  mixed = (mixed ^ mixed >> 29n) * prime64[2] & mask;
  return mixed ^ mixed >> 32n;
}

function swap64(value: bigint): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value);
  return view.getBigUint64(0, true);
}
