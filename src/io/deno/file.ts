/** Files of the portable engine. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { FileIdentity, Timestamp } from "../../entry/metadata.ts";
import type { FileWrite, Lent, SourceFile, TargetFile } from "../contract/engine.ts";
import { type DenoDirectory, secondsOf, timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";
import { shutsOut } from "./sync.ts";

function changed(path: string): RcopyError {
  return new RcopyError("changed", `"${showText(path)}" changed while it was being read`);
}

function isSame(info: Deno.FileInfo, expected: FileIdentity): boolean {
  const { seconds, nanos } = timestampOf(info.mtime);
  // Deno tells the ctime in whole seconds: that a name is gone shows in the count of links at once.
  return info.isFile && info.nlink !== 0 && info.size === expected.size && info.dev === expected.device &&
    BigInt(info.ino ?? 0) === expected.inode && seconds === expected.mtime.seconds &&
    nanos === expected.mtime.nanos &&
    (expected.ctimeNs === 0n || BigInt(info.ctime?.getTime() ?? 0) * 1_000_000n === expected.ctimeNs);
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

/** Writes all of `content` at the present position. */
function writeFully(file: Deno.FsFile, content: Uint8Array): void {
  for (let at = 0; at < content.length;) at += file.writeSync(content.subarray(at));
}

/** Reads a small file whole. @throws {RcopyError} `vanished`, `changed`, `not-permitted`, `io` */
export function readFileWhole(path: string, expected: FileIdentity, target: Uint8Array): void {
  using file = openExpected(path, expected);
  readFully(file, target, path);
  if (!isSame(file.statSync(), expected)) throw changed(path);
}

/** Creates a small file whole; what fails leaves nothing behind under its name. */
export function createFile(
  { name, mode, mtime }: FileWrite,
  directory: DenoDirectory,
  content: Uint8Array,
): void {
  const path = directory.pathOf(name);
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, createNew: true, mode });
  } catch (thrown) {
    throw denoError(`cannot create "${showText(path)}"`, thrown);
  }
  try {
    writeFully(file, content);
    const seconds = secondsOf(mtime);
    file.utimeSync(seconds, seconds);
    if (directory.masks(mode, file)) Deno.chmodSync(path, mode);
    if (shutsOut(mode, false)) file.syncSync();
  } catch (thrown) {
    removeCreated(path);
    throw denoError(`cannot write "${showText(path)}"`, thrown);
  } finally {
    file.close();
  }
}

/** Removes a file that this engine has just created; a failure of that must not hide the error that led here. */
function removeCreated(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Another process was faster, or the file is one that this user may not change.
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

/** A large file being read. */
export class DenoSource implements SourceFile {
  readonly isReadAtOnce = true;
  readonly #id = filesOpened++;
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
    if (!isSame(this.#file.statSync(), this.#expected)) throw changed(this.#path);
  }

  close(): void {
    this.#file.close();
  }
}

/** A large file being written. */
export class DenoTarget implements TargetFile {
  readonly #id = filesOpened++;
  readonly size: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.size = size;
  }

  /** Deno cannot reserve room: the size is set, and a full disk shows itself while writing. */
  static create(path: string, size: number): DenoTarget {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
      file.truncateSync(size);
      return new DenoTarget(path, file, size);
    } catch (thrown) {
      if (file) {
        file.close();
        removeCreated(path);
      }
      throw denoError(`cannot create "${showText(path)}"`, thrown);
    }
  }

  /** As plain data; the other thread opens the path again and finds the same file there, or fails. */
  lend(): LentFile {
    const { dev, ino } = this.#file.statSync();
    return {
      id: this.#id,
      path: this.#path,
      size: this.size,
      device: dev,
      inode: ino ?? 0,
      expected: undefined,
    };
  }

  /** @throws {RcopyError} `changed` if another file is there now */
  static borrow({ path, size, device, inode }: LentFile): DenoTarget {
    let file: Deno.FsFile | undefined;
    try {
      // A link or a FIFO that another process put there is seen before the open, another file after it.
      if (!Deno.lstatSync(path).isFile) throw changed(path);
      file = Deno.openSync(path, { write: true });
      const info = file.statSync();
      if (info.dev !== device || (info.ino ?? 0) !== inode) throw changed(path);
      return new DenoTarget(path, file, size);
    } catch (thrown) {
      file?.close();
      throw denoError(`cannot open "${showText(path)}" again`, thrown);
    }
  }

  write(offset: number, source: Uint8Array): void {
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      writeFully(this.#file, source);
    } catch (error) {
      throw denoError(`cannot write "${showText(this.#path)}"`, error);
    }
  }

  finish(mode: number, mtime: Timestamp): void {
    try {
      const seconds = secondsOf(mtime);
      this.#file.utimeSync(seconds, seconds);
      if (shutsOut(mode, false)) this.#file.syncSync();
      if (Deno.build.os !== "windows") Deno.chmodSync(this.#path, mode & 0o777);
    } catch (error) {
      throw denoError(`cannot set mode and time of "${showText(this.#path)}"`, error);
    } finally {
      this.#file.close();
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
