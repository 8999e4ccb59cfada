/** Damage to bytes, and what a decoder may do about it. */
import { assert } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import { decodeCapnp, type FrameKind } from "../../src/wire/message.ts";
import { decodeMessage, parseHeader } from "../../src/wire/frame.ts";
import { FrameSplitter } from "../../src/wire/frame_splitter.ts";

/** No run over this long: an input that takes longer has found work that the limits do not bound. */
const runMsMax = 100;

/** Runs a decoder on hostile bytes: it gives a message or throws an RcopyError, soon. */
export function decodesOrRefuses(decode: () => unknown): void {
  let ms = timed(decode);
  // A machine with other work may stop us for longer than that; an input that is slow is slow each time.
  for (let again = 0; ms >= runMsMax && again < 4; again++) ms = Math.min(ms, timed(decode));
  assert(ms < runMsMax, `took ${ms} ms, five times`);
}

/** Milliseconds that one run took. */
function timed(decode: () => unknown): number {
  const began = performance.now();
  try {
    decode();
  } catch (error) {
    if (!(error instanceof RcopyError)) throw error;
    assert(["protocol", "name-unsafe"].includes(error.code), `threw ${error.code}: ${error.message}`);
  }
  return performance.now() - began;
}

/** Flips bits, cuts, and overwrites words with numbers that overflow something. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array<ArrayBuffer> {
  let mutated = bytes.slice() as Uint8Array<ArrayBuffer>;
  const changes = 1 + Math.floor(random() * 4);
  for (let i = 0; i < changes && mutated.length > 0; i++) {
    const at = Math.floor(random() * mutated.length);
    const choice = random();
    if (choice < 0.4) mutated[at]! ^= 1 << Math.floor(random() * 8);
    else if (choice < 0.6) mutated[at] = Math.floor(random() * 256);
    else if (choice < 0.8) {
      const words = [0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x1fff_ffff, 0, 0xffff_fff8];
      const word = words[Math.floor(random() * words.length)]!;
      for (let byte = 0; byte < 4; byte++) mutated[(at & ~3) + byte] = word >>> (8 * byte);
    } else mutated = mutated.slice(0, at);
  }
  return mutated;
}

/** All decoders of the wire, on one input. */
export function tryEveryDecoder(bytes: Uint8Array<ArrayBuffer>, kind: FrameKind): void {
  // Below the checksum, which a hostile peer computes as well as we do.
  decodesOrRefuses(() => decodeCapnp(kind, bytes.slice()));
  decodesOrRefuses(() => {
    const splitter = new FrameSplitter();
    splitter.push(bytes);
    while (splitter.next());
  });
  decodesOrRefuses(() => {
    if (bytes.length >= 16) decodeMessage(parseHeader(bytes.subarray(0, 16), "data"), bytes);
  });
}
