/** Ranges of large files: read and written through the ring while the event loop goes on, or at once where the file is in memory. */
import { addressOf, errno, errnoError, sqeFlag } from "../../../ffi/mod.ts";
import type { RcopyError } from "../../base/errors.ts";
import type { Pending } from "../contract/engine.ts";
import type { SystemCalls } from "./system_calls.ts";
import { changedError, type UringSource } from "./file.ts";
import type { PageCache } from "./page_cache.ts";
import type { UringTarget } from "./target.ts";
import type { Completing, RingQueue } from "./queue.ts";

/** Reads all of `bytes` from a file, or writes all of it into one. */
export abstract class RangeTransfer implements Pending, Completing {
  protected readonly queue: RingQueue;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #offset: number;
  readonly #address: number;
  #at = 0;
  #isClaimed = false;
  #error: RcopyError | undefined;

  protected constructor(queue: RingQueue, bytes: Uint8Array<ArrayBuffer>, offset: number) {
    this.queue = queue;
    this.#bytes = bytes;
    this.#offset = offset;
    this.#address = bytes.length > 0 ? addressOf(bytes) : 0;
  }

  /** Encodes one operation of the ring. */
  protected abstract encode(token: number, address: number, length: number, offset: number): void;
  protected abstract failed(result: number): RcopyError;
  /** All of it has been read or written. */
  protected abstract ended(offset: number, length: number): void;

  get #isDone(): boolean {
    return this.#error !== undefined || this.#at === this.#bytes.length;
  }

  /** Claims what is left, where the ring has room for it. */
  protected claim(): void {
    if (this.#isDone || this.#isClaimed || !this.queue.hasRoom) return;
    this.#isClaimed = true;
    const token = this.queue.claim(this);
    this.encode(token, this.#address + this.#at, this.#bytes.length - this.#at, this.#offset + this.#at);
  }

  completed(result: number): void {
    this.#isClaimed = false;
    if (result > 0) this.#at += result;
    else if (result !== -errno.intr && result !== -errno.again) this.#error = this.failed(result);
    this.claim();
    if (this.#isDone && !this.#error) this.ended(this.#offset, this.#bytes.length);
  }

  finish(): void | Promise<void> {
    this.#advance();
    if (!this.#isDone) return this.#finishLater();
    if (this.#error) throw this.#error;
  }

  async #finishLater(): Promise<void> {
    while (!this.#isDone) {
      await this.queue.wait();
      this.#advance();
    }
    if (this.#error) throw this.#error;
  }

  #advance(): void {
    this.claim();
    this.queue.turn();
  }
}

/** Where ranges go through, and the cache that is told of each of them afterwards. */
export interface RangeIo {
  queue: RingQueue;
  pageCache: PageCache;
}

export class RangeRead extends RangeTransfer {
  readonly #source: UringSource;
  readonly #pageCache: PageCache;

  constructor(way: RangeIo, source: UringSource, offset: number, target: Uint8Array<ArrayBuffer>) {
    const { queue, pageCache } = way;
    super(queue, target, offset);
    this.#pageCache = pageCache;
    this.#source = source;
    this.claim();
    queue.turn();
  }

  protected encode(token: number, address: number, length: number, offset: number): void {
    this.queue.ring.read(token, sqeFlag.none, this.#source.fd, address, length, offset);
  }

  protected failed(result: number): RcopyError {
    return readError(this.#source, result);
  }

  protected ended(offset: number, length: number): void {
    const { fd, size } = this.#source;
    this.#pageCache.read(fd, size, offset, length);
  }
}

export class RangeWrite extends RangeTransfer {
  readonly #target: UringTarget;
  readonly #pageCache: PageCache;

  constructor(way: RangeIo, target: UringTarget, offset: number, source: Uint8Array<ArrayBuffer>) {
    const { queue, pageCache } = way;
    super(queue, source, offset);
    this.#pageCache = pageCache;
    this.#target = target;
    this.claim();
    queue.turn();
  }

  protected encode(token: number, address: number, length: number, offset: number): void {
    // To a thread of the kernel at once: this thread reads a socket while memory is copied.
    this.queue.ring.write(token, sqeFlag.async, this.#target.fd, address, length, offset);
  }

  protected failed(result: number): RcopyError {
    return writeError(this.#target, result);
  }

  protected ended(offset: number, length: number): void {
    this.#pageCache.wrote(this.#target, offset, length);
  }
}

/** Reads a range of a file that is in memory within the call: the ring would hand it to a thread, which takes longer. */
export function readAtOnce(
  calls: SystemCalls,
  source: UringSource,
  offset: number,
  target: Uint8Array<ArrayBuffer>,
): Pending {
  const count = calls.readAll(source.fd, target, offset);
  return atOnce(count === target.length ? undefined : readError(source, Math.min(count, 0)));
}

export function writeAtOnce(
  calls: SystemCalls,
  target: UringTarget,
  offset: number,
  source: Uint8Array<ArrayBuffer>,
): Pending {
  const count = calls.writeAll(target.fd, source, offset);
  return atOnce(count < 0 ? writeError(target, count) : undefined);
}

function atOnce(error: RcopyError | undefined): Pending {
  return {
    finish() {
      if (error) throw error;
    },
  };
}

/** `result`: 0 at the end of the file, else a negated errno. */
function readError({ shown }: UringSource, result: number): RcopyError {
  return result === 0 ? changedError(shown) : errnoError(-result, `cannot read ${shown}`, "read");
}

function writeError({ shown }: UringTarget, result: number): RcopyError {
  return errnoError(result === 0 ? errno.nospc : -result, `cannot write ${shown}`, "write");
}
