/** The contract of the destination: files, small and large, links, modes, renames, locks and room. */
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
  lookUpOne,
  mtimeOf,
  named,
  statOf,
} from "./contract_case.ts";

const modes = [0o000, 0o001, 0o200, 0o400, 0o444, 0o600, 0o640, 0o644, 0o666, 0o755, 0o777];
const plainTime = { seconds: 1_500_000_000, nanos: 0 };

/** Gives a directory a default ACL, as linux/posix_acl_xattr.h lays it out: user rw-, group r--, other ---. */
const setDefaultAcl = `import os, struct, sys
acl = struct.pack('<I', 2)
for tag, perm in ((1, 6), (4, 4), (32, 0)): acl += struct.pack('<HHI', tag, perm, 0xffffffff)
os.setxattr(sys.argv[1], 'system.posix_acl_default', acl)`;

export function creatingContract(test: ContractTest): void {
  smallFiles(test);
  largeFiles(test);
  links(test);
  existingEntries(test);
  locksAndRoom(test);
}

function smallFiles(test: ContractTest): void {
  test("a batch creates files of every size, mode and time, in several directories", async (context) => {
    const { engine, root, folder } = context;
    const below = engine.makeDirectory(root, named("below"));
    const sizes = [0, 1, 4095, 4096, 4097, 1_048_576];
    const files: FileWrite[] = [];
    let offset = 5;
    const count = Math.max(modes.length, edgeTimes.length) * 2;
    for (let at = 0; at < count; at++) {
      const size = sizes[at % sizes.length]!;
      const mtime = edgeTimes[at % edgeTimes.length]!;
      const mode = modes[at % modes.length]!;
      files.push({ directory: at % 2 ? root : below, name: named(`file ${at}`), mode, mtime, offset, size });
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

  test("modes are exact where a default ACL says otherwise", async ({ engine, root, folder }) => {
    const plain = engine.makeDirectory(root, named("plain"));
    const ruled = engine.makeDirectory(root, named("ruled"));
    await shell('python3 -c "$2" "$1/ruled"', folder, setDefaultAcl);
    for (const [name, directory] of [["plain", plain], ["ruled", ruled]] as const) {
      for (const mode of [0o644, 0o666, 0o600, 0o751]) {
        const octal = mode.toString(8);
        assertEquals(await createOne(engine, directory, octal, { mode }), undefined);
        await createLarge(engine, directory, `large ${octal}`, { mode });
        assertEquals(await statOf(`${folder}/${name}/${octal}`, "%a"), octal);
        assertEquals(await statOf(`${folder}/${name}/large ${octal}`, "%a"), octal);
      }
      engine.closeDirectory(engine.makeDirectory(directory, named("below")));
      assertEquals(await statOf(`${folder}/${name}/below`, "%a"), "700");
      engine.closeDirectory(directory);
    }
  }, { programs: ["python3"] });

  test("what is there is never written to: exists, and the rest of the batch is created", async (context) => {
    const { engine, root, folder } = context;
    await shell(
      'cd "$1"; echo old > file; mkdir directory; mkfifo fifo; ln -s file link; ln -s none dangling',
      folder,
    );
    const taken = ["file", "directory", "fifo", "link", "dangling"];
    const files = ["a", ...taken, "b"].map((name): FileWrite => ({
      directory: root,
      name: named(name),
      mode: 0o600,
      mtime: plainTime,
      offset: 0,
      size: 5,
    }));
    await engine.createFiles(files, contentOf(5)).finish();
    assertEquals(files.map(({ error }) => error?.code), [
      undefined,
      ...taken.map(() => "exists" as const),
      undefined,
    ]);
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old\n");
    assertEquals((await shell('ls "$1"', folder)).trim().split("\n"), ["a", "b", ...taken.sort()]);
    for (const name of taken) assertCode("exists", () => engine.createTarget(root, named(name), 10));
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old\n");
  });

  test("a directory that is gone fails its files and no others", async ({ engine, root, folder }) => {
    const gone = engine.makeDirectory(root, named("gone"));
    await Deno.remove(`${folder}/gone`);
    const files = [gone, root].map((directory): FileWrite => ({
      directory,
      name: named("file"),
      mode: 0o600,
      mtime: plainTime,
      offset: 0,
      size: 5,
    }));
    await engine.createFiles(files, contentOf(5)).finish();
    checkCode(["not-found", "type-conflict"], files[0]!.error);
    assertEquals(files[1]!.error, undefined);
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
    const directory = engine.makeDirectory(root, named(`directory ${at}`));
    engine.setDirectoryMetadata(directory, 0o700, mtime);
    engine.closeDirectory(directory);
    for (const what of ["small", "large", "directory"]) {
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
    const file = engine.createTarget(root, named("large"), content.length);
    assertEquals(file.size, content.length);
    assertEquals(
      await statOf(`${folder}/large`, "%a"),
      "600",
      "nobody else may look into it before it is whole",
    );
    const step = 1_000_000;
    const pendings = [];
    for (let offset = 4_000_000; offset >= 0; offset -= step) {
      pendings.push(engine.writeRange(file, offset, content.slice(offset, offset + step)));
    }
    for (const pending of pendings.reverse()) await pending.finish();
    engine.finishTarget(file, 0o444, edgeTimes[2]!);
    assertEquals(await statOf(`${folder}/large`, "%a %s"), `444 ${content.length}`);
    assertTime(engine, await mtimeOf(`${folder}/large`), edgeTimes[2]!);
    await Deno.writeFile(`${folder}/wanted`, content);
    await shell('cmp "$1/large" "$1/wanted"', folder);
  });

  test("a range beyond 4 GiB is written where it belongs", async ({ engine, root, folder }) => {
    const offset = 2 ** 32 + 4097;
    const file = engine.createTarget(root, named("large"), 100);
    await engine.writeRange(file, offset, contentOf(1000)).finish();
    await engine.writeRange(file, 0, contentOf(100, 2)).finish();
    engine.finishTarget(file, 0o644, plainTime);
    assertEquals(await statOf(`${folder}/large`, "%s"), String(offset + 1000));
    await Deno.writeFile(`${folder}/tail`, contentOf(1000));
    await shell('tail -c 1000 "$1/large" | cmp - "$1/tail"', folder);
  });

  test("an empty large file is one, an abandoned one can be unlinked", async ({ engine, root, folder }) => {
    engine.finishTarget(engine.createTarget(root, named("empty"), 0), 0o640, plainTime);
    assertEquals(await statOf(`${folder}/empty`, "%a %s"), "640 0");
    engine.abandonTarget(engine.createTarget(root, named("abandoned"), 1_000_000));
    engine.unlink(root, named("abandoned"));
    assertEquals(await shell('ls "$1"', folder), "empty\n");
  });

  test("reads and writes of large files take turns", async ({ engine, root, folder }) => {
    const content = contentOf(2_000_000);
    await Deno.writeFile(`${folder}/from`, content);
    const { inode, device, ctimeNs, mtime, size } = lookUpOne(engine, root, "from")!;
    const source = engine.openSource(root, named("from"), { inode, device, ctimeNs, mtime, size });
    const target = engine.createTarget(root, named("to"), size);
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
    engine.finishTarget(target, 0o600, plainTime);
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

  test("rename puts a file into place, and replaces only what it may", async ({ engine, root, folder }) => {
    const below = engine.makeDirectory(root, named("below"));
    const prepare =
      'cd "$1"; echo new > new; echo old > old; ln -sf none link; mkdir -p empty full/x below; rm -f moved';
    const move = (to: string, replace: boolean) =>
      engine.rename(root, named("new"), root, named(to), { replace });
    await shell(prepare, folder);
    assertCode("exists", () => move("old", false));
    for (const replace of [false, true]) {
      for (const name of ["empty", "full"]) {
        assertCode(replace ? "type-conflict" : "exists", () => move(name, replace));
      }
    }
    assertEquals(await shell('cd "$1"; cat old; ls full', folder), "old\nx\n");
    move("moved", false);
    assertEquals(
      await shell('cd "$1"; cat moved; ls', folder),
      "new\nbelow\nempty\nfull\nlink\nmoved\nold\n",
    );
    await shell(prepare, folder);
    move("old", true);
    await shell('test "$(cat "$1/old")" = new -a ! -e "$1/new"', folder);
    await shell(prepare, folder);
    move("link", true);
    await shell('test "$(cat "$1/link")" = new -a ! -L "$1/link"', folder);
    await shell(prepare, folder);
    engine.rename(root, named("new"), below, named("there"), { replace: true });
    await shell('test "$(cat "$1/below/there")" = new', folder);
    for (const replace of [false, true]) {
      assertCode("not-found", () => engine.rename(root, named("none"), root, named("other"), { replace }));
    }
    engine.closeDirectory(below);
  });

  test("rename moves a directory with its content, never onto anything", async ({ engine, root, folder }) => {
    await shell('cd "$1"; mkdir -p from/deep empty full/x; echo x > from/deep/file; echo old > file', folder);
    const move = (to: string, replace: boolean) =>
      engine.rename(root, named("from"), root, named(to), { replace });
    for (const name of ["empty", "full", "file"]) {
      assertCode("exists", () => move(name, false));
      assertCode(["type-conflict", "exists"], () => move(name, true));
    }
    move("to", false);
    assertEquals(
      await shell('cd "$1"; find | sort', folder),
      ".\n./empty\n./file\n./full\n./full/x\n./to\n./to/deep\n./to/deep/file\n",
    );
  });

  test("unlink removes files, links, FIFOs and sockets, and no directory", async ({ engine, root, folder }) => {
    await shell('cd "$1"; echo x > file; mkfifo fifo; ln -s kept link; mkdir kept', folder);
    for (const name of ["file", "fifo", "link"]) engine.unlink(root, named(name));
    assertCode("type-conflict", () => engine.unlink(root, named("kept")));
    assertCode("not-found", () => engine.unlink(root, named("file")));
    assertEquals(await shell('ls "$1"', folder), "kept\n");
  });
}

function locksAndRoom(test: ContractTest): void {
  test("a lock keeps out this process, another one, and is gone when released", async (context) => {
    const { engine, root, folder } = context;
    const mayOther = async () =>
      (await shell('flock -n "$1/lock" true && echo yes || echo no', folder)).trim() === "yes";
    const lock = engine.tryLock(root, named("lock"));
    if (!lock) throw new Error("the lock is free");
    assertEquals(engine.tryLock(root, named("lock")), undefined);
    assertEquals(await mayOther(), false);
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    assertEquals(await mayOther(), true);
    using again = engine.tryLock(root, named("lock"));
    assert(again);
    assertEquals(await statOf(`${folder}/lock`, "%a %s"), "600 0");
  }, { programs: ["flock"] });

  test("a lock that another process holds is told, and free once that is killed", async (context) => {
    const { engine, root, folder } = context;
    const other = new Deno.Command("flock", {
      args: [`${folder}/lock`, "bash", "-c", "echo held; read -r"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = other.stdout.getReader();
    await reader.read();
    assertEquals(engine.tryLock(root, named("lock")), undefined);
    await other.stdin.close();
    await other.status;
    await reader.cancel();
    using lock = engine.tryLock(root, named("lock"));
    assert(lock);
  }, { programs: ["flock"] });

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
    const below = engine.makeDirectory(root, named("below"));
    assertEquals(await createOne(engine, below, "file"), undefined);
    await engine.syncFileSystem(below);
    engine.closeDirectory(below);
    await engine.syncFileSystem(root);
  });
}
