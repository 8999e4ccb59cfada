/** Lists what interrupted copies left in a destination, and removes it. */
import { RcopyError } from "../base/errors.ts";
import { showName, showText } from "../base/show.ts";
import { Codec } from "../codec/codec.ts";
import { chooseEngine, type EngineChoice } from "../io/choose_engine.ts";
import type { Directory } from "../io/contract/engine.ts";
import { openDestination } from "./target/destination.ts";
import { findLeftovers, type Leftover, removeLeftover } from "./leftovers.ts";

/** A file that an interrupted copy left. */
export interface LeftFile {
  kind: Leftover["kind"];
  /** Escaped, for printing. */
  path: string;
  bytes: number;
  /** Milliseconds since it was written last. */
  ageMs: number;
}

export interface CleanOptions {
  io: EngineChoice;
  onFound: (file: LeftFile) => void;
  /** A directory that cannot be looked into, or a file that cannot be removed. */
  onFailure: (message: string) => void;
  /** Whether all that was found is to be removed; called if anything was. */
  mayRemove: (found: Counted) => Promise<boolean>;
}

/** How many files, and how many bytes. */
export interface Counted {
  files: number;
  bytes: number;
}

/** What was found and removed, and how often something failed. */
export interface Cleaned {
  found: Counted;
  removed: Counted;
  failures: number;
}

/** Cleans a destination. @throws {RcopyError} `destination` where it cannot be opened */
export async function clean(dest: string, options: CleanOptions): Promise<Cleaned> {
  const { io, onFound, mayRemove } = options;
  const { engine } = await chooseEngine(io);
  using _engine = engine;
  using codec = Codec.open({ arenaBytes: 0 });
  const root = openDestination(engine, dest, { create: false })?.directory;
  if (!root) throw new RcopyError("destination", `there is no destination "${showText(dest)}"`);
  const cleaned: Cleaned = { found: { files: 0, bytes: 0 }, removed: { files: 0, bytes: 0 }, failures: 0 };
  const onFailure = (message: string) => {
    cleaned.failures++;
    options.onFailure(message);
  };
  const walk = (onLeftover: (leftover: Leftover) => void) =>
    findLeftovers(root, { engine, codec, onLeftover, onFailure: ({ message }) => onFailure(message) });
  const now = Date.now();
  walk((leftover) => {
    count(cleaned.found, leftover);
    const { kind, bytes, writtenMs } = leftover;
    onFound({ kind, bytes, path: pathOf(leftover), ageMs: Math.max(0, now - writtenMs) });
  });
  if (cleaned.found.files === 0 || !await mayRemove(cleaned.found)) return cleaned;
  // A second walk: what has changed since is looked at again, and memory does not grow with what was found.
  walk((leftover) => {
    if (removeLeftover({ engine, codec }, leftover)) count(cleaned.removed, leftover);
    else onFailure(`cannot remove "${pathOf(leftover)}": another copy uses it now, or it is gone`);
  });
  engine.closeDirectory(root);
  return cleaned;
}

function count(counted: Counted, { bytes }: { bytes: number }): void {
  counted.files++;
  counted.bytes += bytes;
}

function pathOf({ directory, name }: { directory: Directory; name: Uint8Array }): string {
  return `${directory.shown.replace(/^"|"$/g, "").replace(/\/+$/, "")}/${showName(name)}`;
}
