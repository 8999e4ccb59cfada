/** The contract of sources: small files in batches, large files by ranges, and what changes in between. */
import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import type { Directory } from "../../src/io/contract/engine.ts";
import type { FileRead } from "../../src/io/contract/engine.ts";
import { shell } from "../helpers/test_folder.ts";
import {
  assertCode,
  checkCode,
  contentOf,
  type ContractTest,
  identityIn,
  listAll,
  named,
  readBatch,
  readOne,
} from "./contract_case.ts";

const sizes = [0, 1, 2, 511, 4095, 4096, 4097, 65_535, 65_537, 1_048_576];

/** What may happen to `victim`, a file of 5,000 bytes, between its listing and its read: shell text. */
const changes: Record<string, { script: string; code: "changed" | "vanished"; needs?: { root: true } }> = {
  "has shrunk": { script: "truncate -s 4999 victim", code: "changed" },
  "is empty now": { script: ": > victim", code: "changed" },
  "has another time": { script: "touch -d @1000 victim", code: "changed" },
  "was replaced by a copy with its time": {
    script: "cp -p victim other && mv other victim",
    code: "changed",
  },
  "was replaced by a symbolic link": { script: "mv victim other && ln -s other victim", code: "changed" },
  "was replaced by a dangling link": { script: "rm victim && ln -s none victim", code: "changed" },
  "was replaced by a directory": { script: "rm victim && mkdir victim", code: "changed" },
  "was replaced by a FIFO": { script: "rm victim && mkfifo victim", code: "changed" },
  "was replaced by a socket": {
    script: `rm victim && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("victim")'`,
    code: "changed",
  },
  "was replaced by a device": {
    script: "rm victim && mknod victim c 1 5",
    code: "changed",
    needs: { root: true },
  },
  "is gone": { script: "rm victim", code: "vanished" },
};

export function readingContract(test: ContractTest): void {
  smallFiles(test);
  changedFiles(test);
  largeFiles(test);
}

function smallFiles(test: ContractTest): void {
  test("small files of every size are read whole, in one batch, and nothing beside them", async (context) => {
    const { engine, root, folder } = context;
    for (const size of sizes) await Deno.writeFile(`${folder}/${size}`, contentOf(size));
    const { batch, memory } = readBatch(sizes.map((size) => ({
      directory: root,
      name: named(String(size)),
      expected: identityIn(engine, root, String(size)),
    })));
    memory.fill(0xaa);
    await engine.readFiles(batch, memory).finish();
    for (const [index, size] of sizes.entries()) {
      const { error, offset } = batch[index]!;
      assertEquals(error, undefined);
      assertEquals(memory.subarray(offset, offset + size), contentOf(size));
    }
    assertEquals([memory[0], memory[2], memory.at(-8), memory.at(-1)], [0xaa, 0xaa, 0xaa, 0xaa]);
  });

  test("a batch goes over several directories, and over more files than are open at a time", async (context) => {
    const { engine, root, folder } = context;
    const files: Parameters<typeof readBatch>[0] = [];
    const directories: Directory[] = [];
    for (let d = 0; d < 5; d++) {
      await Deno.mkdir(`${folder}/${d}`);
      for (let f = 0; f < 60; f++) await Deno.writeFile(`${folder}/${d}/${f}`, contentOf(f * 7, d + 1));
      const directory = engine.openDirectory(root, named(String(d)));
      directories.push(directory);
      const columns = listAll(engine, directory);
      for (let at = 0; at < columns.count; at++) {
        files.push({ directory, name: columns.name(at), expected: columns.identity(at) });
      }
    }
    files.sort((a, b) => a.expected.size - b.expected.size); // directories take turns
    const { batch, memory } = readBatch(files);
    await engine.readFiles(batch, memory).finish();
    for (const { directory, name, expected, offset, error } of batch) {
      assertEquals(error, undefined);
      const seed = directories.indexOf(directory) + 1;
      const wanted = contentOf(Number(new TextDecoder().decode(name)) * 7, seed);
      assertEquals(memory.subarray(offset, offset + expected.size), wanted);
    }
    for (const directory of directories) engine.closeDirectory(directory);
  });

  test("two batches and a range may be under way at a time", async ({ engine, root, folder }) => {
    const content = contentOf(3_000_000);
    await Deno.writeFile(`${folder}/large`, content);
    for (const name of ["a", "b"]) {
      await Deno.writeFile(`${folder}/${name}`, contentOf(9000, name.charCodeAt(0)));
    }
    const [a, b] = ["a", "b"].map((name) =>
      readBatch([{ directory: root, name: named(name), expected: identityIn(engine, root, name) }])
    );
    const source = engine.openSource(root, named("large"), identityIn(engine, root, "large"));
    const target = new Uint8Array(content.length);
    const pendings = [
      engine.readFiles(a!.batch, a!.memory),
      engine.readRange(source, 0, target),
      engine.readFiles(b!.batch, b!.memory),
    ];
    await Promise.all([pendings[2]!.finish(), pendings[1]!.finish(), pendings[0]!.finish()]);
    assertEquals(a!.memory.subarray(3, 9003), contentOf(9000, 97));
    assertEquals(b!.memory.subarray(3, 9003), contentOf(9000, 98));
    assertEquals(target, content);
    engine.closeSource(source);
  });

  test("an empty batch is finished", async ({ engine }) => {
    await engine.readFiles([], new Uint8Array(0)).finish();
  });

  test("a file that fails leaves the others of its batch alone", async ({ engine, root, folder }) => {
    const names = ["a", "victim", "b"];
    for (const name of names) await Deno.writeFile(`${folder}/${name}`, contentOf(700, name.length));
    const { batch, memory } = readBatch(names.map((name) => ({
      directory: root,
      name: named(name),
      expected: identityIn(engine, root, name),
    })));
    await Deno.remove(`${folder}/victim`);
    await engine.readFiles(batch, memory).finish();
    assertEquals(batch.map(({ error }) => error?.code), [undefined, "vanished", undefined]);
    for (const { offset } of [batch[0]!, batch[2]!]) {
      assertEquals(memory.subarray(offset, offset + 700), contentOf(700, 1));
    }
  });
}

function changedFiles(test: ContractTest): void {
  for (const [what, { script, code, needs }] of Object.entries(changes)) {
    test(`a file that ${what} since its listing is ${code}, in a batch and by ranges`, async (context) => {
      const { engine, root, folder } = context;
      await Deno.writeFile(`${folder}/victim`, contentOf(5000));
      await Deno.writeFile(`${folder}/beside`, contentOf(50));
      const expected = identityIn(engine, root, "victim");
      const beside = identityIn(engine, root, "beside");
      await shell(`cd "$1" && ${script}`, folder);
      checkCode(code, await readOne(context, "victim", expected));
      assertCode(code, () => engine.openSource(root, named("victim"), expected));
      assertEquals(await readOne(context, "beside", beside), contentOf(50));
    }, needs);
  }

  test("a file that has grown gives what it had, and tells its size", async (context) => {
    const { engine, root, folder } = context;
    for (const size of [0, 5000]) {
      const path = `${folder}/log`;
      await Deno.writeFile(path, contentOf(size));
      const expected = identityIn(engine, root, "log");
      await Deno.writeFile(path, contentOf(700, 2), { append: true });
      const { batch, memory } = readBatch([{ directory: root, name: named("log"), expected }]);
      await engine.readFiles(batch, memory).finish();
      const { error, grownTo, offset, isUnsized = false } = batch[0]!;
      assertEquals([error, grownTo, isUnsized], [undefined, size + 700, false]);
      assertEquals(memory.subarray(offset, offset + size), contentOf(size));
      const file = engine.openSource(root, named("log"), expected);
      assertEquals([file.size, engine.checkUnchanged(file)], [size, size + 700]);
      await Deno.writeFile(path, contentOf(10), { append: true });
      assertEquals(engine.checkUnchanged(file), size + 710);
      engine.closeSource(file);
    }
  });

  test("a file that says another size than it has is told from one that changed", async ({ engine }) => {
    const root = engine.openRoot("/proc");
    for (const [name, bytesMax] of [["version", 4096], ["cpuinfo", 1_000_000]] as const) {
      const expected = identityIn(engine, root, name);
      assertEquals(expected.size, 0);
      const { batch, memory } = readBatch([{ directory: root, name: named(name), expected }]);
      await engine.readFiles(batch, memory).finish();
      assertEquals([batch[0]!.error?.code, batch[0]!.isUnsized], ["changed", true]);
      const read: FileRead = { directory: root, name: named(name), expected, offset: 0, bytesMax };
      const room = new Uint8Array(bytesMax);
      await engine.readFiles([read], room).finish();
      const wanted = await Deno.readFile(`/proc/${name}`);
      assertEquals([read.error, read.bytesRead], [undefined, wanted.length]);
      if (name === "version") assertEquals(room.subarray(0, read.bytesRead), wanted);
      for (const [max, code] of [[wanted.length - 1, "io"], [wanted.length, undefined]] as const) {
        const limited: FileRead = { ...read, bytesMax: max, bytesRead: undefined };
        await engine.readFiles([limited], room).finish();
        assertEquals(limited.error?.code, code);
      }
    }
    engine.closeDirectory(root);
  });

  test("a file overwritten with as many bytes and its old time is changed", async (context) => {
    const { engine, root, folder } = context;
    const path = `${folder}/victim`;
    await Deno.writeFile(path, contentOf(5000));
    await Deno.utime(path, 1_000_000, 1_000_000);
    const expected = identityIn(engine, root, "victim");
    const changedAt = () => Deno.statSync(path).ctime!.getTime();
    const before = changedAt();
    do {
      await Deno.writeFile(path, contentOf(5000, 2));
      await Deno.utime(path, 1_000_000, 1_000_000);
    } while (changedAt() === before); // until the clock of the file system has moved on
    checkCode("changed", await readOne(context, "victim", expected));
    assertCode("changed", () => engine.openSource(root, named("victim"), expected));
  });

  test("a FIFO with a writer is changed, too, and nobody waits for it", async (context) => {
    const { engine, root, folder } = context;
    await Deno.writeFile(`${folder}/victim`, contentOf(5000));
    const expected = identityIn(engine, root, "victim");
    await shell('cd "$1" && rm victim && mkfifo victim', folder);
    using _writer = await Deno.open(`${folder}/victim`, { read: true, write: true });
    checkCode("changed", await readOne(context, "victim", expected));
    assertCode("changed", () => engine.openSource(root, named("victim"), expected));
  });
}

function largeFiles(test: ContractTest): void {
  test("ranges of a large file are read in any order, whatever ends first", async ({ engine, root, folder }) => {
    const content = contentOf(5_000_001);
    await Deno.writeFile(`${folder}/large`, content);
    const file = engine.openSource(root, named("large"), identityIn(engine, root, "large"));
    assertEquals(file.size, content.length);
    const ranges = [[4_000_000, 1_000_001], [0, 1], [1, 999_999], [2_500_000, 4096], [123, 777_777]] as const;
    const targets = ranges.map(([, length]) => new Uint8Array(length));
    const pendings = ranges.map(([offset], index) => engine.readRange(file, offset, targets[index]!));
    for (const pending of pendings.reverse()) await pending.finish();
    for (const [index, [offset, length]] of ranges.entries()) {
      assertEquals(targets[index], content.subarray(offset, offset + length));
    }
    engine.checkUnchanged(file);
    engine.closeSource(file);
  });

  test("ranges beyond 4 GiB are read where they are", async ({ engine, root, folder }) => {
    const offset = 2 ** 32 + 12_345;
    using writer = await Deno.open(`${folder}/sparse`, { write: true, createNew: true });
    await writer.seek(offset, Deno.SeekMode.Start);
    await writer.write(contentOf(1000));
    const expected = identityIn(engine, root, "sparse");
    assertEquals(expected.size, offset + 1000);
    const file = engine.openSource(root, named("sparse"), expected);
    const target = new Uint8Array(1500);
    await engine.readRange(file, offset - 500, target).finish();
    assertEquals(target.subarray(0, 500), new Uint8Array(500));
    assertEquals(target.subarray(500), contentOf(1000));
    engine.closeSource(file);
  });

  test("a file that changes while it is open is found out", async ({ engine, root, folder }) => {
    for (const script of ["truncate -s 100000 victim", "touch -d @1000 victim"]) {
      await Deno.writeFile(`${folder}/victim`, contentOf(200_000));
      const file = engine.openSource(root, named("victim"), identityIn(engine, root, "victim"));
      await shell(`cd "$1" && ${script}`, folder);
      assertCode("changed", () => engine.checkUnchanged(file));
      engine.closeSource(file);
    }
  });

  test("a range that the file does not have any more is changed, and its neighbour is read", async (context) => {
    const { engine, root, folder } = context;
    await Deno.writeFile(`${folder}/victim`, contentOf(200_000));
    const file = engine.openSource(root, named("victim"), identityIn(engine, root, "victim"));
    await Deno.truncate(`${folder}/victim`, 100_000);
    const whole = new Uint8Array(50_000);
    await engine.readRange(file, 0, whole).finish();
    assertEquals(whole, contentOf(200_000).subarray(0, 50_000));
    let thrown: unknown;
    try {
      await engine.readRange(file, 75_000, new Uint8Array(50_000)).finish();
    } catch (error) {
      thrown = error;
    }
    checkCode("changed", thrown);
    engine.closeSource(file);
  });

  test("a file that is open stays readable when its name goes to another", async ({ engine, root, folder }) => {
    await Deno.writeFile(`${folder}/victim`, contentOf(10_000));
    const file = engine.openSource(root, named("victim"), identityIn(engine, root, "victim"));
    await shell('cd "$1" && mv victim old && echo other > victim', folder);
    const target = new Uint8Array(10_000);
    await engine.readRange(file, 0, target).finish();
    assertEquals(target, contentOf(10_000));
    engine.closeSource(file);
    const read = await readOne({ engine, root }, "victim", identityIn(engine, root, "victim"));
    assert(!(read instanceof RcopyError) && read.length === 6);
  });
}
