/**
 * Names in one directory of a file system that takes several names for one: `README` for `Readme`, an é of one code point for
 * one of two. What such a file system finds under a name may be what another name of the tree has.
 */
import { RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { type EntryName, nameBytesMax, parseEntryName } from "../../entry/name.ts";
import type { Directory, Engine, EntryLookup } from "../../io/contract/engine.ts";
import { NameSet } from "./name_set.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Entries of the directory in memory at a time. */
const chunkEntries = 256;

export class FoldedNames {
  /** Names that the directory has, as it has them. */
  readonly #there = new NameSet();
  /** Names that the manifest has listed. */
  readonly #listed = new NameSet();

  /** Lists the directory. @throws {RcopyError} */
  constructor(engine: Engine, directory: Directory) {
    using listing = engine.list(directory);
    const columns = new EntryColumns(chunkEntries);
    for (let more = true; more;) {
      columns.clear();
      more = listing.next(columns, chunkEntries);
      for (let i = 0; i < columns.count; i++) this.#there.add(spellingOf(columns.name(i)));
    }
  }

  /** Whether the directory had this very name when it was listed. */
  has(name: EntryName): boolean {
    return this.#there.has(spellingOf(name));
  }

  /**
   * The manifest lists a name, once: whether what was found under it is another name's. What was not found will be made under it.
   */
  isOther(name: EntryName, isFound: boolean): boolean {
    const spelling = spellingOf(name);
    const isFirst = this.#listed.add(spelling);
    if (isFound) return !isFirst || !this.#there.has(spelling);
    this.#there.add(spelling);
    return false;
  }
}

/** Kinds of other names that have been asked for in a directory. */
const asked = { letters: 1, forms: 2 } as const;

/** What was asked about a directory so far, as a sum of `asked`, and whether it takes names for one that differ. */
export interface Folding {
  asked: number;
  isFolding: boolean;
}

/**
 * Whether a name that lies in other bytes may tell something about its directory that was not asked yet. A name in ASCII has but
 * one form, and one without letters but one spelling: almost every name ends here.
 */
export function tellsFolding(
  folding: Folding | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const done = folding?.asked ?? 0;
  if (done === asked.letters + asked.forms) return false;
  const asksLetters = (done & asked.letters) === 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x80 || (asksLetters && isLetter(byte))) return true;
  }
  return false;
}

/** Asks whether a directory takes names for one that differ, by an entry that was found in it; each kind is asked about once. */
export function askFolding(
  engine: Engine,
  directory: Directory,
  { name, found, folding }: { name: EntryName; found: EntryLookup; folding: Folding },
): void {
  if (!tellsFolding(folding, name, 0, name.length)) return;
  const text = textOf(name);
  if (text === undefined) return;
  const variants = [[asked.letters, otherLetters(text)], [asked.forms, otherForm(text)]] as const;
  for (const [kind, variant] of variants) {
    if ((folding.asked & kind) !== 0 || variant === text) continue;
    const bytes = encoder.encode(variant);
    if (bytes.length > nameBytesMax) continue;
    folding.asked |= kind;
    const other = parseEntryName(bytes);
    const [there] = engine.lookup(directory, [other]);
    if (!there || there instanceof RcopyError) continue;
    // Some file systems of FUSE number each spelling anew: there only the listing tells.
    if (isSame(there, found) || !new FoldedNames(engine, directory).has(other)) folding.isFolding = true;
  }
}

function isSame(a: EntryLookup, b: EntryLookup): boolean {
  return a.inode === b.inode && a.device === b.device && a.kind === b.kind && a.size === b.size;
}

/** Whether an entry that was found under a name has this very name. */
export function hasExactly(
  engine: Engine,
  directory: Directory,
  { name, found }: { name: EntryName; found: EntryLookup },
): boolean {
  const folding: Folding = { asked: 0, isFolding: false };
  try {
    askFolding(engine, directory, { name, found, folding });
    return !folding.isFolding || new FoldedNames(engine, directory).has(name);
  } catch {
    return false;
  }
}

/** The name in small letters where it has large ones, and the reverse. */
function otherLetters(text: string): string {
  const swapped = text.replace(/[a-zA-Z]/g, (letter) => swapCase(letter));
  return swapped === text ? swapCase(text) : swapped;
}

/** The name composed where it is decomposed, and the reverse. */
function otherForm(text: string): string {
  const decomposed = text.normalize("NFD");
  return decomposed === text ? text.normalize("NFC") : decomposed;
}

function swapCase(text: string): string {
  const upper = text.toUpperCase();
  return upper === text ? text.toLowerCase() : upper;
}

/** A name as a file system may give it back: composed, and without the dots and spaces at its end that FAT does not keep. */
function spellingOf(name: EntryName): Uint8Array {
  if (isPlain(name)) return name;
  const text = textOf(name);
  if (text === undefined) return name;
  const spelt = text.normalize("NFC").replace(/[. ]+$/, "");
  return spelt === "" ? name : encoder.encode(spelt);
}

/** ASCII, and neither a dot nor a space at the end. */
function isPlain(name: EntryName): boolean {
  const last = name[name.length - 1];
  return last !== 0x2e && last !== 0x20 && isAscii(name);
}

/** Of ASCII. */
function isLetter(byte: number): boolean {
  const small = byte | 0x20;
  return small >= 0x61 && small <= 0x7a;
}

function isAscii(name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (name[i]! >= 0x80) return false;
  return true;
}

function textOf(name: EntryName): string | undefined {
  try {
    return decoder.decode(name);
  } catch {
    return undefined;
  }
}
