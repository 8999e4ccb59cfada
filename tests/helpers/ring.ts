/** What tests of the ring have in common. */
import { assert } from "@std/assert";
import { atFlag, openFlag } from "../../ffi/layout.ts";
import { Libc } from "../../ffi/libc.ts";
import { Ring } from "../../ffi/ring.ts";
import type { Scratch } from "../../ffi/scratch.ts";
import { sqeFlag } from "../../ffi/sqe.ts";
import { RcopyError } from "../../src/base/errors.ts";

/** Why there is no ring on this machine; `undefined` where there is one. */
export const whyNoRing = findWhyNoRing();

function findWhyNoRing(): string | undefined {
  try {
    Ring.open(2)[Symbol.dispose]();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof RcopyError) || thrown.code !== "engine-unavailable") throw thrown;
    return thrown.message.replace(/^cannot use io_uring: /, "");
  }
}

/** The name of a test, with the reason where it is skipped. */
export function ringTestName(name: string): string {
  return whyNoRing === undefined ? name : `${name} (skipped: no io_uring: ${whyNoRing})`;
}

/** A ring with what its operations are given: memory, and descriptors that libc has opened. */
export class RingBench implements Disposable {
  readonly ring: Ring;
  readonly scratch: Scratch;
  readonly #libc = Libc.open();
  readonly #descriptors: number[] = [];
  readonly #zero: number;
  readonly #zeroes: number;

  /** `scratchBytes` of the memory are the test's. */
  constructor(entries: number, scratchBytes = 16384) {
    this.ring = Ring.open(entries);
    this.scratch = this.ring.scratch(scratchBytes + 1024);
    this.#zero = this.openFile("/dev/zero", openFlag.readOnly);
    this.#zeroes = this.take(1);
  }

  /** Takes memory: its address. */
  take(size: number): number {
    return this.scratch.address + this.scratch.take(size);
  }

  /** Puts text as a name: its address. */
  put(text: string): number {
    return this.scratch.putName(new TextEncoder().encode(text));
  }

  /** What lies at an address, as text. */
  text(address: number, length: number): string {
    const at = address - this.scratch.address;
    return new TextDecoder().decode(this.scratch.bytes.subarray(at, at + length));
  }

  /** Opens a file by libc until the bench is disposed of. A file that `flags` create has the mode 0600. */
  openFile(path: string, flags: number): number {
    const name = new TextEncoder().encode(`${path}\0`);
    const fd = this.#libc.openat(atFlag.workingDirectory, name, flags | openFlag.closeOnExec, 0o600);
    assert(fd >= 0, `open of ${path}: ${fd}`);
    this.#descriptors.push(fd);
    return fd;
  }

  /** Makes a FIFO and opens it for reading and writing, so that a read of it waits for ever. */
  async openFifo(path: string): Promise<number> {
    await makeFifo(path);
    return this.openFile(path, openFlag.readWrite);
  }

  /** Closes a descriptor that the ring has opened. */
  close(fd: number): void {
    assert(this.#libc.close(fd) === 0, `descriptor ${fd} is open`);
  }

  /** Claims an operation that completes with 1 while it is submitted. */
  quick(token: number, flags: number = sqeFlag.none): void {
    this.ring.read(token, flags, this.#zero, this.#zeroes, 1, 0);
  }

  /** Submits, waits until nothing is in flight, and tells of every completion. */
  async drain(on: (token: number, result: number) => void): Promise<void> {
    const { ring } = this;
    while (ring.room < ring.entries) {
      await ring.wait(ring.entries);
      ring.reap(on);
    }
  }

  /** The results by token of everything that is claimed or in flight. */
  async results(): Promise<Record<number, number>> {
    const found: Record<number, number> = {};
    await this.drain((token, result) => {
      assert(!(token in found), `token ${token} completes once`);
      found[token] = result;
    });
    return found;
  }

  /** Submits, and reaps without letting the event loop run until at least `count` completions have been told. */
  reapNow(count: number): Record<number, number> {
    const found: Record<number, number> = {};
    this.ring.submit();
    while (Object.keys(found).length < count) this.ring.reap((token, result) => found[token] = result);
    return found;
  }

  /** The results by token of what has completed already. */
  reapReady(): Record<number, number> {
    const found: Record<number, number> = {};
    this.ring.reap((token, result) => found[token] = result);
    return found;
  }

  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
    for (const fd of this.#descriptors.splice(0)) this.#libc.close(fd);
    this.#libc[Symbol.dispose]();
  }
}

/** A test that needs a ring (16 entries), in a temporary folder of its own. */
export function ringTest(
  name: string,
  body: (bench: RingBench, folder: string) => Promise<void> | void,
): void {
  Deno.test({
    name: ringTestName(name),
    ignore: whyNoRing !== undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "rcopy-ring-" });
      try {
        using bench = new RingBench(16);
        await body(bench, folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** Makes a FIFO. */
export async function makeFifo(path: string): Promise<void> {
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(made.success, "mkfifo works");
}
