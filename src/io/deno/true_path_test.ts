/** A source in which somebody else swaps directories: nothing is read from elsewhere, whenever it happens. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { checkCode, identityIn, listAll, named } from "../../../tests/contract/contract_case.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import type { FileRead } from "../contract/engine.ts";
import type { DenoDirectory } from "./directory.ts";
import { openDenoEngine } from "./engine.ts";
import { DenoSource, readFileWhole } from "./file.ts";

/** A shared directory `shared/victim` that others may write to, and one elsewhere with a secret; both have `file`, `empty`. */
const prepare = `cd "$1"; mkdir -p shared/victim elsewhere; chmod 777 shared shared/victim
  echo mine > shared/victim/file; echo secret > elsewhere/file; : > elsewhere/empty`;
const swap = 'cd "$1/shared"; mv victim away; ln -s ../elsewhere victim';

testWhere(
  {},
  "a file that a swapped directory leads to is not read, even if the scan was led there, too",
  () =>
    withFolder(async (folder) => {
      await shell(prepare, folder);
      using engine = openDenoEngine();
      const elsewhere = engine.openRoot(`${folder}/elsewhere`);
      const directory = engine.openDirectory(
        engine.openDirectory(engine.openRoot(folder), named("shared")),
        named("victim"),
      ) as DenoDirectory;
      // Checked as every operation does it, then swapped: the moment that is left to whoever is fast.
      assertEquals(listAll(engine, directory).count, 1);
      assertEquals(directory.isExposed, true);
      await shell(swap, folder);
      for (const name of ["file", "empty"]) {
        const expected = identityIn(engine, elsewhere, name);
        const read: FileRead = { directory, name: named(name), expected, offset: 0 };
        const memory = new Uint8Array(100);
        const error = assertThrows(() => readFileWhole(read, memory), RcopyError);
        checkCode("changed", error);
        assertMatch((error as RcopyError).message, /shared\/victim\/\w+" was somewhere else/);
        assertEquals(memory.every((byte) => byte === 0), true);
        checkCode("changed", assertThrows(() => readFileWhole({ ...read, bytesMax: 50 }, memory)));
        checkCode("changed", assertThrows(() => DenoSource.open({ directory, name: named(name) }, expected)));
      }
    }),
);

testWhere(
  {},
  "the same file is read where it is, by a thread that has borrowed it, too",
  () =>
    withFolder(async (folder) => {
      await shell(prepare, folder);
      await shell('cd "$1"; ln -s shared link', folder);
      using engine = openDenoEngine();
      const root = engine.openRoot(`${folder}/link`);
      const directory = engine.openDirectory(root, named("victim"));
      const expected = identityIn(engine, directory, "file");
      const read: FileRead = { directory, name: named("file"), expected, offset: 0 };
      const memory = new Uint8Array(5);
      engine.readFiles([read], memory).finish();
      assertEquals([read.error, new TextDecoder().decode(memory)], [undefined, "mine\n"]);
      const source = engine.openSource(directory, named("file"), expected);
      const borrowed = engine.borrowSource(structuredClone(engine.lendSource(source)));
      engine.readRange(borrowed, 0, memory.fill(0)).finish();
      assertEquals(new TextDecoder().decode(memory), "mine\n");
      for (const file of [source, borrowed]) engine.closeSource(file);
    }),
);

testWhere(
  {},
  "a directory that is swapped while it is listed is found out",
  () =>
    withFolder(async (folder) => {
      await shell(prepare, folder);
      using engine = openDenoEngine();
      const shared = engine.openDirectory(engine.openRoot(folder), named("shared"));
      const directory = engine.openDirectory(shared, named("victim"));
      using listing = engine.list(directory);
      await shell(swap, folder);
      const { EntryColumns } = await import("../../entry/columns.ts");
      checkCode("type-conflict", assertThrows(() => listing.next(new EntryColumns(), 10)));
    }),
);

testWhere(
  { root: true },
  "root reads no directory of others by this engine where nothing can be told, unless asked",
  () =>
    withFolder(async (folder) => {
      await shell(`${prepare}; mkdir -m 755 own; echo 1 > own/file`, folder);
      const program = `import { openDenoEngine } from ${JSON.stringify(import.meta.resolve("./engine.ts"))};
      for (const isAsked of [false, true]) for (const name of ["own", "shared"]) {
        const engine = openDenoEngine({ isAsked });
        try {
          engine.list(engine.openRoot(Deno.args[0] + "/" + name))[Symbol.dispose]();
          console.log(isAsked, name, "listed");
        } catch (error) {
          console.log(isAsked, name, error.code, /--io deno reads it/.test(error.message));
        }
      }`;
      await Deno.writeTextFile(`${folder}/program.ts`, program);
      const config = new URL("../../../deno.json", import.meta.url).pathname;
      const flags = ["run", "--no-prompt", "--no-lock", "--no-check", "--quiet", "--config", config];
      const allowed = [`--allow-read=${folder}`, "--allow-sys=uid"];
      const printed = await shell(
        'exec "$@"',
        Deno.execPath(),
        ...flags,
        ...allowed,
        `${folder}/program.ts`,
        folder,
      );
      assertEquals(
        printed,
        "false own listed\nfalse shared not-permitted true\ntrue own listed\ntrue shared listed\n",
      );
    }),
);
