/** What tests of the ring have in common. */
import { assert } from "@std/assert";
import { atFlag, openFlag, Ring, type Scratch, sqeFlag } from "../../ffi/mod.ts";
import { RcopyError } from "../../src/base/errors.ts";

/** Why there is no ring on this machine; `undefined` where there is one. */
export const whyNoRing = findWhyNoRing();

function findWhyNoRing(): string | undefined {
  try {
    Ring.open({ entries: 2 })[Symbol.dispose]();
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

/** A test that needs a ring (16 entries, 8 slots), in a temporary folder of its own. */
export function ringTest(name: string, body: (ring: Ring, folder: string) => Promise<void> | void): void {
  Deno.test({
    name: ringTestName(name),
    ignore: whyNoRing !== undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "rcopy-ring-" });
      try {
        using ring = Ring.open({ entries: 16, files: 8 });
        await body(ring, folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** Submits, waits for everything in flight, and returns the results by token. */
export function results(ring: Ring): Record<number, number> {
  const found: Record<number, number> = {};
  ring.drain((token, result) => {
    assert(!(token in found), `token ${token} completes once`);
    found[token] = result;
  });
  return found;
}

/** Puts text as a name and returns its address. */
export function put(scratch: Scratch, text: string): number {
  return scratch.putName(new TextEncoder().encode(text));
}

/** Makes a FIFO and opens it for reading and writing, so that a read of it waits for ever: its descriptor. */
export async function openFifo(ring: Ring, scratch: Scratch, path: string): Promise<number> {
  await makeFifo(path);
  const flags = openFlag.readWrite | openFlag.closeOnExec;
  ring.openat(1, sqeFlag.none, atFlag.workingDirectory, put(scratch, path), flags, 0);
  const fd = results(ring)[1]!;
  assert(fd >= 0, `the FIFO is open: ${fd}`);
  return fd;
}

/** Makes a FIFO. */
export async function makeFifo(path: string): Promise<void> {
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert(made.success, "mkfifo works");
}
