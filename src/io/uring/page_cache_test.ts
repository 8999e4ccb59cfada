/** What stays in the page cache of large files, as the kernel tells by `fincore`. */
import { assertEquals } from "@std/assert";
import { syncRangeFlag } from "../../../ffi/layout.ts";
import type { Ring } from "../../../ffi/ring.ts";
import { identityIn } from "../../../tests/contract/contract_case.ts";
import { shell, whyNot, withFolder } from "../../../tests/helpers/test_folder.ts";
import { ownName } from "../../entry/name.ts";
import type { Directory, Engine } from "../contract/engine.ts";
import { openUringEngine } from "./engine.ts";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";
import { PageCache } from "./page_cache.ts";
import type { RingQueue } from "./queue.ts";

const mebibyte = 1024 * 1024;
const rangeBytes = 4 * mebibyte;
const fileBytes = 64 * mebibyte;
/** A machine whose memory the file would fill: half of it is a quarter of the file. */
const littleMemory = { memoryBytes: 32 * mebibyte };
const name = ownName("large");

/** Why the page cache cannot be looked at here. */
function whyNotCached(): string | undefined {
  const noUring = whyNoUringEngine();
  if (noUring !== undefined) return `no io_uring: ${noUring}`;
  const missing = whyNot({ programs: ["fincore", "findmnt"] });
  if (missing !== undefined) return missing;
  const args = ["-n", "-o", "FSTYPE", "-T", Deno.env.get("TMPDIR") ?? "/tmp"];
  const { stdout } = new Deno.Command("findmnt", { args }).outputSync();
  const kind = new TextDecoder().decode(stdout).trim();
  return /^(ext[234]|xfs|btrfs)$/.test(kind)
    ? undefined
    : `the temporary folder is on ${kind}, not on a disk`;
}

function cacheTest(title: string, body: (folder: string) => Promise<void>): void {
  const why = whyNotCached();
  Deno.test({
    name: why === undefined ? title : `${title} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: () => withFolder(body),
  });
}

async function cachedBytes(path: string): Promise<number> {
  return Number(await shell('fincore --bytes --noheadings --output RES "$1"', path));
}

/** Called before a file is closed. */
type Before = () => Promise<void>;

async function writeLarge(engine: Engine, root: Directory, closing?: Before): Promise<void> {
  const file = engine.createTarget(root, name, { size: fileBytes, mode: 0o644 });
  const range = new Uint8Array(rangeBytes).fill(7);
  for (let offset = 0; offset < fileBytes; offset += rangeBytes) {
    await engine.writeRange(file, offset, range).finish();
  }
  await closing?.();
  engine.finishTarget(file, { mode: 0o644, mtime: { seconds: 1_700_000_000, nanos: 0 } });
}

async function readLarge(engine: Engine, root: Directory, closing?: Before): Promise<void> {
  const file = engine.openSource(root, name, identityIn(engine, root, "large"));
  const range = new Uint8Array(rangeBytes);
  for (let offset = 0; offset < fileBytes; offset += rangeBytes) {
    await engine.readRange(file, offset, range).finish();
    assertEquals(range[rangeBytes - 1], 7);
  }
  await closing?.();
  engine.closeSource(file);
}

/**
 * Waits until at most half of the file is in the cache. It is let go as the disk takes it, and who uses the ring
 * meanwhile, for whatever, hears of that.
 */
async function untilGone(engine: Engine, root: Directory, folder: string): Promise<void> {
  await Deno.writeFile(`${folder}/other`, new Uint8Array(1));
  const other = engine.openSource(root, ownName("other"), identityIn(engine, root, "other"));
  for (;;) {
    const cached = await cachedBytes(`${folder}/large`);
    if (cached <= fileBytes / 2) break;
    await engine.readRange(other, 0, new Uint8Array(1)).finish();
  }
  engine.closeSource(other);
}

cacheTest(
  "What was written of a file that would fill half of the memory leaves the cache",
  async (folder) => {
    using engine = openUringEngine(littleMemory);
    const root = engine.openRoot(folder);
    await writeLarge(engine, root, () => untilGone(engine, root, folder));
  },
);

cacheTest("What was read of it leaves the cache", async (folder) => {
  using writer = openUringEngine({ memoryBytes: 4 * fileBytes });
  await writeLarge(writer, writer.openRoot(folder));
  await shell('sync "$1"', `${folder}/large`);
  assertEquals(await cachedBytes(`${folder}/large`), fileBytes);
  using engine = openUringEngine(littleMemory);
  const root = engine.openRoot(folder);
  await readLarge(engine, root, () => untilGone(engine, root, folder));
});

cacheTest("A file that is small beside the memory stays in the cache", async (folder) => {
  using engine = openUringEngine({ memoryBytes: 4 * fileBytes });
  const root = engine.openRoot(folder);
  await writeLarge(engine, root);
  await readLarge(engine, root);
  assertEquals(await cachedBytes(`${folder}/large`), fileBytes);
});

/** Offsets, in MiB, that a page cache sends on their way to the disk as ten ranges of a file are written. */
function sentOf(file: { size: number; isDurable: boolean }, memoryBytes: number): number[] {
  const sent: number[] = [];
  let underWay = 0;
  const ring = {
    room: 256,
    supports: () => true,
    syncFileRange(...[, , , offset, , rangeFlags]: Parameters<Ring["syncFileRange"]>) {
      if (rangeFlags === syncRangeFlag.write) sent.push(offset / mebibyte);
    },
    fadvise() {},
  };
  const queue = { ring, hasRoom: true, claim: () => underWay++ };
  const cache = new PageCache(queue as unknown as RingQueue, memoryBytes);
  for (let range = 0; range < 10; range++) {
    cache.wrote({ fd: 3, ...file }, range * rangeBytes, rangeBytes);
    for (; underWay > 0; underWay--) cache.completed();
  }
  return sent;
}

Deno.test("What is written goes to the disk at once if that is waited for, or much has been written", () => {
  const size = 10 * rangeBytes;
  const all = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36];
  assertEquals(sentOf({ size, isDurable: false }, 100 * size), []);
  assertEquals(sentOf({ size, isDurable: true }, 100 * size), all);
  assertEquals(sentOf({ size, isDurable: false }, 2 * size), all, "it would fill half of the memory");
  // A tenth of the memory is five ranges.
  assertEquals(sentOf({ size, isDurable: false }, 5 * size), all.slice(5));
});
