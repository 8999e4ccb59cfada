/** Random operations on a ring, each of which must come to what it should. */
import { assert, assertEquals } from "@std/assert";
import { errno } from "../../ffi/errno.ts";
import { atFlag, fileAdvice, openFlag, syncRangeFlag } from "../../ffi/layout.ts";
import type { Ring } from "../../ffi/ring.ts";
import type { Scratch } from "../../ffi/scratch.ts";
import { sqeFlag } from "../../ffi/sqe.ts";
import { RingBench } from "./ring.ts";

/** Operations that the ring under stress can hold. */
const entries = 128;
const bufferSize = 1024;
const blockedMax = 24;
/** Reads that are in flight when the ring is disposed of. */
const leftInFlight = 16;

const { none, hardlink, async } = sqeFlag;
const cwd = atFlag.workingDirectory;
/** Results that are not numbers of `errno`: EBADF, ESPIPE (asm-generic/errno.h). */
const badDescriptor = -9;
const noSeek = -29;

/** The files that are read: of different sizes, with content that tells where it is from. */
export const sizes = [0, 1, 511, 512, 1000, 4095, 4096, 4097, 20_000];
export const contentAt = (file: number, offset: number): number =>
  (file * 37 + offset * 7 + (offset >> 8)) & 0xff;

/** Outcomes of the operations so far. */
export interface StressCounts {
  operations: number;
  short: number;
  errors: number;
  /** Waits that others have reaped in front of. */
  overtaken: number;
  woken: number;
  written: number;
  /** Reads that were in flight when their ring was disposed of. */
  cancelled: number;
}

/** One ring under stress. The check of an operation's result is known by its token. */
export class RingStress implements Disposable {
  readonly #bench = new RingBench(entries, entries * bufferSize + 65536);
  readonly #ring: Ring = this.#bench.ring;
  readonly #scratch: Scratch = this.#bench.scratch;
  readonly #random: () => number;
  readonly #counts: StressCounts;
  readonly #checks = new Map<number, (result: number) => void>();
  /** Buffers that no operation in flight points at. */
  readonly #free: number[] = [];
  readonly #paths: number[] = [];
  readonly #files: number[] = [];
  readonly #missing: number;
  readonly #how: number;
  readonly #badHow: number;
  readonly #blocked = new Map<number, number>();
  readonly #fifoPath: string;
  readonly #fifo: number;
  readonly #target: number;
  #token: number;

  /** The folder holds `file0`, `file1`, … of {@linkcode sizes}, and a FIFO `fifo`. */
  constructor(random: () => number, folder: string, counts: StressCounts) {
    this.#random = random;
    this.#counts = counts;
    this.#token = counts.operations;
    for (let count = 0; count < entries; count += 1) this.#free.push(this.#scratch.take(bufferSize));
    sizes.forEach((_, file) => {
      this.#paths.push(this.#bench.put(`${folder}/file${file}`));
      this.#files.push(this.#bench.openFile(`${folder}/file${file}`, openFlag.readOnly));
    });
    this.#missing = this.#bench.put(`${folder}/missing/file`);
    this.#how = this.#scratch.putOpenHow(openFlag.readOnly | openFlag.closeOnExec, 0, 0);
    this.#badHow = this.#scratch.putOpenHow(openFlag.readOnly, 0, 0x8000);
    this.#fifoPath = `${folder}/fifo`;
    this.#fifo = this.#bench.openFile(this.#fifoPath, openFlag.readWrite);
    this.#target = this.#bench.openFile(`${folder}/target`, openFlag.readWrite | openFlag.create);
  }

  /** Runs random batches until the token is reached. */
  async run(until: number): Promise<void> {
    const kinds = this.#kinds();
    while (this.#token < until) {
      this.#claimBatch(kinds);
      const way = this.#below(10);
      if (way < 4) this.#ring.submit();
      else if (way < 6) await this.#ring.wait(this.#below(this.#moving + 1));
      else if (way < 7) await this.#overtakeWait(kinds);
      this.#reap();
      if (this.#ring.room < 3 || this.#free.length === 0) await this.#settle();
    }
  }

  #claimBatch(kinds: readonly (() => void)[]): void {
    const batch = 1 + this.#below(entries / 2);
    for (let count = 0; count < batch && this.#ring.room >= 3 && this.#free.length > 0; count += 1) {
      kinds[this.#below(kinds.length)]!();
    }
  }

  /** Claims and reaps while a wait is under way, as the users of one ring do to each other. */
  async #overtakeWait(kinds: readonly (() => void)[]): Promise<void> {
    const waiting = this.#ring.wait(this.#below(this.#moving + 1));
    const before = this.#checks.size;
    this.#reap();
    if (this.#checks.size < before) this.#counts.overtaken += 1;
    this.#claimBatch(kinds);
    this.#ring.submit();
    this.#reap();
    await waiting;
  }

  /**
   * Waits until every byte has woken a read, leaves other reads of the FIFO in flight, and disposes of the ring: none of
   * them may take what is written to the FIFO then.
   */
  async close(): Promise<void> {
    await this.#settle();
    while (this.#counts.woken < this.#counts.written) {
      await this.#ring.wait();
      this.#reap();
    }
    while (this.#blocked.size < leftInFlight) {
      this.#blockedRead();
      this.#ring.submit();
      this.#reap();
    }
    assertEquals([this.#moving, this.#checks.size], [0, this.#blocked.size]);
    const buffers = [...this.#blocked.values()].map((at) =>
      this.#scratch.bytes.subarray(at, at + 1).fill(0xee)
    );
    this.#counts.cancelled += buffers.length;
    this.#ring[Symbol.dispose]();
    using fifo = await Deno.open(this.#fifoPath, { read: true, write: true });
    const written = new Uint8Array(buffers.length).fill(7);
    await fifo.write(written);
    assertEquals(await fifo.read(new Uint8Array(2 * written.length)), written.length);
    assert(buffers.every(([byte]) => byte === 0xee), "no read that was cancelled has filled its memory");
  }

  [Symbol.dispose](): void {
    this.#bench[Symbol.dispose]();
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** Operations claimed or in flight that need nobody to write to the FIFO. */
  get #moving(): number {
    return entries - this.#ring.room - this.#blocked.size;
  }

  /** A new token, whose completion must satisfy `check`. */
  #expect(check: (result: number) => void): number {
    const token = this.#token;
    this.#token += 1;
    this.#counts.operations += 1;
    this.#checks.set(token, (result) => {
      if (result < 0) this.#counts.errors += 1;
      check(result);
    });
    return token;
  }

  #one(expected: number): number {
    return this.#expect((result) => assertEquals(result, expected));
  }

  #reap(): void {
    this.#ring.reap((token, result) => {
      const check = this.#checks.get(token);
      if (check === undefined) throw new Error(`token ${token} is not in flight`);
      this.#checks.delete(token);
      check(result);
    });
  }

  /** Waits for everything but the reads that wait for somebody to write. */
  async #settle(): Promise<void> {
    while (this.#moving > 0) {
      await this.#ring.wait(this.#moving);
      this.#reap();
    }
  }

  /** All kinds of operations; a kind that stands here twice comes twice as often. */
  #kinds(): (() => void)[] {
    return [
      () => this.#bench.quick(this.#one(1)),
      () => this.#readFile(none),
      () => this.#readAndGoOn(),
      () => this.#readAndGoOn(),
      () => this.#failing(),
      () => this.#openFile(),
      () => this.#writeAndRead(),
      () => this.#syncAndAdvise(),
      () => this.#blockedRead(),
      () => this.#wake(),
    ];
  }

  /** Reads a part of a file that may reach over its end. */
  #readFile(flags: number): void {
    const file = this.#below(sizes.length);
    const offset = this.#below(sizes[file]! + 100);
    const length = 1 + this.#below(bufferSize);
    const expected = Math.min(length, Math.max(0, sizes[file]! - offset));
    const at = this.#free.pop()!;
    const { bytes, address } = this.#scratch;
    bytes.fill(0xee, at, at + bufferSize);
    const token = this.#expect((result) => {
      assertEquals(result, expected);
      if (expected < length) this.#counts.short += 1;
      for (let index = 0; index < bufferSize; index += 1) {
        const wanted = index < expected ? contentAt(file, offset + index) : 0xee;
        if (bytes[at + index] !== wanted) throw new Error(`byte ${index} of file ${file} at ${offset}`);
      }
      this.#free.push(at);
    });
    this.#ring.read(token, flags, this.#files[file]!, address + at, length, offset);
  }

  /** Reads, and does what is hard-linked to the read, short or not. */
  #readAndGoOn(): void {
    this.#readFile(hardlink);
    this.#bench.quick(this.#one(1));
  }

  #failing(): void {
    const { address } = this.#scratch;
    const [path, file] = [this.#paths[0]!, this.#files[0]!];
    const { dontNeed } = fileAdvice;
    const kinds = [
      () => this.#ring.read(this.#one(badDescriptor), none, 1_000_000, address, 0, 0),
      () => this.#ring.write(this.#one(badDescriptor), none, file, address, 1, 0),
      () => this.#ring.openat2(this.#one(-errno.noent), none, cwd, this.#missing, this.#how),
      () => this.#ring.openat2(this.#one(-errno.inval), none, cwd, path, this.#badHow),
      () => this.#ring.fadvise(this.#one(noSeek), hardlink, this.#fifo, 0, 1, dontNeed),
      () => this.#ring.syncFileRange(this.#one(-errno.inval), none, file, 0, 1, 0x80),
    ];
    const kind = this.#below(kinds.length);
    kinds[kind]!();
    if (kind === 4) this.#bench.quick(this.#one(1)); // the other half of the chain
  }

  #openFile(): void {
    const token = this.#expect((result) => {
      assert(result >= 0, `open: ${result}`);
      this.#bench.close(result);
    });
    const flags = this.#below(4) === 0 ? async : none;
    this.#ring.openat2(token, flags, cwd, this.#paths[this.#below(sizes.length)]!, this.#how);
  }

  /** Writes a part of a file that is this buffer's own, then reads it into the buffer's other half. */
  #writeAndRead(): void {
    const at = this.#free.pop()!;
    const half = bufferSize / 2;
    const length = 1 + this.#below(half);
    const { bytes, address } = this.#scratch;
    for (let index = 0; index < half; index += 1) bytes[at + index] = this.#below(256);
    const flags = this.#below(4) === 0 ? hardlink | async : hardlink;
    this.#ring.write(this.#one(length), flags, this.#target, address + at, length, at);
    const last = this.#expect((result) => {
      assertEquals(result, length);
      const [written, read] = [
        bytes.subarray(at, at + length),
        bytes.subarray(at + half, at + half + length),
      ];
      assert(written.every((byte, index) => byte === read[index]), "what was written is read");
      this.#free.push(at);
    });
    this.#ring.read(last, none, this.#target, address + at + half, length, at);
  }

  #syncAndAdvise(): void {
    const [offset, length] = [this.#below(20_000), this.#below(20_000)];
    this.#ring.syncFileRange(this.#one(0), hardlink, this.#target, offset, length, syncRangeFlag.write);
    this.#ring.fadvise(this.#one(0), none, this.#target, offset, length, fileAdvice.dontNeed);
  }

  /** A read that waits until somebody writes. */
  #blockedRead(): void {
    if (this.#blocked.size === blockedMax) return;
    const at = this.#free.pop()!;
    const token: number = this.#expect((result) => {
      assertEquals(result, 1);
      this.#counts.woken += 1;
      this.#free.push(at);
      this.#blocked.delete(token);
    });
    this.#blocked.set(token, at);
    this.#ring.read(token, none, this.#fifo, this.#scratch.address + at, 1, -1);
  }

  /** Writes a byte for one of the reads that wait, where there is one that no other byte is for. */
  #wake(): void {
    if (this.#blocked.size + this.#counts.woken <= this.#counts.written) return;
    this.#counts.written += 1;
    this.#ring.write(this.#one(1), none, this.#fifo, this.#paths[0]!, 1, -1);
  }
}
