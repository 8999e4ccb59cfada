/** Directory handles: few descriptors at any depth, and never another directory than the one opened. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";
import { RcopyError } from "../../base/errors.ts";
import { EntryColumns } from "../../entry/columns.ts";
import { ownName } from "../../entry/name.ts";
import type { Directory, Engine } from "../contract/engine.ts";
import { SystemCalls } from "./system_calls.ts";
import { Directories } from "./directories.ts";
import { openUringEngine } from "./engine.ts";

/** EBADF (asm-generic/errno-base.h). */
const badDescriptor = 9;
const whyNot = whyNoUringEngine();

/** More than the engine keeps open at a time. */
const many = 150;
/** Descriptors that handles of each kind may have together, and a few for the ring and the test. */
const descriptorsMax = 2 * 64 + 16;

function handleTest(name: string, body: (engine: Engine, folder: string) => Promise<void> | void): void {
  Deno.test({
    name: whyNot === undefined ? name : `${name} (skipped, no io_uring: ${whyNot})`,
    ignore: whyNot !== undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "rcopy-handles-" });
      try {
        using engine = openUringEngine();
        await body(engine, folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** Opens and uses so many other directories that no handle from before keeps its descriptor. */
function useOthers(engine: Engine, root: Directory): void {
  const base = engine.makeDirectory(root, ownName("others"), 0o700);
  for (let index = 0; index < many; index++) engine.makeDirectory(base, ownName(`d${index}`), 0o700);
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, RcopyError).code;
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

handleTest("300 directories of 200 bytes each below each other are reached again", (engine, folder) => {
  const name = (depth: number) => ownName(String(depth).padEnd(200, "x"));
  const root = engine.openRoot(folder);
  const chain = [root];
  for (let depth = 0; depth < 300; depth++) {
    chain.push(engine.makeDirectory(chain[depth]!, name(depth), 0o700));
  }
  // From the top down, from the bottom up, and criss-cross; each time by another way back.
  const order = [...chain.keys()];
  for (const at of [...order, ...order.toReversed(), 300, 1, 299, 2, 150, 300]) {
    const found = engine.lookup(chain[at]!, [name(at)])[0];
    assertEquals(found instanceof RcopyError, false);
    assertEquals(found !== undefined, at < 300, `level ${at}`);
  }
  for (const directory of chain.toReversed()) engine.closeDirectory(directory);
});

handleTest("thousands of handles cost no more descriptors than a few", (engine, folder) => {
  const before = openDescriptors();
  const root = engine.openRoot(folder);
  const handles = Array.from({ length: 2000 }, (_, i) => engine.makeDirectory(root, ownName(`d${i}`), 0o700));
  assert(openDescriptors() - before <= descriptorsMax);
  for (const [index, handle] of handles.entries()) {
    assertEquals(engine.identityOf(handle).inode, BigInt(Deno.statSync(`${folder}/d${index}`).ino!));
    assertEquals(engine.lookup(handle, [ownName("x")]), [undefined]);
  }
  assert(openDescriptors() - before <= descriptorsMax);
  for (const handle of handles) engine.closeDirectory(handle);
  engine.closeDirectory(root);
  assertEquals(openDescriptors(), before);
});

handleTest("many roots cost no more descriptors than a few, and each stays what it is", (engine, folder) => {
  const before = openDescriptors();
  const roots = Array.from({ length: 300 }, (_, index) => {
    Deno.mkdirSync(`${folder}/r${index}`);
    Deno.writeTextFileSync(`${folder}/r${index}/f${index}`, "");
    return engine.openRoot(`${folder}/r${index}`);
  });
  assert(openDescriptors() - before <= descriptorsMax);
  for (const [index, root] of roots.entries()) assert(engine.lookup(root, [ownName(`f${index}`)])[0]);
  Deno.renameSync(`${folder}/r0`, `${folder}/away`);
  Deno.mkdirSync(`${folder}/r0`);
  assertEquals(codeOf(() => engine.lookup(roots[0]!, [ownName("f0")])), "type-conflict");
  for (const root of roots) engine.closeDirectory(root);
  assertEquals(openDescriptors(), before);
});

for (
  const [what, plant] of Object.entries({
    "another directory": (path: string) => Deno.mkdirSync(path),
    "a symbolic link to it": (path: string) => Deno.symlinkSync(`${path}-away`, path),
    "a file": (path: string) => Deno.writeTextFileSync(path, ""),
  })
) {
  for (const where of ["directory", "directory/below"]) {
    handleTest(`${what} in the place of "${where}" is not taken for it`, (engine, folder) => {
      const root = engine.openRoot(folder);
      const directory = engine.makeDirectory(root, ownName("directory"), 0o700);
      const below = engine.makeDirectory(directory, ownName("below"), 0o700);
      useOthers(engine, root);
      Deno.renameSync(`${folder}/${where}`, `${folder}/${where}-away`);
      plant(`${folder}/${where}`);
      if (what === "another directory" && where === "directory") Deno.mkdirSync(`${folder}/directory/below`);
      assertEquals(codeOf(() => engine.makeDirectory(below, ownName("new"), 0o700)), "type-conflict");
      assertEquals(codeOf(() => engine.list(below)), "type-conflict");
      assertEquals(
        codeOf(() =>
          engine.setDirectoryMetadata(below, { mode: 0o700, mtime: { seconds: 0, nanos: 0 } }, {
            mayLoosen: true,
          })
        ),
        "type-conflict",
      );
    });
  }
}

handleTest("a handle whose directory is gone says so", (engine, folder) => {
  const root = engine.openRoot(folder);
  const directory = engine.makeDirectory(root, ownName("directory"), 0o700);
  useOthers(engine, root);
  Deno.removeSync(`${folder}/directory`);
  assertEquals(codeOf(() => engine.list(directory)), "not-found");
});

handleTest(
  "a directory that is moved before it is closed does not give its parent another descriptor",
  (engine, folder) => {
    const root = engine.openRoot(folder);
    const parent = engine.makeDirectory(root, ownName("parent"), 0o700);
    const child = engine.makeDirectory(parent, ownName("child"), 0o700);
    useOthers(engine, root);
    Deno.mkdirSync(`${folder}/elsewhere`);
    Deno.renameSync(`${folder}/parent/child`, `${folder}/elsewhere/child`);
    assertEquals(codeOf(() => engine.lookup(child, [ownName("x")])), "not-found");
    Deno.renameSync(`${folder}/elsewhere/child`, `${folder}/parent/child`);
    assertEquals(engine.lookup(child, [ownName("x")]), [undefined]); // its descriptor is open, its parent's is not
    Deno.renameSync(`${folder}/parent/child`, `${folder}/elsewhere/child`);
    engine.closeDirectory(child);
    Deno.writeTextFileSync(`${folder}/parent/x`, "");
    assert(engine.lookup(parent, [ownName("x")])[0], "the parent is what it was");
  },
);

handleTest(
  "a pinned directory keeps its descriptor when it is closed, and when others need room",
  (_, folder) => {
    using calls = new SystemCalls();
    const directories = new Directories(calls);
    const root = directories.openRoot(folder);
    const make = (name: string) => {
      Deno.mkdirSync(`${folder}/${name}`);
      return directories.open(root, ownName(name), calls.memory.openHow.directory);
    };
    const [closed, kept] = [make("closed"), make("kept")];
    const fds = [closed, kept].map((directory) => directories.fd(directory));
    for (const directory of [closed, kept]) directories.pin(directory);
    directories.close(closed);
    for (let index = 0; index < many; index++) make(`other${index}`);
    calls.relieve();
    const inodes = fds.map((fd) => {
      assertEquals(calls.statFd(fd), 0);
      return calls.stat.inode;
    });
    assertEquals(inodes, [closed.inode, kept.inode]);
    directories.unpin(closed);
    assertEquals(calls.statFd(fds[0]!), -badDescriptor);
    directories.unpin(kept);
    calls.relieve();
    assertEquals(calls.statFd(fds[1]!), -badDescriptor);
    directories.closeAll();
  },
);

handleTest("a closed handle is a fault to use, and harmless to close", (engine, folder) => {
  const root = engine.openRoot(folder);
  const directory = engine.makeDirectory(root, ownName("directory"), 0o700);
  engine.closeDirectory(directory);
  engine.closeDirectory(directory);
  assertThrows(() => engine.list(directory), Error, "assertion failed");
});

handleTest("openRoot() follows what a person named, and nothing else is followed", (engine, folder) => {
  Deno.mkdirSync(`${folder}/real/inner`, { recursive: true });
  Deno.symlinkSync("real", `${folder}/link`);
  const root = engine.openRoot(`${folder}/link`);
  assert(engine.lookup(root, [ownName("inner")])[0]);
  const above = engine.openRoot(folder);
  assertEquals(codeOf(() => engine.openDirectory(above, ownName("link"))), "type-conflict");
  assertEquals(codeOf(() => engine.openRoot(`${folder}/missing`)), "not-found");
  assertEquals(codeOf(() => engine.openRoot(`${folder}/a\0b`)), "not-found");
  assertEquals(codeOf(() => engine.openRoot(`${folder}/${"x".repeat(5000)}`)), "io");
});

handleTest("a listing goes on where it was after others have taken its descriptor", (engine, folder) => {
  const root = engine.openRoot(folder);
  const directory = engine.makeDirectory(root, ownName("directory"), 0o700);
  // More than one chunk of the kernel's.
  for (let index = 0; index < 3000; index++) Deno.writeTextFileSync(`${folder}/directory/file-${index}`, "");
  listAgainstOthers(engine, root, directory);
});

function listAgainstOthers(engine: Engine, root: Directory, directory: Directory): void {
  const seen = new Set<string>();
  const columns = new EntryColumns();
  using listing = engine.list(directory);
  using others = new DisposableStack();
  for (let round = 0, more = true; more; round++) {
    columns.clear();
    more = listing.next(columns, 100);
    for (let index = 0; index < columns.count; index++) {
      const name = new TextDecoder().decode(columns.name(index));
      assert(!seen.has(name), `${name} comes once`);
      seen.add(name);
    }
    for (let other = 0; other < 20; other++) others.use(engine.list(root));
  }
  assertEquals(seen.size, 3000);
}
