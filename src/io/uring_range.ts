/** A range of a large file read through the ring, beside the write of what was read before. */
import { addressOf, errno, errnoError, type Ring, sqeFlag } from "../../ffi/mod.ts";
import type { Pending } from "./engine.ts";
import type { Calls } from "./uring_calls.ts";
import { changedError, type UringSource } from "./uring_file.ts";

/** It has the ring for itself until it is finished. */
export class UringRangeRead implements Pending {
  readonly #ring: Ring;
  readonly #calls: Calls;
  readonly #source: UringSource;
  readonly #offset: number;
  readonly #target: Uint8Array<ArrayBuffer>;
  #result: number | undefined;

  constructor(
    ring: Ring,
    calls: Calls,
    source: UringSource,
    range: { offset: number; target: Uint8Array<ArrayBuffer> },
  ) {
    this.#ring = ring;
    this.#calls = calls;
    this.#source = source;
    this.#offset = range.offset;
    this.#target = range.target;
    ring.keep(0, range.target);
    ring.read(0, sqeFlag.none, source.fd, addressOf(range.target), range.target.length, range.offset);
    ring.submit();
  }

  /** @throws {RcopyError} `changed` when the file has fewer bytes, `io` … */
  finish(): void | Promise<void> {
    this.#ring.reap(this.#onCompletion);
    if (this.#result === undefined) return this.#wait();
    this.#check(this.#result);
  }

  async #wait(): Promise<void> {
    while (this.#result === undefined) {
      await this.#ring.wait(1);
      this.#ring.reap(this.#onCompletion);
    }
    this.#check(this.#result);
  }

  readonly #onCompletion = (_token: number, result: number): void => {
    this.#result = result;
  };

  #check(result: number): void {
    if (result < 0 && result !== -errno.interrupted && result !== -errno.again) {
      throw errnoError(-result, `cannot read ${this.#source.shown}`, "read");
    }
    const done = Math.max(result, 0);
    if (done === this.#target.length) return;
    // A short read is a signal's or the end of a file that has shrunk: libc tells which.
    const rest = this.#target.subarray(done);
    const more = this.#calls.readAll(this.#source.fd, rest, this.#offset + done);
    if (more < 0) throw this.#calls.error(`cannot read ${this.#source.shown}`, "pread");
    if (more < rest.length) throw changedError(this.#source.shown);
  }
}
