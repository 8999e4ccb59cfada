/** Whether a file system has room for what has been announced for it so far. */
import { RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import type { FreeSpace } from "../../io/contract/engine.ts";

/** What an entry needs on a file system. */
export interface SpaceClaim {
  /** Bytes of content to be written. */
  bytes: number;
  /** Bytes of what it replaces, which come back once it is in place, or of what is there of it already. */
  returned?: number;
  /** Whether there is nothing of its name yet. */
  isNew: boolean;
}

/**
 * Claims are compared with what was free at the start, so that nothing is half done when it cannot suffice. What a claim
 * returns counts for those that come after it: old and new are there at the same time.
 */
export class SpaceBudget {
  readonly #free: FreeSpace;
  #bytes = 0;
  #entries = 0;

  constructor(free: FreeSpace) {
    this.#free = free;
  }

  /** Claims room for one entry. @throws {RcopyError} `no-space`, and claims nothing */
  claim({ bytes, returned = 0, isNew }: SpaceClaim, where: () => string, name: Uint8Array): void {
    const { bytes: freeBytes, inodes: freeEntries } = this.#free;
    const needed = this.#bytes + bytes;
    if (freeBytes !== undefined && needed > freeBytes) {
      throw new RcopyError(
        "no-space",
        `no room for "${
          showName(name)
        }" in ${where()}: ${needed} bytes are needed so far, ${freeBytes} were free`,
      );
    }
    const entries = this.#entries + (isNew ? 1 : 0);
    if (freeEntries !== undefined && entries > freeEntries) {
      throw new RcopyError(
        "no-space",
        `no room for "${showName(name)}" in ${where()}: ${entries} entries are needed so far, ` +
          `the file system had room for ${freeEntries}`,
      );
    }
    this.#bytes = needed - returned;
    this.#entries = entries;
  }
}
