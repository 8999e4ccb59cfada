import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { parseEntryName } from "../../entry/name.ts";
import type { Engine } from "../../io/contract/engine.ts";
import type { FileRead } from "../../io/contract/reading.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import { Prefetch, type PrefetchOptions } from "./prefetch.ts";

/** A clock that runs an hour ahead, so that every file looks old. */
const later = { clock: () => Date.now() + 3_600_000 };

/** Runs `body` with a folder of files `name -> content`, its engine, and what that engine was asked to read. */
async function withFiles(
  files: Record<string, string>,
  body: (at: { root: string; engine: Engine; read: string[] }) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "rcopy-prefetch-" });
  using engine = openDenoEngine();
  const read: string[] = [];
  const watched = new Proxy(engine, {
    get(target, key) {
      if (key === "readFiles") {
        return (reads: FileRead[], memory: Uint8Array<ArrayBuffer>) => {
          read.push(...reads.map(({ name }) => new TextDecoder().decode(name)));
          return target.readFiles(reads, memory);
        };
      }
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  try {
    for (const [name, content] of Object.entries(files)) Deno.writeTextFileSync(`${root}/${name}`, content);
    await body({ root, engine: watched, read });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** What a session's scan says of a file now, as a lane would read it into the start of its memory. */
function readOf(engine: Engine, root: string, file: string): FileRead {
  const directory = engine.openRoot(root);
  const name = parseEntryName(new TextEncoder().encode(file));
  const found = engine.lookup(directory, [name])[0];
  if (found === undefined || found instanceof RcopyError) throw new Error(`${file} is not there`);
  const { device, inode, size, mtime, ctimeNs } = found;
  return { directory, name, expected: { device, inode, size, mtime, ctimeNs }, offset: 0 };
}

/** The content that the prefetch has of a file, as it is now; `undefined` where it has none. */
function taken(prefetch: Prefetch, engine: Engine, root: string, file: string): string | undefined {
  const memory = new Uint8Array(64);
  const read = readOf(engine, root, file);
  return prefetch.take(read, memory)
    ? new TextDecoder().decode(memory.subarray(0, read.expected.size))
    : undefined;
}

async function prefetched(engine: Engine, root: string, options: PrefetchOptions = later): Promise<Prefetch> {
  const prefetch = new Prefetch(engine, [root], options);
  await prefetch.run();
  return prefetch;
}

Deno.test("Prefetch has the content of small files, and reads each once", async () => {
  await withFiles({ a: "alpha", b: "beta", empty: "" }, async ({ root, engine, read }) => {
    using prefetch = await prefetched(engine, root);
    assertEquals(prefetch.files, 2);
    assertEquals(taken(prefetch, engine, root, "a"), "alpha");
    assertEquals(taken(prefetch, engine, root, "b"), "beta");
    assertEquals(read.sort(), ["a", "b"]);
  });
});

Deno.test("Prefetch gives nothing of a file that was changed, replaced or touched since", async () => {
  await withFiles({ changed: "one", replaced: "two", touched: "three" }, async ({ root, engine }) => {
    using prefetch = await prefetched(engine, root);
    Deno.writeTextFileSync(`${root}/changed`, "eno");
    Deno.utimeSync(`${root}/changed`, 1, 1);
    Deno.writeTextFileSync(`${root}/other`, "owt");
    Deno.renameSync(`${root}/other`, `${root}/replaced`);
    Deno.utimeSync(`${root}/touched`, 1, 1);
    for (const name of ["changed", "replaced", "touched"]) {
      assertEquals(taken(prefetch, engine, root, name), undefined, name);
    }
  });
});

Deno.test("Prefetch does not keep a file that was changed just before it was read", async () => {
  await withFiles({ fresh: "content" }, async ({ root, engine }) => {
    const changedMs = Number(readOf(engine, root, "fresh").expected.ctimeNs / 1_000_000n);
    using prefetch = await prefetched(engine, root, { clock: () => changedMs + 40 });
    assertEquals(prefetch.files, 0);
  });
});

Deno.test("Prefetch ends at its bounds of bytes and entries, and reads no file that does not fit", async () => {
  const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, "0123456789"]));
  await withFiles(files, async ({ root, engine, read }) => {
    using few = await prefetched(engine, root, { ...later, bytesMax: 35 });
    assertEquals(few.files, 3);
    assertEquals(read.length, 3);
  });
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, "x"]));
  await withFiles(many, async ({ root, engine }) => {
    using prefetch = await prefetched(engine, root, { ...later, entriesMax: 1 });
    assert(prefetch.files > 0 && prefetch.files < 300, `${prefetch.files} files`);
  });
});

Deno.test("Prefetch ends when it is stopped, and keeps what it has read", async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, "x"]));
  await withFiles(many, async ({ root, engine }) => {
    using prefetch = new Prefetch(engine, [root], later);
    const running = prefetch.run();
    prefetch.stop();
    await running;
    assert(prefetch.files < 300, `${prefetch.files} files`);
  });
});

Deno.test("Prefetch says nothing of a source that is missing: the session does", async () => {
  await withFiles({}, async ({ root, engine }) => {
    using prefetch = await prefetched(engine, `${root}/missing`);
    assertEquals(prefetch.files, 0);
  });
});
