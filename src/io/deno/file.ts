/** Files that the portable engine reads. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { FileIdentity } from "../../entry/metadata.ts";
import type { Lent, SourceFile } from "../contract/engine.ts";
import { timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";

function changed(path: string): RcopyError {
  return new RcopyError("changed", `"${showText(path)}" changed while it was being read`);
}

function isSame(info: Deno.FileInfo, expected: FileIdentity): boolean {
  const { seconds, nanos } = timestampOf(info.mtime);
  // Deno tells the ctime in whole seconds: that a name is gone shows in the count of links at once.
  return info.isFile && info.nlink !== 0 && info.size === expected.size &&
    info.dev === expected.device &&
    BigInt(info.ino ?? 0) === expected.inode &&
    seconds === expected.mtime.seconds &&
    nanos === expected.mtime.nanos &&
    (expected.ctimeNs === 0n ||
      BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n === expected.ctimeNs);
}

/** Opens a file that is what the listing said. A FIFO is never opened: `lstat` comes first. */
function openExpected(path: string, expected: FileIdentity): Deno.FsFile {
  let file: Deno.FsFile | undefined;
  try {
    if (!isSame(Deno.lstatSync(path), expected)) throw changed(path);
    file = Deno.openSync(path);
    if (!isSame(file.statSync(), expected)) throw changed(path);
    return file;
  } catch (thrown) {
    file?.close();
    const error = denoError(`cannot open "${showText(path)}"`, thrown);
    if (error.code !== "not-found") throw error;
    throw new RcopyError("vanished", `"${showText(path)}" vanished before it was read`, { cause: thrown });
  }
}

function readFully(file: Deno.FsFile, target: Uint8Array, path: string): void {
  for (let at = 0; at < target.length;) {
    const count = file.readSync(target.subarray(at));
    if (count === null) throw changed(path);
    at += count;
  }
}

/** Reads a small file whole. @throws {RcopyError} `vanished`, `changed`, `not-permitted`, `io` */
export function readFileWhole(path: string, expected: FileIdentity, target: Uint8Array): void {
  using file = openExpected(path, expected);
  readFully(file, target, path);
  if (!isSame(file.statSync(), expected)) throw changed(path);
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

/** A large file that another thread has open; its path, and what must be found there. */
export interface LentFile extends Lent {
  path: string;
  size: number;
  device: number;
  inode: number;
  expected: FileIdentity | undefined;
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
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #expected: FileIdentity;

  private constructor(path: string, file: Deno.FsFile, expected: FileIdentity) {
    this.#path = path;
    this.#file = file;
    this.#expected = expected;
    this.size = expected.size;
  }

  static open(path: string, expected: FileIdentity): DenoSource {
    return new DenoSource(path, openExpected(path, expected), expected);
  }

  /** As plain data; the other thread opens the path again and finds the same file there, or fails. */
  lend(): LentFile {
    const { device, inode } = this.#expected;
    return {
      id: this.#id,
      path: this.#path,
      size: this.size,
      device,
      inode: Number(inode),
      expected: this.#expected,
    };
  }

  static borrow({ path, expected }: LentFile): DenoSource {
    return DenoSource.open(path, expected!);
  }

  read(offset: number, target: Uint8Array): void {
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      readFully(this.#file, target, this.#path);
    } catch (error) {
      throw denoError(`cannot read "${showText(this.#path)}"`, error);
    }
  }

  checkUnchanged(): void {
    if (!isSame(this.#file.statSync(), this.#expected)) {
      throw changed(this.#path);
    }
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
