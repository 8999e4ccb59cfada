import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { closeSources, openSources, SourcePaths } from "./roots.ts";

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
];
for (const [what, code, pathsOf] of refusals) {
  Deno.test(`openSources() refuses ${what} as ${code}`, async () => {
    await inFolder((folder) => {
      for (const name of ["a/same", "b/same"]) folder.write(name);
      new Deno.Command("mkfifo", { args: [`${folder.path}/fifo`] }).outputSync();
      const { engine, directories } = counted(folder.engine);
      const error = assertThrows(() => openSources(engine, pathsOf(folder)), RcopyError);
      assertEquals(error.code, code);
      assertEquals(directories.open, 0, "what was opened before stays open");
    });
  });
}

/** An engine that knows how many directories it has opened, and how many of them are open. */
function counted(engine: Engine): { engine: Engine; directories: { opened: number; open: number } } {
  const directories = { opened: 0, open: 0 };
  const handler: ProxyHandler<Engine> = {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (name !== "openRoot" && name !== "openDirectory" && name !== "closeDirectory") return member;
      return (...args: unknown[]) => {
        const result = Reflect.apply(member, target, args);
        directories.opened += name === "closeDirectory" ? 0 : 1;
        directories.open += name === "closeDirectory" ? -1 : 1;
        return result;
      };
    },
  };
  return { engine: new Proxy(engine, handler), directories };
}

Deno.test("SourcePaths opens its PATHs once for a first session, and anew for a second one", async () => {
  await inFolder((folder) => {
    for (const name of ["a/file", "b"]) folder.write(name);
    for (const names of [["a"], ["a", "b"]]) {
      const { engine, directories } = counted(folder.engine);
      using sources = new SourcePaths(engine, names.map((name) => `${folder.path}/${name}`));
      const { opened } = directories;
      const first = sources.take();
      assertEquals(directories.opened, opened, "opened twice");
      const second = sources.take();
      assertNotEquals(directories.opened, opened, "two sessions share what each of them closes");
      closeSources(first);
      closeSources(second);
      assertEquals(directories.open, 0);
    }
  });
});

Deno.test("SourcePaths gives what a PATH leads to when a session begins", async () => {
  await inFolder((folder) => {
    const { path } = folder;
    for (const name of ["a/old", "b"]) folder.write(name, "old");
    const { engine, directories } = counted(folder.engine);
    using directory = new SourcePaths(engine, [`${path}/a`]);
    using file = new SourcePaths(engine, [`${path}/b`]);
    Deno.renameSync(`${path}/a`, `${path}/c`);
    folder.write("a/new");
    folder.write("b", "longer");
    const { listed } = directory.take();
    assertEquals(engine.identityOf(listed!.handle).inode, BigInt(Deno.statSync(`${path}/a`).ino!));
    listed!.release();
    const roots = file.take();
    assertEquals(roots.named[0]!.entry.sizes[0], 6);
    closeSources(roots);
    Deno.removeSync(`${path}/b`);
    assertThrows(() => file.take(), RcopyError, "cannot send");
    assertEquals(directories.open, 0);
  });
});

Deno.test("SourcePaths closes what no session has taken", async () => {
  await inFolder((folder) => {
    folder.write("a/file");
    const { engine, directories } = counted(folder.engine);
    for (const paths of [["a"], ["a", "a/file"]]) {
      const sources = new SourcePaths(engine, paths.map((path) => `${folder.path}/${path}`));
      assertNotEquals(directories.open, 0);
      sources[Symbol.dispose]();
      assertEquals(directories.open, 0);
    }
  });
});
