/** Large files that the portable engine writes, under their temporary names. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import {
  type FileMetadata,
  Lacks,
  type Lent,
  type TargetFile,
  type TargetOptions,
  type WholeFile,
} from "../contract/engine.ts";
import { unfinishedMode } from "../contract/unfinished.ts";
import { giveMode, removeCreated } from "./create.ts";
import { type DenoDirectory, secondsOf } from "./directory.ts";
import { denoError } from "./errors.ts";
import { nextFileId } from "./file.ts";
import { createLocked } from "./lock.ts";
import { openUnfinished, syncBeside } from "./locked_file.ts";
import { attempt, hasModes, lacking, setMode } from "./metadata.ts";
import { shutsOut } from "./sync.ts";
import type { Traits } from "./traits.ts";

/** A large file that another thread has open to write: its path, and what must be found there. */
export interface LentTarget extends Lent {
  path: string;
  size: number;
  device: number;
  inode: number;
}

/** A large file being written. Deno cannot reserve room: a full disk shows itself while writing. */
export class DenoTarget implements TargetFile {
  readonly #id = nextFileId();
  readonly size: number;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** `undefined` in another thread, which does not finish it. */
  readonly #directory: DenoDirectory | undefined;

  private constructor(
    path: string,
    file: Deno.FsFile,
    { size, directory }: { size: number; directory?: DenoDirectory },
  ) {
    this.#path = path;
    this.#file = file;
    this.size = size;
    this.#directory = directory;
  }

  static create(
    directory: DenoDirectory,
    temporary: EntryName,
    { size, mode }: TargetOptions,
    traits: Traits,
  ): DenoTarget {
    const path = directory.pathOf(temporary);
    const what = `cannot create "${showText(path)}"`;
    const isRuled = traits.isRuled(directory);
    const file = attempt(what, () => createLocked(path, isRuled ? mode | 0o600 : 0o600));
    if (!file) {
      throw new RcopyError("exists", `${what}: something has that name`);
    }
    try {
      if (!isRuled && hasModes) {
        const { dev, ino } = file.statSync();
        // Where the mark does not stay the file is known by its name and its journal.
        lacking(Lacks.mode, () => setMode(path, unfinishedMode, { device: dev, inode: ino ?? 0 }));
      }
      return new DenoTarget(path, file, { size, directory });
    } catch (error) {
      file.close();
      removeCreated(path);
      throw denoError(what, error);
    }
  }

  /** As the contract's `openTarget`. */
  static open(
    directory: DenoDirectory,
    temporary: EntryName,
    { size, whole }: TargetOptions & { whole: WholeFile },
    traits: Traits,
  ): DenoTarget | undefined {
    const path = directory.pathOf(temporary);
    const file = openUnfinished(directory, temporary, whole, traits);
    if (!file) return undefined;
    try {
      if (file.statSync().size > size) file.truncateSync(size);
      return new DenoTarget(path, file, { size, directory });
    } catch (error) {
      file.close();
      throw denoError(`cannot set the size of "${showText(path)}"`, error);
    }
  }

  /** As plain data; the other thread opens the path again and finds the same file there, or fails. */
  lend(): LentTarget {
    const { dev, ino } = this.#file.statSync();
    return {
      id: this.#id,
      path: this.#path,
      size: this.size,
      device: dev,
      inode: ino ?? 0,
    };
  }

  /** @throws {RcopyError} `changed` if another file is there now */
  static borrow({ path, size, device, inode }: LentTarget): DenoTarget {
    const changed = () => new RcopyError("changed", `"${showText(path)}" is another file now`);
    let file: Deno.FsFile | undefined;
    try {
      // A link or a FIFO that another process put there is seen before the open, another file after it.
      if (!Deno.lstatSync(path).isFile) throw changed();
      file = Deno.openSync(path, { write: true });
      const info = file.statSync();
      if (info.dev !== device || (info.ino ?? 0) !== inode) throw changed();
      return new DenoTarget(path, file, { size });
    } catch (thrown) {
      file?.close();
      throw denoError(`cannot open "${showText(path)}" again`, thrown);
    }
  }

  write(offset: number, source: Uint8Array): void {
    try {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let at = 0; at < source.length;) {
        at += this.#file.writeSync(source.subarray(at));
      }
    } catch (error) {
      throw denoError(`cannot write "${showText(this.#path)}"`, error);
    }
  }

  sync(): Promise<void> {
    return syncBeside(this.#path, this.#file);
  }

  /** Sets time and mode, and closes; what was refused. */
  finish({ mode, mtime }: FileMetadata, traits: Traits): number {
    const file = this.#file;
    const path = this.#path;
    const directory = this.#directory!;
    try {
      const seconds = secondsOf(mtime);
      let lacks = lacking(Lacks.time, () => file.utimeSync(seconds, seconds));
      if (shutsOut(mode, false) || traits.syncsBeforeClose(directory)) {
        file.syncSync();
      }
      lacks |= giveMode({ file, path, directory }, mode, traits);
      return lacks;
    } catch (error) {
      throw denoError(`cannot finish "${showText(path)}"`, error);
    } finally {
      file.close();
    }
  }

  close(): void {
    this.#file.close();
  }
}
