/** The contract of listings, link texts and look-ups. */
import { assert, assertEquals } from "@std/assert";
import { RcopyError } from "../../src/base/errors.ts";
import { EntryKind } from "../../src/entry/metadata.ts";
import { FoundEntries, type NameRun } from "../../src/io/contract/found.ts";
import { shell } from "../helpers/test_folder.ts";
import {
  assertCode,
  assertTime,
  type ContractTest,
  edgeTimes,
  listAll,
  lookUpOne,
  mtimeOf,
  named,
  statOf,
} from "./contract_case.ts";

const oddNames = [
  "-rf",
  "--",
  " ",
  "a\nb",
  "tab\t",
  "\x01\x1b[31m\x7f",
  "..a",
  ".hidden",
  "back\\slash",
  "*?[",
  "ä\u{1f600}",
  "x".repeat(255),
  "é".repeat(127),
];

/** Makes one entry of every kind. */
const everyKind = `cd "$1"
printf hello > file; chmod 0640 file; mkdir directory; chmod 0751 directory; ln -s 'no where' link; mkfifo -m 0604 fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'; chmod 4755 socket`;

/** Names that are not UTF-8, as hexadecimal. */
const foreignNames = ["e9", "fffe", "61ff", "62ff", "c0af", "eda080"];
const makeForeign = `import os, sys
for name in sys.argv[2:]:
    open(os.path.join(os.fsencode(sys.argv[1]), bytes.fromhex(name)), "wb").write(b"x")`;

/** Makes files "0", "1"… with times in nanoseconds. */
const makeTimes = `import os, sys
for index, ns in enumerate(sys.argv[2:]):
    path = f"{sys.argv[1]}/{index}"
    open(path, "w").close()
    os.utime(path, ns=(0, int(ns)))`;

export function listingContract(test: ContractTest): void {
  test("a listing tells set-id and sticky bits apart from the mode", async ({ engine, root, folder }) => {
    await shell('cd "$1" && touch plain marked && chmod 640 plain && chmod 1600 marked', folder);
    const columns = listAll(engine, root);
    const found = Array.from({ length: columns.count }, (_, at) => {
      return [new TextDecoder().decode(columns.name(at)), columns.modes[at], columns.specials[at]];
    });
    assertEquals(found.toSorted(), [["marked", 0o600, 0o1000], ["plain", 0o640, 0]]);
  });

  test("a listing tells kind, mode and size of every kind of entry", async ({ engine, root, folder }) => {
    await shell(everyKind, folder);
    const columns = listAll(engine, root);
    assertEquals(columns.failures, []);
    const found: Record<string, [number, number, number]> = {};
    for (let at = 0; at < columns.count; at++) {
      const name = new TextDecoder().decode(columns.name(at));
      found[name] = [columns.kinds[at]!, columns.modes[at]!, columns.sizes[at]!];
      assertEquals(String(columns.inodes[at]), await statOf(`${folder}/${name}`, "%i"));
      assertEquals(String(columns.devices[at]), await statOf(`${folder}/${name}`, "%d"));
      assertTime(engine, columns.identity(at).mtime, await mtimeOf(`${folder}/${name}`));
    }
    assertEquals(found, {
      file: [EntryKind.file, 0o640, 5],
      directory: [EntryKind.directory, 0o751, 0],
      link: [EntryKind.link, 0o777, 0],
      fifo: [EntryKind.fifo, 0o604, 0],
      socket: [EntryKind.socket, 0o755, 0],
    });
  }, { programs: ["python3"] });

  test("a device is listed as one", async ({ engine, root, folder }) => {
    await shell('mknod "$1/null" c 1 3; mknod "$1/block" b 7 0', folder);
    const columns = listAll(engine, root);
    assertEquals([...columns.kinds.subarray(0, columns.count)], [EntryKind.device, EntryKind.device]);
  }, { root: true });

  test("an empty directory has an empty listing, at once and again", ({ engine, root }) => {
    for (const entriesMax of [1, 1000]) assertEquals(listAll(engine, root, entriesMax).count, 0);
  });

  test("chunks of one, three and very many entries give the same listing", async ({ engine, root, folder }) => {
    await shell('cd "$1"; for i in $(seq 50); do echo $i > "file $i"; done', folder);
    const namesOf = (entriesMax: number) => {
      const columns = listAll(engine, root, entriesMax);
      return Array.from({ length: columns.count }, (_, at) => new TextDecoder().decode(columns.name(at)))
        .sort();
    };
    const wanted = Array.from({ length: 50 }, (_, at) => `file ${at + 1}`).sort();
    for (const entriesMax of [1, 3, 50, 1_000_000]) assertEquals(namesOf(entriesMax), wanted);
  });

  test("3,000 entries are all there, once", async ({ engine, root, folder }) => {
    await shell('cd "$1"; seq -f "a name of some length %g" 3000 | xargs -d "\\n" touch', folder);
    const columns = listAll(engine, root, 777);
    const names = new Set(Array.from({ length: columns.count }, (_, at) => String(columns.name(at))));
    assertEquals([columns.count, names.size, columns.failures.length], [3000, 3000, 0]);
  });

  test("two listings of a directory do not disturb each other", async ({ engine, root, folder }) => {
    await shell('cd "$1"; touch $(seq 300)', folder);
    using other = engine.list(root);
    const columns = listAll(engine, root, 7);
    assertEquals(columns.count, 300);
    columns.clear();
    while (other.next(columns, 11));
    assertEquals(columns.count, 300);
  });

  test("odd names are listed and found byte for byte", async ({ engine, root, folder }) => {
    for (const name of oddNames) await Deno.writeTextFile(`${folder}/${name}`, "x");
    const columns = listAll(engine, root);
    assertEquals(columns.failures, []);
    const names = Array.from(
      { length: columns.count },
      (_, at) => new TextDecoder().decode(columns.name(at)),
    );
    assertEquals(names.sort(), [...oddNames].sort());
    for (const name of oddNames) assertEquals(lookUpOne(engine, root, name)?.size, 1);
  });

  test(
    "names that are not UTF-8 are exact, or reported one by one",
    async ({ engine, root, folder }) => {
      await shell('python3 -c "$@"', makeForeign, folder, ...foreignNames);
      await Deno.writeTextFile(`${folder}/plain`, "x");
      const columns = listAll(engine, root);
      const names = Array.from({ length: columns.count }, (_, at) => columns.name(at));
      if (engine.exactNames) {
        assertEquals(names.map(hexOf).sort(), [...foreignNames, hexOf(named("plain"))].sort());
        assertEquals(columns.failures, []);
        return;
      }
      assertEquals(names.map(hexOf), [hexOf(named("plain"))]);
      assertEquals(
        columns.failures.map(({ error }) => error.code),
        foreignNames.map(() => "name-unrepresentable"),
      );
    },
    { programs: ["python3"] },
  );

  test(
    "a name that is not UTF-8 is used exactly, or refused as unrepresentable",
    async ({ engine, root, folder }) => {
      await shell('python3 -c "$@"', makeForeign, folder, "61ff");
      const name = Uint8Array.of(0x61, 0xff) as Uint8Array as ReturnType<typeof named>;
      const other = Uint8Array.of(0xfe) as Uint8Array as ReturnType<typeof named>;
      if (!engine.exactNames) {
        for (const call of [() => engine.openDirectory(root, name), () => engine.unlink(root, name)]) {
          assertCode("name-unrepresentable", call);
        }
        const [found] = engine.lookup(root, [name]);
        assertEquals((found as RcopyError).code, "name-unrepresentable");
        return;
      }
      engine.place(root, name, other);
      engine.closeDirectory(engine.makeDirectory(root, name, 0o755));
      assertEquals(
        (await shell('cd "$1"; printf "%s\\n" * | LC_ALL=C sort | xxd -p', folder)).trim(),
        "61ff0afe0a",
      );
      engine.unlink(root, other);
      engine.closeDirectory(engine.openDirectory(root, name));
      await shell('rmdir "$1"/*', folder);
      assertEquals(await shell('ls -A "$1"', folder), "");
    },
    { programs: ["python3", "xxd"] },
  );

  test(
    "a mangled name and its twin that is spelt with U+FFFD are kept apart",
    async ({ engine, root, folder }) => {
      await shell('python3 -c "$@"', makeForeign, folder, "61ff");
      await Deno.writeTextFile(`${folder}/a\ufffd`, "the real one");
      const columns = listAll(engine, root);
      assertEquals(columns.count + columns.failures.length, 2);
      assertEquals(columns.failures.length, engine.exactNames ? 0 : 1);
    },
    { programs: ["python3"] },
  );

  test("times are listed to the resolution that the engine states", async ({ engine, root, folder }) => {
    const ns = edgeTimes.map(({ seconds, nanos }) =>
      String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos))
    );
    await shell('python3 -c "$@"', makeTimes, folder, ...ns);
    for (const [index, time] of edgeTimes.entries()) {
      const found = lookUpOne(engine, root, String(index))!.mtime;
      assertTime(engine, found, time);
      assertEquals(found.nanos % engine.mtimeResolutionNs, 0, "nothing is made up below the resolution");
    }
  }, { programs: ["python3"] });

  test("the text of a link is read byte for byte, and never followed", async ({ engine, root, folder }) => {
    const texts = ["/absolute", "../..", "dangling", "loop", " space\n", "y".repeat(4095)];
    for (const [index, text] of texts.entries()) await Deno.symlink(text, `${folder}/link ${index}`);
    for (const [index, text] of texts.entries()) {
      assertEquals(new TextDecoder().decode(engine.readLink(root, named(`link ${index}`))), text);
    }
    assertCode("not-found", () => engine.readLink(root, named("none")));
    await shell("ln -s $'\\xe9\\xff' \"$1/foreign\"", folder);
    if (engine.exactNames) assertEquals(hexOf(engine.readLink(root, named("foreign"))), "e9ff");
    else assertCode("name-unrepresentable", () => engine.readLink(root, named("foreign")));
  });

  test(
    "lookup tells of entries in order, follows nothing, and misses none",
    async ({ engine, root, folder }) => {
      await shell(everyKind, folder);
      const names = ["file", "none", "directory", "link", "fifo", "socket", "none either"];
      const found = engine.lookup(root, names.map(named));
      assertEquals(
        found.map((entry) => entry instanceof RcopyError ? entry.message : entry?.kind),
        [
          EntryKind.file,
          undefined,
          EntryKind.directory,
          EntryKind.link,
          EntryKind.fifo,
          EntryKind.socket,
          undefined,
        ],
      );
      assertEquals(engine.lookup(root, []), []);
      const file = lookUpOne(engine, root, "file")!;
      assertEquals([file.mode, file.size, String(file.inode)], [
        0o640,
        5,
        await statOf(`${folder}/file`, "%i"),
      ]);
      assert(file.ctimeNs >= 0n);
    },
    { programs: ["python3"] },
  );

  test(
    "lookUpAll() finds in columns what lookup() finds, of the names of the run alone, each time anew",
    async ({ engine, root, folder }) => {
      await shell(everyKind, folder);
      await shell('ln "$1/file" "$1/second"; chmod 2755 "$1/directory"', folder);
      const names = [
        "left out",
        "file",
        "none",
        "directory",
        "link",
        "fifo",
        "socket",
        "second",
        "ä",
        "left out",
      ];
      const found = new FoundEntries();
      const run = nameRun(names.map((name) => new TextEncoder().encode(name)));
      engine.lookUpAll(root, { ...run, from: 1, to: names.length - 1 }, found);
      const looked = engine.lookup(root, names.slice(1, -1).map(named));
      assertEquals(found.count, names.length - 2);
      assertEquals(looked.map((_, row) => found.at(row)), looked);
      engine.lookUpAll(root, { ...run, from: 2, to: 3 }, found);
      assertEquals([found.count, found.at(0), found.kinds[0]], [1, undefined, 0]);
      engine.lookUpAll(root, { ...run, from: 0, to: 0 }, found);
      assertEquals(found.count, 0);
    },
    { programs: ["python3"] },
  );

  test("lookUpAll() tells beside an entry why it cannot be told", async ({ engine, root, folder }) => {
    await shell('touch "$1/a" "$1/b"; touch "$1"/$\'\\xff\'', folder);
    const run = nameRun([Uint8Array.of(0x61), Uint8Array.of(0xff), Uint8Array.of(0x62)]);
    const found = new FoundEntries();
    engine.lookUpAll(root, run, found);
    assertEquals([found.kinds[0], found.kinds[2]], [EntryKind.file, EntryKind.file]);
    if (engine.exactNames) assertEquals(found.kinds[1], EntryKind.file);
    else assertEquals((found.at(1) as RcopyError).code, "name-unrepresentable");
    engine.lookUpAll(root, { ...run, from: 0, to: 1 }, found);
    assertEquals(found.errors.size, 0);
    // Longer than any file system takes.
    engine.lookUpAll(root, nameRun([new Uint8Array(300).fill(0x78)]), found);
    assert(found.at(0) instanceof RcopyError);
  });
}

/** The names in a blob. */
function nameRun(names: readonly Uint8Array[]): NameRun {
  const starts = Uint32Array.of(0, ...names.map((_, i) => sumOf(names.slice(0, i + 1))));
  const blob = new Uint8Array(starts.at(-1)!);
  for (const [i, name] of names.entries()) blob.set(name, starts[i]);
  return { names: blob, starts, from: 0, to: names.length };
}

function sumOf(names: readonly Uint8Array[]): number {
  return names.reduce((sum, { length }) => sum + length + 1, 0);
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
