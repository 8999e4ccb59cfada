/**
 * The journal of a run, `.rcopy-run-<number>` in the destination: directories whose mode the run changes for a while. After a
 * kill the next run gives them the mode that they should have. It is made with the first such directory, and is gone after a
 * run that ended in order; where the destination cannot be written to, there is none.
 *
 * Text, a record a line. Nothing in it is believed: `recovery.ts` looks at each directory before it changes its mode.
 */
import { RcopyError } from "../../base/errors.ts";
import type { Timestamp } from "../../entry/metadata.ts";
import { sameBytes } from "../../base/bytes.ts";
import { type EntryName, ownName } from "../../entry/name.ts";
import { isRunJournal, newRunJournal, ownHeaderBytes } from "../../entry/own_files.ts";
import type { Directory, Engine, FileMetadata, OwnFile } from "../../io/contract/engine.ts";
import type { TargetDirectory } from "./tree.ts";

/** Runs into one destination at a time that can have a journal. */
const slots = 8;
/** Longest journal; what does not fit is not written down. */
export const journalBytesMax = 4 * 1024 * 1024;
/** Longest record: a path of PATH_MAX bytes in hexadecimal, and its numbers. */
const recordBytesMax = 9 * 1024;

const encoder = new TextEncoder();

/** The names under which there may be journals. */
export const journalNames: readonly EntryName[] = Array.from(
  { length: slots },
  (_, i) => ownName(`.rcopy-run-${i}`),
);

/** A directory whose mode is not what it should be. */
export interface JournalRecord {
  /** `made`: by the run. `lent`: there before, with permissions lent to its owner. */
  kind: "made" | "lent";
  /** Components from the destination down. */
  path: Uint8Array[];
  /** The mode that it should have, 0 to 0o7777. */
  mode: number;
  /** Of one that was made. */
  mtime: Timestamp;
}

export class RunJournal {
  readonly #engine: Engine;
  readonly #root: Directory | undefined;
  #file: { own: OwnFile; name: EntryName } | undefined;
  #isImpossible: boolean;
  #size = 0;
  #count = 0;
  /** Records by directory, by number. */
  readonly #open = new Map<number, number>();
  /** Names that entries of the tree have: by their places in {@linkcode journalNames}. */
  readonly #taken = new Set<number>();

  /** Without a destination nothing is written down. */
  constructor(engine: Engine, root: Directory | undefined) {
    this.#engine = engine;
    this.#root = root;
    this.#isImpossible = root === undefined;
  }

  /** A directory has been made, with more permissions for its owner than it is to have, or is about to get others. */
  made(directory: TargetDirectory): void {
    const { mode, mtime } = directory;
    this.#note(directory, { kind: "made", path: pathOf(directory), mode, mtime });
  }

  /** The destination has been made, and is to have this mode in the end. */
  madeRoot(root: TargetDirectory, { mode, mtime }: FileMetadata): void {
    this.#note(root, { kind: "made", path: [], mode, mtime });
  }

  /** A directory that was there is about to get every permission for its owner; `mode` is the one it has. */
  lent(directory: TargetDirectory, mode: number): void {
    this.#note(directory, { kind: "lent", path: pathOf(directory), mode, mtime: { seconds: 0, nanos: 0 } });
  }

  /** A directory has the mode that it should have. */
  finished(directory: TargetDirectory): void {
    const record = this.#open.get(directory.number);
    if (record === undefined) return;
    this.#open.delete(directory.number);
    // Records are numbered from the start of the file: once none is open, they begin again.
    if (this.#open.size > 0) return this.#append(`done ${record}\n`);
    this.#size = ownHeaderBytes;
    this.#count = 0;
    try {
      this.#file?.own.setSize(ownHeaderBytes);
    } catch {
      this.#isImpossible = true;
    }
  }

  /** An entry of the tree is to have this name in the destination. A journal that has it makes way. Throws nothing but faults of our own. */
  makeWay(name: EntryName): void {
    const slot = journalNames.findIndex((one) => sameBytes(one, name));
    if (slot < 0) return;
    this.#taken.add(slot);
    if (!this.#file || !sameBytes(this.#file.name, name)) return;
    for (const [i, other] of journalNames.entries()) {
      if (!this.#taken.has(i) && this.#move(this.#file, other)) return;
    }
    this.#remove();
  }

  #move(file: { own: OwnFile; name: EntryName }, to: EntryName): boolean {
    try {
      this.#engine.place(this.#root!, file.name, to);
      file.name = to;
      return true;
    } catch (thrown) {
      if (!(thrown instanceof RcopyError) || thrown.code === "internal") throw thrown;
      return false;
    }
  }

  /** Ends it before the run: what it told of is known in memory alone. */
  #remove(): void {
    this.#open.clear();
    this.close();
  }

  /** The run has ended in order. Throws nothing. */
  close(): void {
    const { own, name } = this.#file ?? {};
    this.#file = undefined;
    this.#isImpossible = true;
    if (!own || !name) return;
    try {
      if (this.#open.size === 0) this.#engine.unlink(this.#root!, name);
    } catch {
      // It stays; it says nothing of any directory.
    }
    own[Symbol.dispose]();
  }

  #note(directory: TargetDirectory, record: JournalRecord): void {
    if (this.#isImpossible || !this.#opened()) return;
    this.#open.set(directory.number, this.#count++);
    this.#append(format(record));
  }

  #append(line: string): void {
    const bytes = encoder.encode(line);
    if (this.#size + bytes.length > journalBytesMax || bytes.length > recordBytesMax) return;
    try {
      this.#file?.own.write(this.#size, bytes);
      this.#size += bytes.length;
    } catch {
      this.#isImpossible = true; // no room, for one: the copy itself will say so
    }
  }

  /** The file, made at the first use; false where it cannot be had. */
  #opened(): boolean {
    for (let i = 0; !this.#file && i < slots; i++) {
      if (!this.#taken.has(i)) this.#file = this.#create(journalNames[i]!);
    }
    if (this.#file) return true;
    this.#isImpossible = true;
    return false;
  }

  #create(name: EntryName): { own: OwnFile; name: EntryName } | undefined {
    try {
      const own = this.#engine.createOwn(this.#root!, name);
      own.write(0, newRunJournal());
      this.#size = ownHeaderBytes;
      return { own, name };
    } catch (thrown) {
      if (!(thrown instanceof RcopyError) || thrown.code === "internal") throw thrown;
      return undefined;
    }
  }
}

/** Components from the destination down. */
function pathOf(directory: TargetDirectory): Uint8Array[] {
  const path: Uint8Array[] = [];
  for (let at = directory; at.parent; at = at.parent) path.push(at.name);
  return path.reverse();
}

function format({ kind, path, mode, mtime }: JournalRecord): string {
  const names = path.map((name) => name.toHex()).join("/");
  return `${kind} ${mode.toString(8)} ${mtime.seconds} ${mtime.nanos} ${names}\n`;
}

/** The records that are still open; `undefined` where it is no journal. What is damaged ends it. */
export function parseJournal(bytes: Uint8Array): JournalRecord[] | undefined {
  if (!isRunJournal(bytes)) return undefined;
  const lines = new TextDecoder("latin1").decode(bytes).split("\n").slice(1, -1);
  const records: (JournalRecord | undefined)[] = [];
  for (const line of lines) {
    const done = /^done (\d{1,7})$/.exec(line);
    const record = done ? undefined : parseRecord(line);
    if (done) records[Number(done[1])] = undefined;
    else if (record) records.push(record);
    else break;
  }
  return records.filter((record) => record !== undefined);
}

function parseRecord(line: string): JournalRecord | undefined {
  const match =
    /^(made|lent) ([0-7]{1,4}) (-?\d{1,15}) (\d{1,9}) ((?:[0-9a-f]{2}){0,255}(?:\/(?:[0-9a-f]{2}){1,255})*)$/
      .exec(line);
  if (!match) return undefined;
  const [, kind, mode, seconds, nanos, names] = match as unknown as [string, "made" | "lent", ...string[]];
  const path = names === "" ? [] : names!.split("/").map((name) => Uint8Array.fromHex(name));
  return {
    kind,
    path,
    mode: parseInt(mode!, 8),
    mtime: { seconds: Number(seconds), nanos: Number(nanos) },
  };
}
