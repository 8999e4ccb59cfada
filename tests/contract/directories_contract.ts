/** The contract of directories: handles, metadata, moves and removal, however deep and however many. */
import { assert, assertEquals } from "@std/assert";
import type { Directory, Engine } from "../../src/io/contract/engine.ts";
import { shell } from "../helpers/test_folder.ts";
import { Canary } from "../helpers/tree_record.ts";
import {
  assertCode,
  assertTime,
  contentOf,
  type ContractTest,
  createLarge,
  createOne,
  edgeTimes,
  identityIn,
  listAll,
  lookUpOne,
  mtimeOf,
  named,
  readOne,
  statOf,
} from "./contract_case.ts";

const plainTime = { seconds: 1_500_000_000, nanos: 0 };

export function directoriesContract(test: ContractTest): void {
  roots(test);
  handles(test);
  metadata(test);
  removal(test);
}

function roots(test: ContractTest): void {
  test("openRoot follows links, and says what it cannot open", async ({ engine, folder }) => {
    await shell(
      'cd "$1"; mkdir real; echo x > real/file; ln -s real link; ln -s loop loop; ln -s none dangling',
      folder,
    );
    const linked = engine.openRoot(`${folder}/link`);
    assertEquals(String(engine.identityOf(linked).inode), await statOf(`${folder}/real`, "%i"));
    assertEquals(listAll(engine, linked).count, 1);
    assertEquals(await createOne(engine, linked, "created"), undefined);
    engine.closeDirectory(linked);
    await Deno.stat(`${folder}/real/created`);
    for (
      const [path, code] of [["none", "not-found"], ["dangling", "not-found"], [
        "loop",
        "type-conflict",
      ]] as const
    ) {
      assertCode(code, () => engine.openRoot(`${folder}/${path}`));
    }
    assertCode("type-conflict", () => engine.openRoot(`${folder}/real/file`));
  });

  test("a root keeps its directory when the link to it goes elsewhere", async ({ engine, folder }) => {
    await shell('cd "$1"; mkdir a b; ln -s a link', folder);
    const root = engine.openRoot(`${folder}/link`);
    await shell('cd "$1"; ln -sfn b link', folder);
    // Kept or refused, never the other one.
    const error = await createOne(engine, root, "file");
    assertEquals(await shell('ls "$1/b"', folder), "");
    assertEquals(await shell('ls "$1/a"', folder), error ? "" : "file\n");
    engine.closeDirectory(root);
  });

  test("messages show paths escaped", ({ engine, root, folder }) => {
    const directory = engine.makeDirectory(root, named("a\nb\x1b[31m"));
    assertEquals(directory.shown, `"${folder}/a\\nb\\x1b[31m"`);
    engine.closeDirectory(directory);
  });
}

function handles(test: ContractTest): void {
  test("a directory is made private, once, and opened", async ({ engine, root, folder }) => {
    const made = engine.makeDirectory(root, named("made"));
    assertEquals(await statOf(`${folder}/made`, "%a %F"), "700 directory");
    const { device, inode } = engine.identityOf(made);
    assertEquals(`${device} ${inode}`, await statOf(`${folder}/made`, "%d %i"));
    assertCode("exists", () => engine.makeDirectory(root, named("made")));
    await shell('cd "$1"; echo x > file; ln -s none dangling', folder);
    for (const name of ["file", "dangling"]) {
      assertCode("exists", () => engine.makeDirectory(root, named(name)));
    }
    const opened = engine.openDirectory(root, named("made"));
    assertEquals(engine.identityOf(opened), engine.identityOf(made));
    engine.closeDirectory(opened);
    engine.closeDirectory(made);
    engine.closeDirectory(made);
  });

  test("only a directory can be opened as one", async ({ engine, root, folder }) => {
    await shell(
      'cd "$1"; echo x > file; mkfifo fifo; mkdir real; ln -s real link; ln -s none dangling',
      folder,
    );
    for (const name of ["file", "fifo", "link", "dangling"]) {
      assertCode("type-conflict", () => engine.openDirectory(root, named(name)));
    }
    assertCode("not-found", () => engine.openDirectory(root, named("none")));
  });

  test("handles at depth 120 list, read and create", async ({ engine, root, folder }) => {
    const chain = descend(engine, root, 120);
    const deepest = chain.at(-1)!;
    assertEquals(await createOne(engine, deepest, "file", { content: contentOf(3000) }), undefined);
    const read = await readOne({ engine, root: deepest }, "file", identityIn(engine, deepest, "file"));
    assertEquals(read, contentOf(3000));
    assertEquals((await shell('cd "$1"; find . -type f -printf "%d\\n"', folder)).trim(), "121");
    engine.setDirectoryMetadata(deepest, 0o750, plainTime);
    for (const directory of chain.reverse()) engine.closeDirectory(directory);
  });

  test("three hundred handles are used in turn, again and again", async ({ engine, root }) => {
    await useManyHandles(engine, root);
  });

  test("a handle goes with its directory when that is renamed", async ({ engine, root, folder }) => {
    const staged = engine.makeDirectory(root, named("staged"));
    const inner = engine.makeDirectory(staged, named("inner"));
    const other = engine.makeDirectory(root, named("other"));
    engine.rename(root, named("staged"), other, named("placed"), { replace: false });
    engine.movedTo(staged, other, named("placed"));
    assertEquals(staged.shown, `"${folder}/other/placed"`);
    assertEquals(await createOne(engine, staged, "file"), undefined);
    assertEquals(await createOne(engine, inner, "file"), undefined);
    assertEquals(
      await shell('cd "$1"; find . -type f | sort', folder),
      "./other/placed/file\n./other/placed/inner/file\n",
    );
    for (const directory of [inner, staged, other]) engine.closeDirectory(directory);
  });
}

function metadata(test: ContractTest): void {
  test("a directory gets its mode exactly, and a time that its content does not change any more", async (context) => {
    const { engine, root, folder } = context;
    for (const [at, mtime] of edgeTimes.entries()) {
      const mode = [0o555, 0o755, 0o000, 0o777, 0o500, 0o311][at % 6]!;
      const directory = engine.makeDirectory(root, named(`d${at}`));
      assertEquals(await createOne(engine, directory, "small", { mode: 0o400 }), undefined);
      await createLarge(engine, directory, "large");
      engine.createLink(directory, named("link"), named("small"), mtime);
      engine.setDirectoryMetadata(directory, mode, mtime);
      assertEquals(await statOf(`${folder}/d${at}`, "%a"), mode.toString(8));
      assertTime(engine, await mtimeOf(`${folder}/d${at}`), mtime);
      const step = engine.mtimeResolutionNs;
      assertTime(engine, lookUpOne(engine, root, `d${at}`)!.mtime, mtime);
      assert(lookUpOne(engine, root, `d${at}`)!.mtime.nanos % step === 0);
      engine.closeDirectory(directory);
    }
  });

  test("the metadata of a root can be set, too", async ({ engine, root, folder }) => {
    engine.setDirectoryMetadata(root, 0o750, plainTime);
    assertEquals(await statOf(folder, "%a %Y"), "750 1500000000");
  });
}

function removal(test: ContractTest): void {
  test("removeTree removes files, links, nothing, and trees, and follows no link", async (context) => {
    const { engine, root, folder } = context;
    const canary = await Canary.plant(`${folder}/canary`);
    await shell(
      `cd "$1"; mkdir -p tree/a/b tree/c; echo x > file; ln -s canary link; ln -s ../canary tree/link
       ln -s ../../../canary tree/a/b/link; ln -s /etc tree/etc; mkfifo tree/c/fifo; echo x > tree/a/b/file`,
      folder,
    );
    for (const name of ["tree", "link", "file", "none"]) engine.removeTree(root, named(name));
    assertEquals(await shell('ls "$1"', folder), "canary\n");
    await canary.assertUntouched();
  });

  test("removeTree removes read-only and unreadable directories", async ({ engine, root, folder }) => {
    await shell(
      'cd "$1"; mkdir -p tree/a/b tree/c/d; touch tree/a/b/file tree/c/d/file; chmod 0555 tree tree/a/b; chmod 0 tree/c/d tree/c',
      folder,
    );
    engine.removeTree(root, named("tree"));
    assertEquals(await shell('ls -A "$1"', folder), "");
  });

  test("removeTree removes names of every kind, UTF-8 or not", async ({ engine, root, folder }) => {
    await shell(
      `cd "$1"; mkdir -p tree/sub $'tree/\\xff\\xfe/x'; touch tree/$'\\xe9' tree/sub/$'a\\xff' tree/sub/$'a\\xef\\xbf\\xbd' tree/-rf $'tree/\\xff\\xfe/x/y'`,
      folder,
    );
    engine.removeTree(root, named("tree"));
    assertEquals(await shell('ls -A "$1"', folder), "");
  });

  test("removeTree removes 300 levels, and 1,000 directories beside each other", async (context) => {
    const { engine, root, folder } = context;
    await shell(
      'cd "$1"; mkdir -p wide "$(printf "d/%.0s" $(seq 300))"; cd wide; mkdir $(seq 1000); touch 1/file 1000/file',
      folder,
    );
    engine.removeTree(root, named("d"));
    engine.removeTree(root, named("wide"));
    assertEquals(await shell('ls -A "$1"', folder), "");
  });
}

/** Makes directories in each other. */
export function descend(engine: Engine, root: Directory, depth: number): Directory[] {
  const chain: Directory[] = [];
  for (let level = 0; level < depth; level++) {
    chain.push(engine.makeDirectory(chain.at(-1) ?? root, named(`level ${level}`)));
  }
  return chain;
}

/** Opens 300 directories and keeps all of them in use: files are created, listed and read in each. */
export async function useManyHandles(engine: Engine, root: Directory): Promise<void> {
  const directories: Directory[] = [];
  for (let at = 0; at < 300; at++) directories.push(engine.makeDirectory(root, named(`many ${at}`)));
  const content = contentOf(10);
  const writes = directories.map((directory) => ({
    directory,
    name: named("file"),
    mode: 0o600,
    mtime: plainTime,
    offset: 0,
    size: 10,
  }));
  await engine.createFiles(writes, content).finish();
  const reads = directories.map((directory, at) => ({
    directory,
    name: named("file"),
    expected: identityIn(engine, directory, "file"),
    offset: at * 10,
  }));
  const memory = new Uint8Array(3000);
  for (let round = 0; round < 3; round++) {
    memory.fill(0);
    await engine.readFiles(reads, memory).finish();
    for (let at = 0; at < 300; at++) assertEquals(memory.subarray(at * 10, at * 10 + 10), content);
  }
  for (const outcome of [...writes, ...reads]) assert(!("error" in outcome) || outcome.error === undefined);
  for (const directory of directories.reverse()) {
    engine.setDirectoryMetadata(directory, 0o700, plainTime);
    engine.closeDirectory(directory);
  }
}
