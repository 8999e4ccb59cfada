import { assertEquals, assertThrows } from "@std/assert";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { closeSources, openSources } from "./roots.ts";

/** The names under which PATHs are sent, and what each is called on disk. */
function namesOf(engine: Engine, paths: string[]): [sent: string, onDisk: string][] {
  const roots = openSources(engine, paths);
  const names = roots.named.map(({ entry, directory }): [string, string] => [
    textOf(entry.name(0)),
    textOf(directory.nameOnDisk ?? entry.name(0)),
  ]);
  closeSources(roots);
  return names;
}

Deno.test("openSources() sends the contents of one directory, without its name", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    const roots = openSources(engine, [`${path}/a`]);
    assertEquals([roots.listed?.number, roots.named.length], [0, 0]);
    closeSources(roots);
  });
});

Deno.test("openSources() sends one file, or several PATHs, under their names", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    write("b");
    assertEquals(namesOf(engine, [`${path}/b`]), [["b", "b"]]);
    assertEquals(namesOf(engine, [`${path}/a`, `${path}/b`]), [["a", "a"], ["b", "b"]]);
    assertEquals(namesOf(engine, [`${path}/a/`, `${path}/b`]), [["a", "a"], ["b", "b"]]);
  });
});

Deno.test("openSources() follows a PATH that is a link, and sends it under the name that was typed", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/file", "four");
    Deno.symlinkSync("a/file", `${path}/link`);
    const roots = openSources(engine, [`${path}/link`]);
    const [{ entry, directory }] = roots.named as [typeof roots.named[0]];
    assertEquals([textOf(entry.name(0)), textOf(directory.nameOnDisk!), entry.sizes[0]], ["link", "file", 4]);
    closeSources(roots);
  });
});

Deno.test("openSources() names a directory that was typed as dots by what it resolves to", async () => {
  await inFolder(({ engine, path, write }) => {
    write("a/file");
    write("b");
    assertEquals(namesOf(engine, [`${path}/a/.`, `${path}/b`]), [["a", "a"], ["b", "b"]]);
  });
});

const refusals: [what: string, code: ErrorCode, pathsOf: (folder: EngineFolder) => string[]][] = [
  ["a PATH that is missing", "source-missing", ({ path }) => [`${path}/none`]],
  ["a missing PATH beside others", "source-missing", ({ path }) => [path, `${path}/none`]],
  ["two PATHs of one name", "usage", ({ path }) => [`${path}/a/same`, `${path}/b/same`]],
  ["a FIFO", "usage", ({ path }) => [`${path}/fifo`]],
  ["the root directory beside others", "usage", ({ path }) => ["/", `${path}/a/same`]],
  ["a name that is rcopy's own", "name-unsafe", ({ path }) => [`${path}/.rcopy-x`]],
];
for (const [what, code, pathsOf] of refusals) {
  Deno.test(`openSources() refuses ${what} as ${code}`, async () => {
    await inFolder((folder) => {
      for (const name of ["a/same", "b/same", ".rcopy-x"]) folder.write(name);
      new Deno.Command("mkfifo", { args: [`${folder.path}/fifo`] }).outputSync();
      const error = assertThrows(() => openSources(folder.engine, pathsOf(folder)), RcopyError);
      assertEquals((error as RcopyError).code, code);
    });
  });
}
