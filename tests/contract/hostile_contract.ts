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
  named,
  readOne,
} from "./contract_case.ts";

const plainTime = { seconds: 1_500_000_000, nanos: 0 };

/** Where links lead that an attacker plants under the name that comes next: a file, a directory, nothing. */
const planted = ["canary/secret", "canary/inner", "canary/new", "canary"];

/** What is done at a name where a link lies. */
const atLink: Record<string, (context: ContractCase, name: string) => unknown> = {
  "open it as a directory": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.openDirectory(root, named(name))),
  "make a directory there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.makeDirectory(root, named(name))),
  "create a small file there": async ({ engine, root }, name) =>
    checkCode("exists", await createOne(engine, root, name)),
  "create a large file there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.createTarget(root, named(name), 100)),
  "create a link there": ({ engine, root }, name) =>
    assertCode("exists", () => engine.createLink(root, named(name), named("x"), plainTime)),
  "set its mode": ({ engine, root }, name) =>
    assertCode("type-conflict", () => engine.setFileMode(root, named(name), 0o777)),
  "lock it": ({ engine, root }, name) => assertCode("type-conflict", () => engine.tryLock(root, named(name))),
  "rename over it": async ({ engine, root, folder }, name) => {
    assertEquals(await createOne(engine, root, "moving"), undefined);
    assertCode("exists", () => engine.rename(root, named("moving"), root, named(name), { replace: false }));
    engine.rename(root, named("moving"), root, named(name), { replace: true });
    await shell('test -f "$1" -a ! -L "$1"', `${folder}/${name}`);
  },
  "rename it": async ({ engine, root, folder }, name) => {
    engine.rename(root, named(name), root, named("moved"), { replace: false });
    await shell('test -L "$1"', `${folder}/moved`);
  },
  "unlink it": ({ engine, root }, name) => engine.unlink(root, named(name)),
  "remove it with all that is in it": ({ engine, root }, name) => engine.removeTree(root, named(name)),
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
    engine.closeDirectory(engine.makeDirectory(directory, named("new directory"))),
  "open a directory": (engine, directory) =>
    engine.closeDirectory(engine.openDirectory(directory, named("inner"))),
  "create a small file": (engine, directory) => createOne(engine, directory, "new file"),
  "create a large file": (engine, directory) =>
    engine.finishTarget(engine.createTarget(directory, named("new large"), 10), 0o777, plainTime),
  "create a link": (engine, directory) =>
    engine.createLink(directory, named("new link"), named("x"), plainTime),
  "rename": (engine, directory) =>
    engine.rename(directory, named("secret"), directory, named("stolen"), { replace: true }),
  "unlink": (engine, directory) => engine.unlink(directory, named("secret")),
  "remove a tree": (engine, directory) => engine.removeTree(directory, named("inner")),
  "set a mode": (engine, directory) => engine.setFileMode(directory, named("secret"), 0o777),
  "set a time": (engine, directory) => engine.setFileTime(directory, named("secret"), plainTime),
  "set its metadata": (engine, directory) => engine.setDirectoryMetadata(directory, 0o777, plainTime),
  "lock": (engine, directory) => engine.tryLock(directory, named("lock"))?.[Symbol.dispose](),
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

  test("a tree that is removed leads nowhere when it turns out to be a link", async (context) => {
    const { engine, root, folder } = context;
    const canary = await Canary.plant(`${folder}/canary`);
    await shell(
      'cd "$1"; mkdir tree; cp -a canary tree/inner; rm -r tree/inner/inner; ln -s ../../canary tree/inner/inner',
      folder,
    );
    engine.removeTree(root, named("tree"));
    assertEquals(lookUpOne(engine, root, "tree"), undefined);
    await canary.assertUntouched();
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
