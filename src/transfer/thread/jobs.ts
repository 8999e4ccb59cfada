/** Batches of small files as plain columns, on their way to the thread that reads or creates them. */
import { asRcopyError, type RcopyError } from "../../base/errors.ts";
import { type EntryName, nameIn } from "../../entry/name.ts";
import type { Directory, Engine, FileRead, FileWrite, Lent, Replaceable } from "../../io/contract/engine.ts";

/** Columns of any job, to read files or to create them. Row i of every column is file i. */
interface FileColumns {
  directories: Lent[];
  /** Index into `directories`. */
  directoryOf: Uint16Array;
  /** Each followed by a NUL byte. */
  names: Uint8Array;
  sizes: Float64Array;
  mtimeSeconds: Float64Array;
  mtimeNanos: Uint32Array;
}

/** Files to read, with the identity that the scan saw. */
export interface ReadJob extends FileColumns {
  devices: Float64Array;
  inodes: BigUint64Array;
  ctimesNs: BigInt64Array;
  /** `bytesMax` of each file, -1 where it has none. */
  bytesMax: Float64Array;
}

/** Files to create; `offsets` count from the start of the payload. */
export interface WriteJob extends FileColumns {
  modes: Uint16Array;
  /** 1 for a file that may be made under its name at once. */
  atOnce: Uint8Array;
  /** By row: what a file may replace. */
  replaces: Map<number, Replaceable>;
  offsets: Float64Array;
}

/** A job and the directories that it borrowed. */
export interface Lending<Job> {
  job: Job;
  /** Which of the files are in the job, by index; the others have their `error`, as their directory could not be lent. */
  rows: readonly number[];
  /** Gives the directories back, once the job is over. */
  end(): void;
}

/** The directories of a job, lent once each. */
class Lender {
  readonly lent: Lent[] = [];
  readonly #engine: Engine;
  readonly #directories: Directory[] = [];
  readonly #indexOf = new Map<Directory, number | RcopyError>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Lends a directory, or tells why it cannot be opened again: it was swapped for another, descriptors ran out. */
  indexOf(directory: Directory): number | RcopyError {
    let index = this.#indexOf.get(directory);
    if (index === undefined) {
      index = this.#lend(directory);
      this.#indexOf.set(directory, index);
    }
    return index;
  }

  #lend(directory: Directory): number | RcopyError {
    try {
      this.lent.push(this.#engine.lendDirectory(directory));
    } catch (thrown) {
      const error = asRcopyError(thrown);
      if (error.code === "internal") throw error;
      return error;
    }
    return this.#directories.push(directory) - 1;
  }

  giveBack(): void {
    for (const directory of this.#directories.splice(0)) this.#engine.giveBackDirectory(directory);
  }
}

/** Columns for files to read. Sets `error` of those whose directory cannot be lent. */
export function lendReads(engine: Engine, files: readonly FileRead[]): Lending<ReadJob> {
  return lend(engine, files, (file) => file.expected, (columns, kept) => ({
    ...columns,
    devices: Float64Array.from(kept, (file) => file.expected.device),
    inodes: BigUint64Array.from({ length: kept.length }, (_, i) => kept[i]!.expected.inode),
    ctimesNs: BigInt64Array.from({ length: kept.length }, (_, i) => kept[i]!.expected.ctimeNs),
    bytesMax: Float64Array.from(kept, (file) => file.bytesMax ?? -1),
  }));
}

/** Columns for files to create. Sets `error` of those whose directory cannot be lent. */
export function lendWrites(engine: Engine, files: readonly FileWrite[]): Lending<WriteJob> {
  return lend(engine, files, (file) => file, (columns, kept) => ({
    ...columns,
    modes: Uint16Array.from(kept, (file) => file.mode),
    atOnce: Uint8Array.from(kept, (file) => file.atOnce ? 1 : 0),
    replaces: new Map(kept.flatMap(({ replaces }, row) => replaces ? [[row, replaces] as const] : [])),
    offsets: Float64Array.from(kept, (file) => file.offset),
  }));
}

function lend<File extends FileRead | FileWrite, Job>(
  engine: Engine,
  files: readonly File[],
  factsOf: (file: File) => { size: number; mtime: { seconds: number; nanos: number } },
  complete: (columns: FileColumns, kept: readonly File[]) => Job,
): Lending<Job> {
  const lender = new Lender(engine);
  try {
    const rows: number[] = [];
    const indices: number[] = [];
    for (const [row, file] of files.entries()) {
      const index = lender.indexOf(file.directory);
      if (typeof index !== "number") {
        file.error = index;
        continue;
      }
      rows.push(row);
      indices.push(index);
    }
    const kept = rows.length === files.length ? files : rows.map((row) => files[row]!);
    const facts = kept.map(factsOf);
    const job = complete({
      directories: lender.lent,
      directoryOf: Uint16Array.from(indices),
      names: joinNames(kept),
      sizes: Float64Array.from(facts, (fact) => fact.size),
      mtimeSeconds: Float64Array.from(facts, (fact) => fact.mtime.seconds),
      mtimeNanos: Uint32Array.from(facts, (fact) => fact.mtime.nanos),
    }, kept);
    return { job, rows, end: () => lender.giveBack() };
  } catch (error) {
    lender.giveBack();
    throw error;
  }
}

function joinNames(files: readonly { name: EntryName }[]): Uint8Array {
  let bytes = 0;
  for (const { name } of files) bytes += name.length + 1;
  const names = new Uint8Array(bytes);
  let at = 0;
  for (const { name } of files) {
    names.set(name, at);
    at += name.length + 1;
  }
  return names;
}

/** The files of a job, for the engine of the thread that has borrowed their directories. */
export function readsOf(engine: Engine, job: ReadJob): FileRead[] {
  return filesOf(engine, job, (i, directory, name) => ({
    directory,
    name,
    expected: {
      device: job.devices[i]!,
      inode: job.inodes[i]!,
      size: job.sizes[i]!,
      mtime: { seconds: job.mtimeSeconds[i]!, nanos: job.mtimeNanos[i]! },
      ctimeNs: job.ctimesNs[i]!,
    },
    bytesMax: job.bytesMax[i]! < 0 ? undefined : job.bytesMax[i]!,
    offset: 0,
  }));
}

export function writesOf(engine: Engine, job: WriteJob): FileWrite[] {
  return filesOf(engine, job, (i, directory, name) => ({
    directory,
    name,
    atOnce: job.atOnce[i] === 1,
    replaces: job.replaces.get(i),
    mode: job.modes[i]!,
    mtime: { seconds: job.mtimeSeconds[i]!, nanos: job.mtimeNanos[i]! },
    offset: job.offsets[i]!,
    size: job.sizes[i]!,
  }));
}

function filesOf<File>(
  engine: Engine,
  job: FileColumns,
  fileOf: (index: number, directory: Directory, name: EntryName) => File,
): File[] {
  // A borrowed directory lasts for one job: behind the same descriptor a later job may find another one.
  const directories = job.directories.map((lent) => engine.borrowDirectory(lent));
  const files: File[] = [];
  let start = 0;
  for (let i = 0; i < job.directoryOf.length; i++) {
    const end = job.names.indexOf(0, start);
    const name = nameIn(job.names, start, end);
    files.push(fileOf(i, directories[job.directoryOf[i]!]!, name));
    start = end + 1;
  }
  return files;
}
