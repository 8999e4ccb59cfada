/** Files of rcopy's own in a destination: made or opened, locked, and certain to be what the name stands for. */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";
import type { EntryName } from "../../entry/name.ts";
import type { EntryLookup, OwnFile, WholeFile } from "../contract/engine.ts";
import { unfinishedMode } from "../contract/unfinished.ts";
import { type DenoDirectory, timestampOf } from "./directory.ts";
import { denoError } from "./errors.ts";
import { lookupOf } from "./lookup.ts";
import { lock, openLocked } from "./lock.ts";
import { attempt } from "./metadata.ts";
import type { Traits } from "./traits.ts";

export function createOwn(directory: DenoDirectory, name: EntryName): OwnFile {
  const path = directory.pathOf(name);
  const what = `cannot create "${showText(path)}"`;
  return attempt(what, () => {
    const file = Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
    try {
      const locked = lock(file);
      // Whether another run took it away is told by its count of names: some file systems number a file anew at each look.
      if (locked !== "held" && file.statSync().nlink !== 0) {
        return new DenoOwnFile(path, file, locked === "taken");
      }
      throw new RcopyError("exists", `${what}: another process took it at once`);
    } catch (error) {
      file.close();
      throw error;
    }
  });
}

export function openOwn(directory: DenoDirectory, name: EntryName): OwnFile | undefined {
  const path = directory.pathOf(name);
  return attempt(`cannot open "${showText(path)}"`, () => {
    // Deno would wait for the writer of a FIFO, and follow a link.
    if (!Deno.lstatSync(path).isFile) {
      throw new RcopyError("type-conflict", `cannot open "${showText(path)}": it is not a file`);
    }
    const opened = openLocked(path);
    return opened && new DenoOwnFile(path, opened.file, opened.isLocked);
  });
}

class DenoOwnFile implements OwnFile {
  readonly isLocked: boolean;
  readonly found: EntryLookup;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #isOpen = true;

  constructor(path: string, file: Deno.FsFile, isLocked: boolean) {
    this.#path = path;
    this.#file = file;
    this.isLocked = isLocked;
    this.found = lookupOf(file.statSync());
  }

  read(bytesMax: number, offset = 0): Uint8Array<ArrayBuffer> {
    return attempt(`cannot read "${showText(this.#path)}"`, () => {
      const left = Math.max(0, this.#file.statSync().size - offset);
      const content = new Uint8Array(Math.min(bytesMax, left));
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      let at = 0;
      while (at < content.length) {
        const count = this.#file.readSync(content.subarray(at));
        if (count === null) break;
        at += count;
      }
      return content.subarray(0, at);
    });
  }

  write(offset: number, source: Uint8Array<ArrayBuffer>): void {
    attempt(`cannot write "${showText(this.#path)}"`, () => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      for (let at = 0; at < source.length;) {
        at += this.#file.writeSync(source.subarray(at));
      }
    });
  }

  setSize(bytes: number): void {
    attempt(`cannot set the size of "${showText(this.#path)}"`, () => this.#file.truncateSync(bytes));
  }

  sync(): Promise<void> {
    return syncBeside(this.#path, this.#file);
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }
}

/** Removes what a run that has ended left of a file; false, and nothing is touched, where there is anything else. */
export function removeUnfinished(
  directory: DenoDirectory,
  name: EntryName,
  whole: WholeFile,
  traits: Traits,
): boolean {
  const path = directory.pathOf(name);
  return attempt(`cannot remove "${showText(path)}"`, () => {
    const found = lstatIfThere(path);
    if (!found?.isFile) return false;
    // Two names: a run was killed between giving it its final name and taking the temporary one.
    if ((found.nlink ?? 1) !== 1 && !isNamed(directory.pathOf(whole.name), found)) return false;
    if (!isLeftover(directory, found, { whole, traits })) return false;
    using file = openLeftover(path);
    if (!file) return false;
    Deno.removeSync(path);
    return true;
  });
}

/** Opens and locks what a run that has ended left of a large file; `undefined` where there is anything else. */
export function openUnfinished(
  directory: DenoDirectory,
  name: EntryName,
  whole: WholeFile,
  traits: Traits,
): Deno.FsFile | undefined {
  const path = directory.pathOf(name);
  return attempt(`cannot open "${showText(path)}"`, () => {
    const found = lstatIfThere(path);
    if (!found?.isFile || (found.nlink ?? 1) !== 1) return undefined;
    return isLeftover(directory, found, { whole, traits }) ? openLeftover(path) : undefined;
  });
}

/** Whether what was found is a file of ours that is not finished, or not placed. */
function isLeftover(
  directory: DenoDirectory,
  found: Deno.FileInfo,
  { whole, traits }: { whole: WholeFile; traits: Traits },
): boolean {
  const { owner, keepsModes } = traits.of(directory);
  if (owner >= 0 && found.uid !== owner) return false;
  const mode = (found.mode ?? 0o600) & 0o7777;
  const isMarked = mode === unfinishedMode || mode === 0o600 || isWhole(found, whole);
  return isMarked || !keepsModes || traits.isRuled(directory);
}

/** Opens and locks a file; `undefined` where it may not be opened, another process has its lock, or there are no locks. */
function openLeftover(path: string): Deno.FsFile | undefined {
  let opened: ReturnType<typeof openLocked>;
  try {
    opened = openLocked(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
  if (opened?.isLocked) return opened.file;
  opened?.file.close();
  return undefined;
}

/**
 * Waits until what was written to a file is on the disk, beside everything else. By another descriptor: Deno lets nobody use a
 * file while it is busy.
 */
export async function syncBeside(path: string, file: Deno.FsFile): Promise<void> {
  const what = `cannot bring "${showText(path)}" to stable storage`;
  const isAnother = () => new RcopyError("changed", `${what}: another file has its name now`);
  try {
    const { dev, ino } = file.statSync();
    // A FIFO that somebody put there would keep the open waiting.
    if (!Deno.lstatSync(path).isFile) throw isAnother();
    using other = Deno.openSync(path);
    const there = other.statSync();
    if (there.dev !== dev || there.ino !== ino) throw isAnother();
    await other.syncData();
  } catch (error) {
    throw denoError(what, error);
  }
}

function isNamed(path: string, { dev, ino }: Deno.FileInfo): boolean {
  const there = lstatIfThere(path);
  return there !== undefined && there.dev === dev && there.ino === ino;
}

/** Whether a file is as it should be in the end, but for its name. */
function isWhole(found: Deno.FileInfo, { size, mtime }: WholeFile): boolean {
  const { seconds, nanos } = timestampOf(found.mtime);
  return found.size === size && seconds === mtime.seconds && nanos === Math.floor(mtime.nanos / 1e6) * 1e6;
}

function lstatIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
