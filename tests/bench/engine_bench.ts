/**
 * Many small files by each engine: read in one batch, created in one batch, in a folder of their own. A
 * function that only returns a promise is not awaited by `Deno.bench`, so each of these says `async`.
 */
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { assert } from "../../src/base/errors.ts";
import { EntryColumns } from "../../src/entry/columns.ts";
import { ownName, parseEntryName } from "../../src/entry/name.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import type { Directory, Engine, FileRead, FileWrite } from "../../src/io/contract/engine.ts";
import { openUringEngine } from "../../src/io/uring/engine.ts";

const files = 256;
const fileBytes = 4096;
const memory = new Uint8Array(files * fileBytes).map((_, i) => i * 31);
const encoder = new TextEncoder();
const names = Array.from({ length: files }, (_, i) => parseEntryName(encoder.encode(`file-${i}`)));
const mtime = { seconds: 1_700_000_000, nanos: 123_000_000 };

const why = whyNoUringEngine();
const engines: readonly { name: string; open: () => Engine; ignore: boolean }[] = [
  {
    name: why === undefined ? "io_uring" : `io_uring (skipped: ${why})`,
    open: openUringEngine,
    ignore: why !== undefined,
  },
  { name: "portable", open: openDenoEngine, ignore: false },
];

function writesOf(directory: Directory): FileWrite[] {
  return names.map((name, i) => ({
    directory,
    name,
    atOnce: true,
    mode: 0o644,
    mtime,
    offset: i * fileBytes,
    size: fileBytes,
  }));
}

async function create(engine: Engine, directory: Directory): Promise<void> {
  const writes = writesOf(directory);
  await engine.createFiles(writes, memory).finish();
  assert(writes.every(({ error }) => error === undefined), "every file was created");
}

/** What to read, as a listing says it. */
function readsOf(engine: Engine, directory: Directory): FileRead[] {
  const columns = new EntryColumns(files);
  using listing = engine.list(directory);
  while (listing.next(columns, files));
  return Array.from({ length: columns.count }, (_, i) => ({
    directory,
    name: columns.name(i),
    expected: columns.identity(i),
    offset: i * fileBytes,
  }));
}

/** Runs a body in an open engine and folder; both are gone after it. */
async function within(open: () => Engine, body: (engine: Engine, root: Directory) => Promise<void>) {
  const path = await Deno.makeTempDir({ prefix: "rcopy-bench-" });
  using engine = open();
  const root = engine.openRoot(path);
  try {
    await body(engine, root);
  } finally {
    engine.closeDirectory(root);
    await Deno.remove(path, { recursive: true });
  }
}

for (const { name, open, ignore } of engines) {
  Deno.bench({
    name: `${name}: read ${files} files of 4 KiB, warm`,
    group: "read",
    ignore,
    n: 50,
    fn: async (bench) =>
      await within(open, async (engine, root) => {
        await create(engine, root);
        const reads = readsOf(engine, root);
        assert(reads.length === files, "the listing shows what was created");
        bench.start();
        await engine.readFiles(reads, memory).finish();
        bench.end();
        assert(reads.every(({ error }) => error === undefined), "every file was read");
      }),
  });
  Deno.bench({
    name: `${name}: create ${files} files of 4 KiB`,
    group: "create",
    ignore,
    n: 50,
    fn: async (bench) =>
      await within(open, async (engine, root) => {
        const directory = engine.makeDirectory(root, ownName("new"), 0o755);
        const writes = writesOf(directory);
        bench.start();
        await engine.createFiles(writes, memory).finish();
        bench.end();
        assert(writes.every(({ error }) => error === undefined), "every file was created");
        engine.closeDirectory(directory);
      }),
  });
  Deno.bench({
    name: `${name}: list ${files} files with their metadata`,
    group: "list",
    ignore,
    n: 50,
    fn: async (bench) =>
      await within(open, async (engine, root) => {
        await create(engine, root);
        bench.start();
        const reads = readsOf(engine, root);
        bench.end();
        assert(reads.length === files, "the listing shows what was created");
      }),
  });
}
