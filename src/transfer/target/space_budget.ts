/** Whether the destination has room for what has been announced so far. */
import { RcopyError } from "../../base/errors.ts";
import { showName } from "../../base/show.ts";
import type { FreeSpace } from "../../io/contract/engine.ts";

/** Claims are compared with what was free at the start, so that nothing is half done when it does not suffice. */
export class SpaceBudget {
  readonly #free: FreeSpace;
  #bytes = 0;
  #entries = 0;

  constructor(free: FreeSpace) {
    this.#free = free;
  }

  /** Claims room for one entry. @throws {RcopyError} `no-space` */
  claim(bytes: number, where: () => string, name: Uint8Array): void {
    this.#bytes += bytes;
    this.#entries++;
    const { bytes: freeBytes, inodes: freeEntries } = this.#free;
    if (freeBytes !== undefined && this.#bytes > freeBytes) {
      throw new RcopyError(
        "no-space",
        `no room for "${
          showName(name)
        }" in ${where()}: ${this.#bytes} bytes are needed so far, ${freeBytes} were free`,
      );
    }
    if (freeEntries !== undefined && this.#entries > freeEntries) {
      throw new RcopyError(
        "no-space",
        `no room for "${showName(name)}" in ${where()}: ${this.#entries} entries are needed so far, ` +
          `the file system had room for ${freeEntries}`,
      );
    }
  }
}
