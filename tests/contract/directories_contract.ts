/** The contract of directories: handles and metadata, however deep and however many. */
import { assert, assertEquals } from "@std/assert";
import { EntryKind } from "../../src/entry/metadata.ts";
import type { Directory, Engine } from "../../src/io/contract/engine.ts";
import { shell } from "../helpers/test_folder.ts";
import {
  assertCode,
  assertTime,
  contentOf,
  type ContractTest,
  createLarge,
  createOne,
  edgeTimes,
  fileWrite,
  identityIn,
  listAll,
  lookUpOne,
  makeDirectory,
  mtimeOf,
  named,
  plainTime,
  readOne,
  settle,
  statOf,
} from "./contract_case.ts";

export function directoriesContract(test: ContractTest): void {
  roots(test);
  handles(test);
  metadata(test);
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
    const directory = makeDirectory(engine, root, "a\nb\x1b[31m");
    assertEquals(directory.shown, `"${folder}/a\\nb\\x1b[31m"`);
    engine.closeDirectory(directory);
  });
}

function handles(test: ContractTest): void {
  test("a directory is made once, and opened", async ({ engine, root, folder }) => {
    const made = makeDirectory(engine, root, "made", 0o500);
    assertEquals(await statOf(`${folder}/made`, "%a %F"), "700 directory", "its owner may fill it");
    const { device, inode } = engine.identityOf(made);
    assertEquals(`${device} ${inode}`, await statOf(`${folder}/made`, "%d %i"));
    assertCode("exists", () => makeDirectory(engine, root, "made"));
    await shell('cd "$1"; echo x > file; ln -s none dangling', folder);
    for (const name of ["file", "dangling"]) {
      assertCode("exists", () => makeDirectory(engine, root, name));
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
    settle(engine, deepest, 0o750);
    for (const directory of chain.reverse()) engine.closeDirectory(directory);
  });

  test("three hundred handles are used in turn, again and again", async ({ engine, root }) => {
    await useManyHandles(engine, root);
  });
}

function metadata(test: ContractTest): void {
  test("a directory gets its mode exactly, and a time that its content does not change any more", async (context) => {
    const { engine, root, folder } = context;
    for (const [at, mtime] of edgeTimes.entries()) {
      const mode = [0o555, 0o755, 0o000, 0o777, 0o500, 0o311][at % 6]!;
      const directory = makeDirectory(engine, root, `d${at}`);
      assertEquals(await createOne(engine, directory, "small", { mode: 0o400 }), undefined);
      await createLarge(engine, directory, "large");
      engine.createLink(directory, named("link"), named("small"), mtime);
      assertEquals(settle(engine, directory, mode, mtime), 0, "nothing is refused");
      assertEquals(await statOf(`${folder}/d${at}`, "%a"), mode.toString(8));
      assertTime(engine, await mtimeOf(`${folder}/d${at}`), mtime);
      const step = engine.mtimeResolutionNs;
      assertTime(engine, lookUpOne(engine, root, `d${at}`)!.mtime, mtime);
      assert(lookUpOne(engine, root, `d${at}`)!.mtime.nanos % step === 0);
      engine.closeDirectory(directory);
    }
  });

  test("the metadata of a root can be set, too", async ({ engine, root, folder }) => {
    settle(engine, root, 0o750);
    assertEquals(await statOf(folder, "%a %Y"), "750 1500000000");
  });

  test("set-id and sticky bits of a directory stay, and lookAt tells them", async ({ engine, root, folder }) => {
    await shell('cd "$1"; mkdir shared; chmod 7777 shared', folder);
    const shared = engine.openDirectory(root, named("shared"));
    settle(engine, shared, 0o751);
    assertEquals(await statOf(`${folder}/shared`, "%a"), "7751");
    const { special, mode, kind, owner, inode } = engine.lookAt(shared);
    assertEquals([special, mode, kind], [0o7000, 0o751, EntryKind.directory]);
    assertEquals(`${owner} ${inode}`, await statOf(`${folder}/shared`, "%u %i"));
    engine.setDirectoryMode(shared, 0o1700);
    assertEquals(await statOf(`${folder}/shared`, "%a"), "1700");
    engine.closeDirectory(shared);
  });

  test("a new directory has the set-group bit that its parent gives", async ({ engine, root, folder }) => {
    await shell('cd "$1"; mkdir team; chgrp 2001 team; chmod 2770 team', folder);
    const team = engine.openDirectory(root, named("team"));
    const made = makeDirectory(engine, team, "made", 0o750);
    settle(engine, made, 0o750);
    assertEquals(await statOf(`${folder}/team/made`, "%a %g"), "2750 2001");
    for (const directory of [made, team]) engine.closeDirectory(directory);
  }, { root: true });

  test("a directory that may not be loosened gets no permission more", async ({ engine, root, folder }) => {
    for (
      const [had, wanted, gets] of [[0o700, 0o755, 0o700], [0o755, 0o750, 0o750], [0o1770, 0o707, 0o1700]]
    ) {
      await shell('cd "$1"; rm -rf d; mkdir d; chmod "$2" d', folder, had!.toString(8));
      const directory = engine.openDirectory(root, named("d"));
      const metadata = { mode: wanted!, mtime: plainTime };
      engine.setDirectoryMetadata(directory, metadata, { mayLoosen: false });
      assertEquals(await statOf(`${folder}/d`, "%a %Y"), `${gets!.toString(8)} 1500000000`);
      engine.closeDirectory(directory);
    }
  });
}

/** Makes directories in each other. */
export function descend(engine: Engine, root: Directory, depth: number): Directory[] {
  const chain: Directory[] = [];
  for (let level = 0; level < depth; level++) {
    chain.push(makeDirectory(engine, chain.at(-1) ?? root, `level ${level}`));
  }
  return chain;
}

/** Opens 300 directories and keeps all of them in use: files are created, listed and read in each. */
export async function useManyHandles(engine: Engine, root: Directory): Promise<void> {
  const directories: Directory[] = [];
  for (let at = 0; at < 300; at++) directories.push(makeDirectory(engine, root, `many ${at}`));
  const content = contentOf(10);
  const writes = directories.map((directory) => fileWrite(directory, "file", { size: 10, atOnce: true }));
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
    settle(engine, directory, 0o700);
    engine.closeDirectory(directory);
  }
}
