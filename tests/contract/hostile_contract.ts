/** The contract where somebody else writes to the destination: planted links, swapped directories. */
import { assertEquals } from "@std/assert";
import type { RcopyError } from "../../src/base/errors.ts";
import type { Directory, Engine } from "../../src/io/contract/engine.ts";
import { shell } from "../helpers/test_folder.ts";
import { Canary } from "../helpers/tree_record.ts";
import {
  assertCode,
  checkCode,
  type ContractCase,
  type ContractTest,
  createOne,
  identityIn,
  listAll,
  lookUpOne,
  makeDirectory,
  named,
  plainTime,
  readOne,
  settle,
} from "./contract_case.ts";

const whole = { name: named("whole"), size: 5, mtime: plainTime };

/** Where links lead that an attacker plants under the name that comes next: a file, a directory, nothing. */
const planted = ["canary/secret", "canary/inner", "canary/new", "canary"];

/** What is done at a name where a link lies. */
const atLink: Record<string, (context: ContractCase, name: string) => unknown> = {
  "open it as a directory": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.openDirectory(root, named(name))),
  "make a directory there": ({ engine, root }, name) =>
    assertCode("exists", () => makeDirectory(engine, root, name)),
  "create a small file there": async ({ engine, root }, name) =>
    checkCode("exists", await createOne(engine, root, name)),
  "create a small file there at once": async ({ engine, root }, name) =>
    checkCode("exists", await createOne(engine, root, name, { atOnce: true })),
  "create a large file there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.createTarget(root, named(name), { size: 100, mode: 0o644 })),
  "go on with it as a large file": ({ engine, root }, name) =>
    assertEquals(engine.openTarget(root, named(name), { size: 1, mode: 0o644, whole }), undefined),
  "create a link there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.createLink(root, named(name), named("x"), plainTime)),
  "set its mode": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.setFileMode(root, named(name), 0o777)),
  "set its time": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.setFileTime(root, named(name), plainTime)),
  "open it as a file of ours": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.openOwn(root, named(name))),
  "create a file of ours there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.createOwn(root, named(name))),
  "remove it as unfinished": ({ engine, root }, name) =>
    assertEquals(engine.removeUnfinished(root, named(name), whole), false),
  "place something there": async ({ engine, root }, name) => {
    assertEquals(await createOne(engine, root, "moving"), undefined);
    assertCode("exists", () => engine.place(root, named("moving"), named(name)));
    assertEquals(lookUpOne(engine, root, "moving")!.size, 5);
  },
  "replace it": async ({ engine, root, folder }, name) => {
    assertEquals(await createOne(engine, root, "moving"), undefined);
    engine.place(root, named("moving"), named(name), lookUpOne(engine, root, name)!);
    await shell('test -f "$1" -a ! -L "$1"', `${folder}/${name}`);
  },
  "place it": async ({ engine, root, folder }, name) => {
    engine.place(root, named(name), named("moved"));
    await shell('test -L "$1"', `${folder}/moved`);
  },
  "unlink it": ({ engine, root }, name) => engine.unlink(root, named(name)),
  "look it up": ({ engine, root }, name) => assertEquals(lookUpOne(engine, root, name)!.size, 0),
  "read it": async (context, name) => {
    const { engine, root, folder } = context;
    const target = `${folder}/${await Deno.readLink(`${folder}/${name}`)}`;
    const kind = await Deno.stat(target).catch(() => undefined);
    if (!kind?.isFile) return;
    // Even if the listing said what it leads to.
    const canary = engine.openRoot(`${folder}/canary`);
    const expected = identityIn(engine, canary, "secret");
    engine.closeDirectory(canary);
    checkCode("changed", await readOne({ engine, root }, name, expected));
    assertCode("changed", () => engine.openSource(root, named(name), expected));
  },
};

/** What is done in a directory that was open when its name went to a link, and what that may end with. */
const inSwapped: Record<string, (engine: Engine, directory: Directory) => unknown> = {
  "make a directory": (engine, directory) =>
    engine.closeDirectory(makeDirectory(engine, directory, "new directory")),
  "open a directory": (engine, directory) =>
    engine.closeDirectory(engine.openDirectory(directory, named("inner"))),
  "create a small file": (engine, directory) => createOne(engine, directory, "new file"),
  "create a small file at once": (engine, directory) =>
    createOne(engine, directory, "new file", { atOnce: true }),
  "create a large file": (engine, directory) => {
    const file = engine.createTarget(directory, named("new large"), { size: 10, mode: 0o777 });
    engine.finishTarget(file, { mode: 0o777, mtime: plainTime });
  },
  "go on with a large file": (engine, directory) => {
    const file = engine.openTarget(directory, named("secret"), { size: 1, mode: 0o777, whole });
    if (file) engine.abandonTarget(file);
  },
  "create a link": (engine, directory) =>
    engine.createLink(directory, named("new link"), named("x"), plainTime),
  "place": (engine, directory) => engine.place(directory, named("secret"), named("stolen")),
  "unlink": (engine, directory) => engine.unlink(directory, named("secret")),
  "remove what is unfinished": (engine, directory) =>
    engine.removeUnfinished(directory, named("secret"), whole),
  "set a mode": (engine, directory) => engine.setFileMode(directory, named("secret"), 0o777),
  "set a time": (engine, directory) => engine.setFileTime(directory, named("secret"), plainTime),
  "set its metadata": (engine, directory) => settle(engine, directory, 0o777),
  "set its mode": (engine, directory) => engine.setDirectoryMode(directory, 0o777),
  "create a file of ours": (engine, directory) => engine.createOwn(directory, named("own"))[Symbol.dispose](),
  "open a file of ours": (engine, directory) =>
    engine.openOwn(directory, named("secret"))?.[Symbol.dispose](),
  "learn what its file system keeps": (engine, directory) => void engine.traitsOf(directory),
  "sync": (engine, directory) => engine.syncFileSystem(directory),
};

export function hostileContract(test: ContractTest): void {
  for (const [what, act] of Object.entries(atLink)) {
    test(`a planted link leads nowhere: ${what}`, async (context) => {
      const { folder } = context;
      const canary = await Canary.plant(`${folder}/canary`);
      for (const target of planted) {
        await shell('cd "$1"; rm -rf victim moved moving; ln -s "$2" victim', folder, target);
        await act(context, "victim");
        await canary.assertUntouched();
      }
    });
  }

  for (const [what, act] of Object.entries(inSwapped)) {
    for (const level of ["itself", "its parent"] as const) {
      test(`a directory that was swapped for a link (${level}) leads nowhere: ${what}`, async (context) => {
        await holdSwapped(context, level, act);
      });
    }
  }

  test("a directory swapped for another is noticed, or the first one is used", async (context) => {
    const { engine, root, folder } = context;
    await shell('cd "$1"; mkdir victim other; echo x > other/file', folder);
    const directory = engine.openDirectory(root, named("victim"));
    await shell('cd "$1"; mv victim away; mv other victim', folder);
    const error = await createOne(engine, directory, "new");
    if (error) checkCode(["type-conflict", "not-found"], error);
    assertEquals(await shell('ls "$1/victim"', folder), "file\n");
    engine.closeDirectory(directory);
  });
}

/** Opens a directory two levels down, swaps a level for a link to a twin of it, and acts. */
async function holdSwapped(
  { engine, root, folder }: ContractCase,
  level: "itself" | "its parent",
  act: (engine: Engine, directory: Directory) => unknown,
): Promise<void> {
  // What the link leads to has the same names as what was there.
  await shell('cd "$1"; mkdir -p parent/victim/inner; echo mine > parent/victim/secret', folder);
  const canary = await Canary.plant(`${folder}/canary/victim`);
  const parent = engine.openDirectory(root, named("parent"));
  const directory = engine.openDirectory(parent, named("victim"));
  listAll(engine, directory);
  const swap = level === "itself"
    ? 'cd "$1/parent"; mv victim ../away; ln -s ../canary/victim victim'
    : 'cd "$1"; mv parent away; ln -s canary parent';
  await shell(swap, folder);
  try {
    const error = await act(engine, directory);
    if (error) checkCode(["type-conflict", "not-found"], error as RcopyError);
  } catch (error) {
    checkCode(["type-conflict", "not-found"], error);
  }
  await canary.assertUntouched();
  for (const handle of [directory, parent]) engine.closeDirectory(handle);
}
