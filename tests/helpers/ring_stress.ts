/** Random operations on a ring, each of which must come to what it should. */
import { assert, assertEquals } from "@std/assert";
import { atFlag, openFlag, type Ring, type Scratch, sqeFlag, statx, statxMask } from "../../ffi/mod.ts";

/** Of the ring that is stressed: how many operations, and how many slots. */
export const entries = 128;
export const slots = 32;
const bufferSize = 1024;
const blockedMax = 24;

const { none, link, hardlink, fixedFile } = sqeFlag;
const cwd = atFlag.workingDirectory;
const errno = {
  noEntry: -2,
  intr: -4,
  badDescriptor: -9,
  exists: -17,
  invalid: -22,
  already: -114,
  canceled: -125,
};

/** The files that are read: of different sizes, with content that tells where it is from. */
export const sizes = [0, 1, 511, 512, 1000, 4095, 4096, 4097, 20_000];
export const contentAt = (file: number, offset: number): number =>
  (file * 37 + offset * 7 + (offset >> 8)) & 0xff;

/** What has come of the operations so far. */
export interface StressCounts {
  operations: number;
  short: number;
  errors: number;
  canceled: number;
  woken: number;
  written: number;
}

/** One ring under stress. What an operation must come to is a function of its result, by token. */
export class RingStress {
  readonly #ring: Ring;
  readonly #random: () => number;
  readonly #folder: string;
  readonly #counts: StressCounts;
  readonly #scratch: Scratch;
  readonly #expected = new Map<number, (result: number) => void>();
  /** Buffers that no operation in flight points at. */
  readonly #free: number[] = [];
  readonly #freeSlots = Array.from({ length: slots }, (_, slot) => slot);
  readonly #paths: number[] = [];
  readonly #missing: number;
  readonly #badHow: number;
  readonly #descriptors: number[] = [];
  readonly #blocked = new Set<number>();
  #fifo = -1;
  #target = -1;
  #token: number;
  /** Tokens below this one have been cancelled together, and may have been for that reason alone. */
  #cancelledBelow = -1;

  constructor(ring: Ring, random: () => number, folder: string, counts: StressCounts) {
    this.#ring = ring;
    this.#random = random;
    this.#folder = folder;
    this.#counts = counts;
    this.#token = counts.operations;
    this.#cancelledBelow = counts.operations;
    this.#scratch = ring.scratch(entries * bufferSize + 65536);
    for (let count = 0; count < entries; count += 1) this.#free.push(this.#scratch.take(bufferSize));
    sizes.forEach((_, file) => this.#paths.push(this.#put(`${folder}/file${file}`)));
    this.#missing = this.#put(`${folder}/missing/file`);
    this.#badHow = this.#scratch.putOpenHow(openFlag.readOnly, 0, 0x8000);
  }

  #put(path: string): number {
    return this.#scratch.putName(new TextEncoder().encode(path));
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** A new token; its completion must satisfy `check`, or be -ECANCELED where everything was cancelled. */
  #expect(check: (result: number) => void, canceled: () => void = () => {}): number {
    const token = this.#token;
    this.#token += 1;
    this.#counts.operations += 1;
    this.#expected.set(token, (result) => {
      if (result < 0) this.#counts.errors += 1;
      if (result === errno.canceled) this.#counts.canceled += 1;
      const all = token < this.#cancelledBelow;
      if (all && (result === errno.canceled || result === errno.intr)) canceled();
      else check(result);
    });
    return token;
  }

  #one(expected: number): number {
    return this.#expect((result) => assertEquals(result, expected));
  }

  /** Opens what the ring is stressed with; the FIFO for both ends, so that reading it waits. */
  open(): void {
    const wanted = [
      ["fifo", openFlag.readWrite] as const,
      ["target", openFlag.readWrite | openFlag.create] as const,
    ];
    wanted.forEach(([name, flags], index) => {
      const path = this.#put(`${this.#folder}/${name}`);
      this.#ring.openat(index, none, cwd, path, flags | openFlag.closeOnExec, 0o600);
    });
    const found: number[] = [];
    this.#ring.drain((token, result) => found[token] = result);
    [this.#fifo, this.#target] = found as [number, number];
    assert(this.#fifo >= 0 && this.#target >= 0);
  }

  /** Runs random batches until the token is reached. */
  async run(until: number): Promise<void> {
    const kinds = this.#kinds();
    while (this.#token < until) {
      const batch = 1 + this.#below(entries / 2);
      for (let count = 0; count < batch && this.#ring.room >= 3 && this.#free.length > 0; count += 1) {
        kinds[this.#below(kinds.length)]!();
      }
      const way = this.#below(10);
      if (way === 0) this.#cancelEverything();
      else if (way < 4) this.#ring.submit();
      else if (way < 9) this.#ring.submitAndWait(this.#below(this.#ring.inFlight - this.#blocked.size + 1));
      else {await this.#ring.wait(
          this.#below(this.#ring.inFlight + this.#ring.prepared - this.#blocked.size + 1),
        );}
      this.#reap();
      if (this.#ring.room < 3 || this.#free.length === 0) this.#settle();
    }
  }

  /** Closes all descriptors, leaving four reads of the FIFO in flight for the ring's disposal. */
  close(): void {
    this.#settle();
    for (const descriptor of this.#descriptors.splice(0)) {
      if (this.#ring.room === 0) this.#settle();
      this.#ring.close(this.#one(0), none, descriptor);
    }
    this.#settle();
    for (let slot = 0; slot < slots; slot += 1) this.#ring.registerFile(slot, -1);
    while (this.#blocked.size < 4) {
      this.#blockedRead();
      this.#ring.submit();
      this.#reap();
    }
    this.#ring.close(this.#one(0), none, this.#fifo);
    this.#ring.close(this.#one(0), none, this.#target);
    this.#settle();
    assertEquals(this.#ring.inFlight, this.#blocked.size);
    assertEquals(this.#expected.size, this.#blocked.size);
  }

  #reap(): void {
    this.#ring.reap((token, result) => {
      const check = this.#expected.get(token);
      if (check === undefined) throw new Error(`token ${token} is not in flight`);
      this.#expected.delete(token);
      check(result);
    });
  }

  /** Waits for everything but the reads that wait for somebody to write. */
  #settle(): void {
    for (;;) {
      const moving = this.#ring.inFlight + this.#ring.prepared - this.#blocked.size;
      if (moving === 0) return;
      this.#ring.submitAndWait(moving);
      this.#reap();
    }
  }

  #cancelEverything(): void {
    this.#cancelledBelow = this.#token;
    this.#ring.cancelAll();
  }

  /** All kinds of operations; what comes twice here comes twice as often. */
  #kinds(): (() => void)[] {
    return [
      () => this.#ring.nop(this.#one(0), none),
      () => this.#readAlone(),
      () => this.#readAndNop(),
      () => this.#slotChain(),
      () => this.#slotChain(),
      () => this.#statx(),
      () => this.#failing(),
      () => this.#openOrClose(),
      () => this.#makeAndRemove(),
      () => this.#writeAndRead(),
      () => this.#blockedRead(),
      () => this.#wakeOrCancel(),
    ];
  }

  /** Opens into a slot and reads; the file stays open until the slot is used again. */
  #readAlone(): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return;
    const file = this.#below(sizes.length);
    this.#ring.openat(this.#one(0), link, cwd, this.#paths[file]!, openFlag.readOnly, 0, slot);
    this.#readSlot(slot, file, none, () => this.#freeSlots.push(slot));
  }

  /** The read of a chain, from a slot; whether it will be short because the file ends. */
  #readSlot(slot: number, file: number, flags: number, done: () => void): boolean {
    const offset = this.#below(sizes[file]! + 100);
    const length = 1 + this.#below(bufferSize);
    const expected = Math.min(length, Math.max(0, sizes[file]! - offset));
    const at = this.#free.pop()!;
    const { bytes, address } = this.#scratch;
    bytes.fill(0xee, at, at + bufferSize);
    const check = (result: number) => {
      assertEquals(result, expected);
      if (expected < length) this.#counts.short += 1;
      for (let index = 0; index < bufferSize; index += 1) {
        const wanted = index < expected ? contentAt(file, offset + index) : 0xee;
        if (bytes[at + index] !== wanted) throw new Error(`byte ${index} of file ${file} at ${offset}`);
      }
      this.#free.push(at);
      done();
    };
    const token = this.#expect(check, () => {
      this.#free.push(at);
      done();
    });
    this.#ring.read(token, fixedFile | flags, slot, address + at, length, offset);
    return expected < length;
  }

  /** What is linked to a short read is cancelled. */
  #readAndNop(): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return;
    const file = this.#below(sizes.length);
    this.#ring.openat(this.#one(0), link, cwd, this.#paths[file]!, openFlag.readOnly, 0, slot);
    const isShort = this.#readSlot(slot, file, link, () => {});
    const token = this.#expect(
      (result) => {
        assertEquals(result, isShort ? errno.canceled : 0);
        this.#freeSlots.push(slot);
      },
      () => this.#freeSlots.push(slot),
    );
    this.#ring.nop(token, none);
  }

  /** Opens, reads and closes; or fails to open, which cancels the rest. */
  #slotChain(): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return;
    const free = () => void this.#freeSlots.push(slot);
    const file = this.#below(sizes.length);
    if (this.#below(4) === 0) {
      this.#ring.openat(this.#one(errno.noEntry), link, cwd, this.#missing, openFlag.readOnly, 0, slot);
      this.#ring.read(this.#one(errno.canceled), fixedFile | link, slot, this.#scratch.address, 0, 0);
      const last = this.#expect((result) => {
        assertEquals(result, errno.canceled);
        free();
      }, free);
      this.#ring.closeSlot(last, none, slot);
      return;
    }
    this.#ring.openat(this.#one(0), link, cwd, this.#paths[file]!, openFlag.readOnly, 0, slot);
    this.#readSlot(slot, file, hardlink, () => {});
    const last = this.#expect((result) => {
      assertEquals(result, 0);
      free();
    }, free);
    this.#ring.closeSlot(last, none, slot);
  }

  #statx(): void {
    const at = this.#free.pop()!;
    const free = () => void this.#free.push(at);
    const file = this.#below(sizes.length);
    const mask = statxMask.basic;
    const token = this.#expect((result) => {
      assertEquals(result, 0);
      assertEquals(this.#scratch.view.getBigUint64(at + statx.bytes, true), BigInt(sizes[file]!));
      free();
    }, free);
    this.#ring.statx(token, none, cwd, this.#paths[file]!, 0, mask, this.#scratch.address + at);
  }

  #failing(): void {
    const { address } = this.#scratch;
    const kinds = [
      () => this.#ring.read(this.#one(errno.badDescriptor), none, 1_000_000, address, 0, 0),
      () => this.#ring.close(this.#one(errno.badDescriptor), none, 1_000_000),
      () => this.#ring.statx(this.#one(errno.noEntry), none, cwd, this.#missing, 0, 0, address),
      () => this.#ring.mkdirat(this.#one(errno.exists), none, cwd, this.#paths[0]!, 0o700),
      () => this.#ring.openat2(this.#one(errno.invalid), none, cwd, this.#paths[0]!, this.#badHow),
      () => this.#ring.unlinkat(this.#one(errno.noEntry), none, cwd, this.#missing, 0),
    ];
    kinds[this.#below(kinds.length)]!();
  }

  #openOrClose(): void {
    const descriptor = this.#below(2) === 0 ? this.#descriptors.pop() : undefined;
    if (descriptor !== undefined) {
      const token = this.#expect(
        (result) => assertEquals(result, 0),
        () => void this.#descriptors.push(descriptor),
      );
      this.#ring.close(token, none, descriptor);
      return;
    }
    const token = this.#expect((result) => {
      assert(result >= 0, `open: ${result}`);
      this.#descriptors.push(result);
    });
    const flags = openFlag.readOnly | openFlag.closeOnExec;
    this.#ring.openat(token, none, cwd, this.#paths[this.#below(sizes.length)]!, flags, 0);
  }

  #makeAndRemove(): void {
    const at = this.#free.pop()!;
    const free = () => void this.#free.push(at);
    const path = new TextEncoder().encode(`${this.#folder}/dir${this.#token}\0`);
    this.#scratch.bytes.set(path, at);
    const address = this.#scratch.address + at;
    this.#ring.mkdirat(this.#one(0), link, cwd, address, 0o700);
    const last = this.#expect((result) => {
      assertEquals(result, 0);
      free();
    }, free);
    this.#ring.unlinkat(last, none, cwd, address, atFlag.removeDirectory);
  }

  /** Writes a part of a file that is this buffer's own, then reads it into the buffer's other half. */
  #writeAndRead(): void {
    const at = this.#free.pop()!;
    const free = () => void this.#free.push(at);
    const half = bufferSize / 2;
    const length = 1 + this.#below(half);
    const { bytes, address } = this.#scratch;
    for (let index = 0; index < half; index += 1) bytes[at + index] = this.#below(256);
    this.#ring.write(this.#one(length), link, this.#target, address + at, length, at);
    const last = this.#expect((result) => {
      assertEquals(result, length);
      const [written, read] = [
        bytes.subarray(at, at + length),
        bytes.subarray(at + half, at + half + length),
      ];
      assert(written.every((byte, index) => byte === read[index]), "what was written is read");
      free();
    }, free);
    this.#ring.read(last, none, this.#target, address + at + half, length, at);
  }

  /** A read that waits until somebody writes, or cancels it. */
  #blockedRead(): void {
    if (this.#blocked.size === blockedMax) return;
    const at = this.#free.pop()!;
    const done = () => {
      this.#free.push(at);
      this.#blocked.delete(token);
    };
    const token: number = this.#expect((result) => {
      assert(result === 1 || result === errno.canceled, `a waiting read: ${result}`);
      if (result === 1) this.#counts.woken += 1;
      done();
    }, done);
    this.#blocked.add(token);
    this.#ring.read(token, none, this.#fifo, this.#scratch.address + at, 1, -1);
  }

  #wakeOrCancel(): void {
    const [token] = this.#blocked;
    if (token === undefined) return;
    if (this.#below(2) === 0) return this.#cancel(token);
    this.#counts.written += 1;
    const written = this.#expect((result) => assertEquals(result, 1), () => this.#counts.written -= 1);
    this.#ring.write(written, none, this.#fifo, this.#paths[0]!, 1, -1);
  }

  #cancel(token: number): void {
    const { noEntry, already } = errno;
    const cancelled = this.#expect((result) =>
      assert([0, noEntry, already].includes(result), `cancel: ${result}`)
    );
    this.#ring.cancel(cancelled, none, token, 0);
  }
}
