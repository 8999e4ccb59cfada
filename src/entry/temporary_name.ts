/** Names that entries have until they are whole: found again by the next run without a listing. */
import { type EntryName, ownName } from "./name.ts";

const prefix = ".rcopy-";
const prefixBytes = new TextEncoder().encode(prefix);
const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const hashWords = 4;

/** What a file with such a name is: an unfinished file, its journal, what an older version of it left. */
const suffixes = { part: ".part", journal: ".journal", base: ".base" } as const;
type Suffix = keyof typeof suffixes;

/** A dot; names of files that people make seldom begin with it, and no other is looked at. */
const dot = 0x2e;
const form = /^\.rcopy-[a-z2-7]{26}\.(part|journal|base)$/;

/** What a file of such a name is, if it is rcopy's own, which its name does not tell; `undefined` for any other name. */
export function temporaryKind(name: Uint8Array): Suffix | undefined {
  if (name[0] !== dot || name[1] !== prefix.charCodeAt(1)) return undefined;
  return form.exec(String.fromCharCode(...name))?.[1] as Suffix | undefined;
}

/** The temporary name of what gets this name in the end: the same in every run. */
export function temporaryName(name: EntryName): EntryName {
  return spell(hashOf(name), "part");
}

/** The name of the journal beside a file with this temporary name. */
export function journalName(part: EntryName): EntryName {
  return replaceSuffix(part, "journal");
}

/** The temporary name of the file beside which a journal of this name stands. */
export function partOfJournal(journal: EntryName): EntryName {
  const stem = String.fromCharCode(...journal.subarray(0, journal.length - suffixes.journal.length));
  return ownName(stem + suffixes.part);
}

/** The name that such a file gets when another version is received in its place. */
export function baseName(part: EntryName): EntryName {
  return replaceSuffix(part, "base");
}

/** Whether a name begins as those of rcopy's own files do: an entry may be called so, and then no such file is. */
export function hasOwnPrefix(name: Uint8Array, start = 0): boolean {
  return name[start] === prefixBytes[0] && prefixBytes.every((byte, i) => name[start + i] === byte);
}

function replaceSuffix(part: EntryName, suffix: Suffix): EntryName {
  const stem = String.fromCharCode(...part.subarray(0, part.length - suffixes.part.length));
  return ownName(stem + suffixes[suffix]);
}

/** A temporary name that nothing has. */
export function randomTemporaryName(): EntryName {
  return spell(crypto.getRandomValues(new Uint32Array(hashWords)), "part");
}

/**
 * The name of a file that is made to learn how a file system treats files, and removed at once: that of an entry without a
 * name, which no tree has. A run that is killed in between leaves it, and the next one finds it.
 */
export const probeName: EntryName = temporaryName(ownName(""));

/** 128 bits in base32, the highest first: 26 characters, of which the last has 3 bits. */
function spell(words: Uint32Array, suffix: Suffix): EntryName {
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
  return ownName(text + suffixes[suffix]);
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
