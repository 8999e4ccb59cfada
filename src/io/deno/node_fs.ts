/**
 * What Deno has of Node's files that it has not itself: opening without following or waiting, and the mode of an open file. It
 * needs read and write permission alone. Loaded when it is first used, since that takes some milliseconds.
 */
type NodeFs = ReturnType<typeof load>;
let loaded: NodeFs | undefined;

export function nodeFs(): NodeFs {
  return loaded ??= load();
}

function load() {
  return globalThis.process.getBuiltinModule("node:fs");
}

/** What must be found behind a path. */
export interface Identity {
  device: number;
  inode: number;
}

/**
 * Opens what is there already, and never waits, for a FIFO neither. Deno itself reads a link before it opens anything, so that
 * the caller looks at what came out.
 */
export function openToRead(path: string): number {
  const { openSync, constants } = nodeFs();
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

/** As {@linkcode openToRead}, for metadata: also what its owner may write and not read. */
export function openForMetadata(path: string): number {
  try {
    return openToRead(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "EACCES") throw error;
    const { openSync, constants } = nodeFs();
    const { O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    try {
      return openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch {
      throw error; // what a directory says to that is beside the point
    }
  }
}

/** Creates a file, for writing, that must not exist: its descriptor. Of the mode, what is above 0o777 has no effect. */
export function createExclusively(path: string, mode: number): number {
  const { openSync, constants } = nodeFs();
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}
