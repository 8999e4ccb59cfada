/** Files that the portable engine reads. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { FileIdentity } from "../../entry/metadata.ts";
import { copyName, type EntryName } from "../../entry/name.ts";
import type { FileRead, Lent, SourceFile } from "../contract/engine.ts";
import { tooLongError, unsizedReadBytes } from "../contract/unsized.ts";
import { DenoDirectory, type LentDirectory, timestampOf } from "./directory.ts";
import { denoError, errnoNameOf } from "./errors.ts";
import { nodeFs, openToRead } from "./node_fs.ts";
import { checkTruePath, checkTruePathOf } from "./true_path.ts";

/** Where a byte goes that only shows whether there is one. */
const oneByte = new Uint8Array(1);

function changed(path: string): RcopyError {
  return new RcopyError("changed", `"${showText(path)}" changed while it was being read`);
}

/** What a file is beside what the listing said. */
function compare(info: Deno.FileInfo, expected: FileIdentity): "same" | "grown" | "other" {
  // Deno tells the ctime in whole seconds: that a name is gone shows in the count of links at once.
  const isIt = info.isFile && info.nlink !== 0 && info.dev === expected.device &&
    BigInt(info.ino ?? 0) === expected.inode;
  if (!isIt || info.size < expected.size) return "other";
  if (info.size > expected.size) return "grown";
  const { seconds, nanos } = timestampOf(info.mtime);
  const isSame = seconds === expected.mtime.seconds && nanos === expected.mtime.nanos &&
    (expected.ctimeNs === 0n || BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n === expected.ctimeNs);
  return isSame ? "same" : "other";
}

/** The size of a file that is what the listing said with more behind it. @throws {RcopyError} `changed` where it is another */
function grownTo(info: Deno.FileInfo, expected: FileIdentity, path: string): number | undefined {
  const outcome = compare(info, expected);
  if (outcome === "other") throw changed(path);
  return outcome === "grown" ? info.size : undefined;
}

/** The error of a file that cannot be opened: what is gone has vanished. */
function openError(path: string, thrown: unknown): RcopyError {
  const error = denoError(`cannot open "${showText(path)}"`, thrown);
  if (error.code !== "not-found") return error;
  return new RcopyError("vanished", `"${showText(path)}" vanished before it was read`, { cause: thrown });
}

/** An entry of a directory, to be opened. */
export interface Place {
  directory: DenoDirectory;
  name: EntryName;
}

/** Opens a file that is what the listing said, or that with more behind it. A FIFO is never opened: `lstat` comes first. */
function openExpected({ directory, name }: Place, expected: FileIdentity): Deno.FsFile {
  const path = directory.pathOf(name);
  let file: Deno.FsFile | undefined;
  try {
    grownTo(Deno.lstatSync(path), expected, path);
    file = Deno.openSync(path);
    grownTo(file.statSync(), expected, path);
    checkTruePathOf(file, directory, name);
    return file;
  } catch (thrown) {
    file?.close();
    throw openError(path, thrown);
  }
}

/** Reads until `target` is full or the file ends: how many bytes there are. */
function readAll(file: Deno.FsFile, target: Uint8Array): number {
  let at = 0;
  while (at < target.length) {
    const count = file.readSync(target.subarray(at));
    if (count === null) break;
    at += count;
  }
  return at;
}

function readFully(file: Deno.FsFile, target: Uint8Array, path: string): void {
  if (readAll(file, target) < target.length) throw changed(path);
}

/** Reads a small file whole, and fills in what became of it. @throws {RcopyError} `vanished`, `changed`, `not-permitted`, `io` */
export function readFileWhole(read: FileRead, memory: Uint8Array<ArrayBuffer>): void {
  const { expected, offset, bytesMax, name } = read;
  const directory = read.directory as DenoDirectory;
  const path = directory.pathOf(name);
  if (expected.size === 0 || bytesMax !== undefined) {
    readToEnd(path, read, memory);
    return;
  }
  using file = openExpected({ directory, name }, expected);
  const isWhole = readAll(file, memory.subarray(offset, offset + expected.size)) === expected.size;
  read.grownTo = grownTo(file.statSync(), expected, path);
  if (isWhole) return;
  read.isUnsized = read.grownTo === undefined;
  throw changed(path);
}

/** A file that says that it is empty, or that is read to wherever it ends. Opened so that nothing is waited for. */
function readToEnd(path: string, read: FileRead, memory: Uint8Array<ArrayBuffer>): void {
  const { expected, offset, bytesMax = 0 } = read;
  const { readSync, fstatSync, closeSync } = nodeFs();
  let fd: number | undefined;
  try {
    grownTo(Deno.lstatSync(path), expected, path);
    fd = openToRead(path);
    const { dev, ino } = fstatSync(fd);
    if (dev !== expected.device || BigInt(ino) !== expected.inode) throw changed(path);
    checkTruePath(fd, read.directory as DenoDirectory, read.name);
    const target = memory.subarray(offset, offset + bytesMax);
    let at = 0;
    for (let count = 1; count > 0 && at < bytesMax; at += count) {
      count = readSync(fd, target, at, Math.min(unsizedReadBytes, bytesMax - at), null);
    }
    const hasMore = at === bytesMax && hasAnother(fd, bytesMax > 0);
    read.grownTo = grownTo(Deno.lstatSync(path), expected, path);
    if (bytesMax > 0) {
      read.bytesRead = at;
      if (hasMore) throw tooLongError(`"${showText(path)}"`, bytesMax);
    } else if (hasMore && read.grownTo === undefined) {
      read.isUnsized = true;
      throw changed(path);
    }
  } catch (thrown) {
    throw openError(path, thrown);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Whether there is another byte; none where it would have to be waited for, unless there must be an answer. */
function hasAnother(fd: number, isAnswerNeeded: boolean): boolean {
  try {
    return nodeFs().readSync(fd, oneByte, 0, 1, null) > 0;
  } catch (error) {
    if (!isAnswerNeeded && errnoNameOf(error) === "EAGAIN") return false;
    throw error;
  }
}

/** The first bytes of a file, at most so many. A FIFO would keep Deno waiting: only a regular file is opened. */
export function readStart(path: string, bytesMax: number): Uint8Array {
  try {
    if (!Deno.lstatSync(path).isFile) {
      throw new RcopyError("type-conflict", `"${showText(path)}" is not a file`);
    }
    using file = Deno.openSync(path);
    const start = new Uint8Array(bytesMax);
    let at = 0;
    while (at < bytesMax) {
      const count = file.readSync(start.subarray(at));
      if (count === null) break;
      at += count;
    }
    return start.subarray(0, at);
  } catch (thrown) {
    throw denoError(`cannot read "${showText(path)}"`, thrown);
  }
}

/** A large file that another thread has open to read: where it is, and what must be found there. */
export interface LentSource extends Lent {
  directory: LentDirectory;
  name: EntryName;
  expected: FileIdentity;
}

let filesOpened = 0;

/** A number that no other file of this thread has. */
export function nextFileId(): number {
  return filesOpened++;
}

/** A large file being read. */
export class DenoSource implements SourceFile {
  readonly isReadAtOnce = true;
  readonly #id = nextFileId();
  readonly size: number;
  readonly #place: Place;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #expected: FileIdentity;

  private constructor(place: Place, file: Deno.FsFile, expected: FileIdentity) {
    this.#place = place;
    this.#path = place.directory.pathOf(place.name);
    this.#file = file;
    this.#place = place;
    this.#expected = expected;
    this.size = expected.size;
  }

  static open(place: Place, expected: FileIdentity): DenoSource {
    return new DenoSource({ ...place, name: copyName(place.name) }, openExpected(place, expected), expected);
  }

  /** As plain data; the other thread opens the path again and finds the same file there, or fails. */
  lend(): LentSource {
    const { directory, name } = this.#place;
    return { id: this.#id, directory: directory.lend(), name, expected: this.#expected };
  }

  static borrow({ directory, name, expected }: LentSource): DenoSource {
    return DenoSource.open({ directory: DenoDirectory.borrow(directory), name }, expected);
  }

  read(offset: number, target: Uint8Array): void {
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      readFully(this.#file, target, this.#path);
    } catch (error) {
      throw denoError(`cannot read "${showText(this.#path)}"`, error);
    }
  }

  checkUnchanged(): number | undefined {
    return grownTo(this.#file.statSync(), this.#expected, this.#path);
  }

  close(): void {
    this.#file.close();
  }
}

/** Whether a directory can be opened so many times at once; `true` where directories cannot be opened at all. */
export function canOpen(path: string, times: number): boolean {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < times) files.push(Deno.openSync(path));
    return true;
  } catch (error) {
    return files.length === 0 && error instanceof Deno.errors.PermissionDenied;
  } finally {
    for (const file of files) file.close();
  }
}
