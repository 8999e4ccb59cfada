/** Ranges of large files through the ring, beside the thread: a read while something is sent, a write while something arrives. */
import { addressOf, errno, errnoError, sqeFlag } from "../../ffi/mod.ts";
import type { Pending } from "./engine.ts";
import type { Calls } from "./uring_calls.ts";
import { changedError, type UringSource, type UringTarget } from "./uring_file.ts";
import type { RingShare } from "./uring_share.ts";

/** What kind of range, of which file. */
interface Range {
  offset: number;
  memory: Uint8Array<ArrayBuffer>;
}

/** One operation on a range; how it ends is up to the direction. */
abstract class UringRange implements Pending {
  readonly #share: RingShare;
  #result: number | undefined;

  protected constructor(share: RingShare) {
    this.#share = share;
  }

  /** Claims the token of the operation, keeps its memory reachable, and has it submitted. */
  protected submit(range: Range, claim: (token: number, address: number) => void): void {
    const { ring } = this.#share;
    const token = this.#share.claimToken((result) => this.#result = result);
    ring.keep(token, range.memory);
    claim(token, addressOf(range.memory));
    ring.submit();
  }

  finish(): void | Promise<void> {
    this.#share.reap();
    if (this.#result === undefined) return this.#wait();
    this.conclude(this.#result);
  }

  async #wait(): Promise<void> {
    await this.#share.until(() => this.#result !== undefined);
    this.conclude(this.#result!);
  }

  /** Completes what the kernel did in part, or throws. */
  protected abstract conclude(result: number): void;
}

/** Whether a result means that the kernel did nothing yet, and libc shall do it. */
function isNothingDone(result: number): boolean {
  return result === -errno.interrupted || result === -errno.again;
}

export class UringRangeRead extends UringRange {
  readonly #calls: Calls;
  readonly #source: UringSource;
  readonly #range: Range;

  constructor(share: RingShare, calls: Calls, source: UringSource, range: Range) {
    super(share);
    this.#calls = calls;
    this.#source = source;
    this.#range = range;
    const { memory, offset } = range;
    this.submit(range, (token, address) => {
      share.ring.read(token, sqeFlag.none, source.fd, address, memory.length, offset);
    });
  }

  /** @throws {RcopyError} `changed` when the file has fewer bytes, `io` … */
  protected override conclude(result: number): void {
    const { memory, offset } = this.#range;
    if (result < 0 && !isNothingDone(result)) {
      throw errnoError(-result, `cannot read ${this.#source.shown}`, "read");
    }
    const done = Math.max(result, 0);
    if (done === memory.length) return;
    // A short read is a signal's or the end of a file that has shrunk: libc tells which.
    const rest = memory.subarray(done);
    const more = this.#calls.readAll(this.#source.fd, rest, offset + done);
    if (more < 0) throw this.#calls.error(`cannot read ${this.#source.shown}`, "pread");
    if (more < rest.length) throw changedError(this.#source.shown);
  }
}

export class UringRangeWrite extends UringRange {
  readonly #calls: Calls;
  readonly #target: UringTarget;
  readonly #range: Range;

  constructor(share: RingShare, calls: Calls, target: UringTarget, range: Range) {
    super(share);
    this.#calls = calls;
    this.#target = target;
    this.#range = range;
    const { memory, offset } = range;
    this.submit(range, (token, address) => {
      // Straight to a kernel worker: copying into the page cache would hold up this thread, which has a socket to read.
      share.ring.write(token, sqeFlag.async, target.fd, address, memory.length, offset);
    });
  }

  /** @throws {RcopyError} `no-space`, `io` … */
  protected override conclude(result: number): void {
    const { memory, offset } = this.#range;
    if (result < 0 && !isNothingDone(result)) {
      throw errnoError(-result, `cannot write ${this.#target.shown}`, "write");
    }
    const done = Math.max(result, 0);
    if (done < memory.length) this.#target.write(offset + done, memory.subarray(done));
  }
}
