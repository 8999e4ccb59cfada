/** Names that entries have until they are whole: found again by the next run without a listing. */
import { type EntryName, ownName } from "./name.ts";

const prefix = ".rcopy-";
const suffix = ".part";
const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const hashWords = 4;

/** The temporary name of what gets this name in the end: the same in every run. */
export function temporaryName(name: EntryName): EntryName {
  return spell(hashOf(name));
}

/** A temporary name that nothing has. */
export function randomTemporaryName(): EntryName {
  return spell(crypto.getRandomValues(new Uint32Array(hashWords)));
}

/** 128 bits in base32, the highest first: 26 characters, of which the last has 3 bits. */
function spell(words: Uint32Array): EntryName {
  let text = prefix;
  let held = 0;
  let bits = 0;
  for (const word of words) {
    for (let shift = 24; shift >= 0; shift -= 8) {
      held = (held << 8 | word >>> shift & 0xff) & 0xfff;
      for (bits += 8; bits >= 5; bits -= 5) text += alphabet[held >>> (bits - 5) & 31];
    }
  }
  if (bits > 0) text += alphabet[held << (5 - bits) & 31];
  return ownName(text + suffix);
}

/**
 * A hash of 128 bits, as MurmurHash3 mixes them. Names that collide by chance or by design cost a random name, no more: so it
 * need not resist anybody.
 */
function hashOf(name: Uint8Array): Uint32Array {
  const words = new Uint32Array(hashWords);
  for (let lane = 0; lane < hashWords; lane++) {
    let hash = Math.imul(lane + 1, 0x9e3779b1);
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name[i]!, 0x01000193 + (lane << 9));
      hash = hash << 13 | hash >>> 19;
    }
    hash = Math.imul(hash ^ name.length ^ hash >>> 16, 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    words[lane] = hash ^ hash >>> 16;
  }
  return words;
}
