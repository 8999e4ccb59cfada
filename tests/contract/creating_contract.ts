/** The contract of the destination: files, small and large, links, modes and room. */
import { assert, assertEquals } from "@std/assert";
import type { Timestamp } from "../../src/entry/metadata.ts";
import type { FileWrite } from "../../src/io/contract/engine.ts";
import { withSeed } from "../helpers/random.ts";
import { shell } from "../helpers/test_folder.ts";
import {
  assertCode,
  assertTime,
  checkCode,
  contentOf,
  type ContractCase,
  type ContractTest,
  createLarge,
  createOne,
  edgeTimes,
  fileWrite,
  lookUpOne,
  makeDirectory,
  mtimeOf,
  named,
  plainTime,
  settle,
  statOf,
} from "./contract_case.ts";

const modes = [0o000, 0o001, 0o200, 0o400, 0o444, 0o600, 0o640, 0o644, 0o666, 0o755, 0o777];

export function creatingContract(test: ContractTest): void {
  smallFiles(test);
  largeFiles(test);
  links(test);
  existingEntries(test);
  roomAndStorage(test);
}

function smallFiles(test: ContractTest): void {
  test("a batch creates files of every size, mode and time, in several directories", async (context) => {
    const { engine, root, folder } = context;
    const below = makeDirectory(engine, root, "below");
    const sizes = [0, 1, 4095, 4096, 4097, 1_048_576];
    const files: FileWrite[] = [];
    let offset = 5;
    const count = Math.max(modes.length, edgeTimes.length) * 2;
    for (let at = 0; at < count; at++) {
      const size = sizes[at % sizes.length]!;
      const mtime = edgeTimes[at % edgeTimes.length]!;
      const mode = modes[at % modes.length]!;
      const directory = at % 2 ? root : below;
      files.push(fileWrite(directory, `file ${at}`, { mode, mtime, offset, size, atOnce: at % 3 === 0 }));
      offset += size;
    }
    const memory = new Uint8Array(offset);
    for (const [at, file] of files.entries()) memory.set(contentOf(file.size, at), file.offset);
    await engine.createFiles(files, memory).finish();
    for (const [at, { directory, mode, mtime, size, error }] of files.entries()) {
      assertEquals(error, undefined);
      const path = `${folder}/${directory === root ? "" : "below/"}file ${at}`;
      assertEquals(
        await statOf(path, "%a %s %F"),
        `${mode.toString(8)} ${size} regular ${size ? "" : "empty "}file`,
      );
      assertTime(engine, await mtimeOf(path), mtime);
      assertTime(engine, lookUpOne(engine, directory, `file ${at}`)!.mtime, mtime);
      await Deno.chmod(path, 0o600); // so that the test may read it, too
      assertEquals(await Deno.readFile(path), contentOf(size, at));
    }
    engine.closeDirectory(below);
  });

  test("a time that was set is read back, cut to the resolution and never rounded up", async (context) => {
    await withSeed((random) => holdTimes(context, [...edgeTimes, ...randomTimes(random, 100)]));
  });

  test("what is there is never written to: exists, and the rest of the batch is created", async (context) => {
    const { engine, root, folder } = context;
    await shell(
      'cd "$1"; echo old > file; mkdir directory; mkfifo fifo; ln -s file link; ln -s none dangling',
      folder,
    );
    const taken = ["file", "directory", "fifo", "link", "dangling"];
    for (const atOnce of [false, true]) {
      const files = ["a", ...taken, "b"].map((name) => fileWrite(root, name, { atOnce }));
      await engine.createFiles(files, contentOf(5)).finish();
      const codes = files.map(({ error }) => error?.code);
      assertEquals(codes, [undefined, ...taken.map(() => "exists" as const), undefined]);
      assertEquals(await Deno.readTextFile(`${folder}/file`), "old\n");
      assertEquals((await shell('ls -A "$1"', folder)).trim().split("\n"), ["a", "b", ...taken.toSorted()]);
      for (const name of ["a", "b"]) engine.unlink(root, named(name));
    }
    for (const name of taken) {
      assertCode("exists", () => engine.createTarget(root, named(name), { size: 10, mode: 0o644 }));
    }
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old\n");
  });

  test("a directory that is gone fails its files and no others", async ({ engine, root, folder }) => {
    const gone = makeDirectory(engine, root, "gone");
    await Deno.remove(`${folder}/gone`);
    for (const atOnce of [false, true]) {
      const files = [gone, root].map((directory) => fileWrite(directory, `file ${atOnce}`, { atOnce }));
      await engine.createFiles(files, contentOf(5)).finish();
      checkCode(["not-found", "type-conflict"], files[0]!.error);
      assertEquals(files[1]!.error, undefined);
    }
    engine.closeDirectory(gone);
  });
}

/** Sets times on every kind of entry, and reads them back. */
async function holdTimes({ engine, root }: ContractCase, times: Timestamp[]): Promise<void> {
  const step = engine.mtimeResolutionNs;
  for (const [at, mtime] of times.entries()) {
    const wanted = { seconds: mtime.seconds, nanos: mtime.nanos - mtime.nanos % step };
    assertEquals(await createOne(engine, root, `small ${at}`, { mtime }), undefined);
    await createLarge(engine, root, `large ${at}`, { mtime, content: contentOf(1) });
    assertEquals(await createOne(engine, root, `at once ${at}`, { mtime, atOnce: true }), undefined);
    const directory = makeDirectory(engine, root, `directory ${at}`);
    settle(engine, directory, 0o700, mtime);
    engine.closeDirectory(directory);
    for (const what of ["small", "large", "at once", "directory"]) {
      assertEquals(lookUpOne(engine, root, `${what} ${at}`)!.mtime, wanted, what);
    }
    engine.createLink(root, named(`link ${at}`), named("x"), mtime);
    // Without FFI the times of links before 1970 are kept to the second.
    const nanos = engine.kind === "deno" && mtime.seconds < 0 ? 0 : wanted.nanos;
    assertEquals(lookUpOne(engine, root, `link ${at}`)!.mtime, { seconds: wanted.seconds, nanos }, "link");
  }
}

/** Times that every file system keeps, half of them just before a full second. */
function randomTimes(random: () => number, count: number): Timestamp[] {
  return Array.from({ length: count }, (_, at) => ({
    seconds: Math.floor(random() * 4e9) - 1_000_000_000,
    nanos: at % 2 ? Math.floor(random() * 1e9) : 999_999_999 - Math.floor(random() * 1000),
  }));
}

function largeFiles(test: ContractTest): void {
  test("a large file is written by ranges in any order, several at a time", async (context) => {
    const { engine, root, folder } = context;
    const content = contentOf(4_000_001);
    const file = engine.createTarget(root, named("large"), { size: content.length, mode: 0o444 });
    assertEquals(file.size, content.length);
    const before = await statOf(`${folder}/large`, "%a");
    assertEquals(before, "1600", "nobody else may look into it before it is whole, and it is marked");
    const step = 1_000_000;
    const pendings = [];
    for (let offset = 4_000_000; offset >= 0; offset -= step) {
      pendings.push(engine.writeRange(file, offset, content.slice(offset, offset + step)));
    }
    for (const pending of pendings.reverse()) await pending.finish();
    engine.finishTarget(file, { mode: 0o444, mtime: edgeTimes[2]! });
    assertEquals(await statOf(`${folder}/large`, "%a %s"), `444 ${content.length}`);
    assertTime(engine, await mtimeOf(`${folder}/large`), edgeTimes[2]!);
    await Deno.writeFile(`${folder}/wanted`, content);
    await shell('cmp "$1/large" "$1/wanted"', folder);
  });

  test("a range beyond 4 GiB is written where it belongs", async ({ engine, root, folder }) => {
    const offset = 2 ** 32 + 4097;
    const file = engine.createTarget(root, named("large"), { size: 100, mode: 0o644 });
    await engine.writeRange(file, offset, contentOf(1000)).finish();
    await engine.writeRange(file, 0, contentOf(100, 2)).finish();
    engine.finishTarget(file, { mode: 0o644, mtime: plainTime });
    assertEquals(await statOf(`${folder}/large`, "%s"), String(offset + 1000));
    await Deno.writeFile(`${folder}/tail`, contentOf(1000));
    await shell('tail -c 1000 "$1/large" | cmp - "$1/tail"', folder);
  });

  test("an empty large file is one, an abandoned one can be unlinked", async ({ engine, root, folder }) => {
    const empty = engine.createTarget(root, named("empty"), { size: 0, mode: 0o640 });
    engine.finishTarget(empty, { mode: 0o640, mtime: plainTime });
    assertEquals(await statOf(`${folder}/empty`, "%a %s"), "640 0");
    engine.abandonTarget(engine.createTarget(root, named("abandoned"), { size: 1_000_000, mode: 0o640 }));
    engine.unlink(root, named("abandoned"));
    assertEquals(await shell('ls "$1"', folder), "empty\n");
  });

  test("reads and writes of large files take turns", async ({ engine, root, folder }) => {
    const content = contentOf(2_000_000);
    await Deno.writeFile(`${folder}/from`, content);
    const { inode, device, ctimeNs, mtime, size } = lookUpOne(engine, root, "from")!;
    const source = engine.openSource(root, named("from"), { inode, device, ctimeNs, mtime, size });
    const target = engine.createTarget(root, named("to"), { size, mode: 0o600 });
    const half = size / 2;
    const [first, second] = [new Uint8Array(half), new Uint8Array(half)];
    const reading = engine.readRange(source, 0, first);
    const readingToo = engine.readRange(source, half, second);
    await reading.finish();
    const writing = engine.writeRange(target, 0, first);
    await readingToo.finish();
    const writingToo = engine.writeRange(target, half, second);
    await writingToo.finish();
    await writing.finish();
    engine.closeSource(source);
    await engine.syncTarget(target);
    engine.finishTarget(target, { mode: 0o600, mtime: plainTime });
    await shell('cmp "$1/from" "$1/to"', folder);
  });
}

function links(test: ContractTest): void {
  test("links are made with their text and their own time, and nothing is replaced", async (context) => {
    const { engine, root, folder } = context;
    const texts = ["file", "/absolute", "../..", "none", " \n\\", "y".repeat(4095)];
    for (const [at, text] of texts.entries()) {
      engine.createLink(root, named(`link ${at}`), new TextEncoder().encode(text), edgeTimes[at]!);
      assertEquals(await Deno.readLink(`${folder}/link ${at}`), text);
      const { seconds } = await mtimeOf(`${folder}/link ${at}`);
      assertEquals(seconds, edgeTimes[at]!.seconds);
    }
    await Deno.writeTextFile(`${folder}/taken`, "old");
    for (const name of ["taken", "link 0"]) {
      assertCode("exists", () => engine.createLink(root, named(name), named("elsewhere"), plainTime));
    }
    assertEquals(await Deno.readTextFile(`${folder}/taken`), "old");
    assertEquals(await Deno.readLink(`${folder}/link 0`), "file");
    const foreign = Uint8Array.of(0xe9, 0xff);
    if (engine.exactNames) {
      engine.createLink(root, named("foreign"), foreign, plainTime);
      assertEquals((await shell('readlink -n "$1/foreign" | od -An -tx1', folder)).trim(), "e9 ff");
    } else {assertCode("name-unrepresentable", () =>
        engine.createLink(root, named("foreign"), foreign, plainTime));}
  });
}

function existingEntries(test: ContractTest): void {
  test("setFileMode sets the mode of a file, also of one without any, and of nothing else", async (context) => {
    const { engine, root, folder } = context;
    await shell(
      'cd "$1"; echo x > file; mkdir -m 0755 directory; mkfifo -m 0600 fifo; ln -s file link',
      folder,
    );
    for (const mode of [...modes, 0o640]) {
      engine.setFileMode(root, named("file"), mode);
      assertEquals(await statOf(`${folder}/file`, "%a"), mode.toString(8));
    }
    for (const name of ["directory", "fifo", "link"]) {
      assertCode("type-conflict", () => engine.setFileMode(root, named(name), 0o777));
    }
    assertCode("not-found", () => engine.setFileMode(root, named("none"), 0o777));
    assertEquals(await shell('cd "$1"; stat --format=%a file directory fifo', folder), "640\n755\n600\n");
  });

  test("setFileTime sets the time of a file, and of nothing else", async ({ engine, root, folder }) => {
    await shell('cd "$1"; echo x > file; mkdir directory; mkfifo fifo; ln -s file link', folder);
    const before = await shell('cd "$1"; stat --format=%Y directory fifo link', folder);
    for (const seconds of [0, 1_600_000_000]) {
      engine.setFileTime(root, named("file"), { seconds, nanos: 0 });
      assertEquals(await statOf(`${folder}/file`, "%Y %s"), `${seconds} 2`);
    }
    for (const name of ["directory", "fifo", "link"]) {
      assertCode("type-conflict", () => engine.setFileTime(root, named(name), plainTime));
    }
    assertCode("not-found", () => engine.setFileTime(root, named("none"), plainTime));
    assertEquals(await shell('cd "$1"; stat --format=%Y directory fifo link', folder), before);
    assertEquals(await statOf(`${folder}/file`, "%Y"), "1600000000");
  });

  test("unlink removes files, links, FIFOs and sockets, and no directory", async ({ engine, root, folder }) => {
    await shell('cd "$1"; echo x > file; mkfifo fifo; ln -s kept link; mkdir kept', folder);
    for (const name of ["file", "fifo", "link"]) engine.unlink(root, named(name));
    assertCode("type-conflict", () => engine.unlink(root, named("kept")));
    assertCode("not-found", () => engine.unlink(root, named("file")));
    assertEquals(await shell('ls "$1"', folder), "kept\n");
  });
}

function roomAndStorage(test: ContractTest): void {
  test("free room is what the file system says", async ({ engine, root, folder }) => {
    const { bytes, inodes } = engine.freeSpace(root);
    const [blockBytes, blocks, files] = (await shell('stat -f --format="%S %a %d" "$1"', folder)).split(" ")
      .map(Number);
    if (bytes === undefined || inodes === undefined) throw new Error("nothing is known");
    // Others write, too: a quarter is near enough to tell it from any other number of the same struct.
    assert(Math.abs(bytes - blockBytes! * blocks!) < bytes / 4, `${bytes} bytes`);
    assert(Math.abs(inodes - files!) < inodes / 4, `${inodes} inodes`);
  });

  test("what was written is brought to stable storage", async ({ engine, root }) => {
    const below = makeDirectory(engine, root, "below");
    assertEquals(await createOne(engine, below, "file"), undefined);
    await engine.syncFileSystem(below);
    engine.closeDirectory(below);
    await engine.syncFileSystem(root);
  });
}
