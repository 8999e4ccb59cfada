/**
 * One scenario of the contract in a process of its own, for what is the process's: umask, limits, user.
 *
 *     deno run -A contract_child.ts ENGINE SCENARIO FOLDER
 */
import { assert, assertEquals } from "@std/assert";
import { type Engine, Lacks } from "../../src/io/contract/engine.ts";
import {
  assertCode,
  checkCode,
  contentOf,
  type ContractCase,
  createLarge,
  createOne,
  identityIn,
  listAll,
  lookUpOne,
  makeDirectory,
  named,
  plainTime,
  readBatch,
  readOne,
  settle,
} from "./contract_case.ts";
import { descend, useManyHandles } from "./directories_contract.ts";

/** Modes that a umask of 077 or 022 would change. */
export const maskedModes = [0o644, 0o666, 0o755, 0o777, 0o600];

const scenarios = {
  "masked modes": maskedModesArrive,
  "few descriptors": fewDescriptors,
  "another user's": anotherUsers,
  "own without permissions": ownWithoutPermissions,
} satisfies Record<string, (context: ContractCase) => Promise<void> | void>;

/** What a process of its own can be asked for. */
export type Scenario = keyof typeof scenarios;

async function maskedModesArrive({ engine, root }: ContractCase): Promise<void> {
  for (const round of [1, 2]) {
    for (const mode of maskedModes) {
      const name = `${mode.toString(8)} ${round}`;
      assertEquals(await createOne(engine, root, `small ${name}`, { mode }), undefined);
      await createLarge(engine, root, `large ${name}`, { mode });
      assertEquals(await createOne(engine, root, `at once ${name}`, { mode, atOnce: true }), undefined);
      const directory = makeDirectory(engine, root, `directory ${name}`, mode);
      assertEquals(lookUpOne(engine, root, `directory ${name}`)!.mode & 0o700, 0o700);
      settle(engine, directory, mode);
      engine.closeDirectory(directory);
    }
  }
}

/** As many handles as a process may not have descriptors, and a batch over all of them. */
async function fewDescriptors({ engine, root }: ContractCase): Promise<void> {
  const chain = descend(engine, root, 100);
  await useManyHandles(engine, root);
  const listings = chain.slice(0, 8).map((directory) => engine.list(directory));
  for (const directory of chain) assertEquals(await createOne(engine, directory, "file"), undefined);
  const { batch, memory } = readBatch(chain.map((directory) => ({
    directory,
    name: named("file"),
    expected: identityIn(engine, directory, "file"),
  })));
  await engine.readFiles(batch, memory).finish();
  for (const { error } of batch) assertEquals(error, undefined);
  for (const listing of listings) listing[Symbol.dispose]();
  for (const directory of chain.reverse()) engine.closeDirectory(directory);
}

/** The folder has entries of somebody else, who lets nobody in: each is `not-permitted`, and stays. */
async function anotherUsers(context: ContractCase): Promise<void> {
  const { engine, root } = context;
  const expected = identityIn(engine, root, "file");
  checkCode("not-permitted", await readOne(context, "file", expected));
  assertCode("not-permitted", () => engine.openSource(root, named("file"), expected));
  assertEquals(engine.setFileMode(root, named("file"), 0o777), Lacks.mode);
  assertCode("not-permitted", () => engine.openOwn(root, named("file")));
  const closed = engine.openDirectory(root, named("closed"));
  assertCode("not-permitted", () => engine.list(closed));
  checkCode("not-permitted", engine.lookup(closed, [named("x")])[0] ?? new Error("found nothing"));
  checkCode("not-permitted", await createOne(engine, closed, "x"));
  assertCode("not-permitted", () => engine.setDirectoryMode(closed, 0o777));
  engine.closeDirectory(closed);
  const readOnly = engine.openDirectory(root, named("read-only"));
  assertEquals(listAll(engine, readOnly).count, 2);
  checkCode("not-permitted", await createOne(engine, readOnly, "x"));
  for (
    const call of [
      () => makeDirectory(engine, readOnly, "x"),
      () => engine.createTarget(readOnly, named("x"), { size: 10, mode: 0o644 }),
      () => engine.createLink(readOnly, named("x"), named("y"), plainTime),
      () => engine.place(readOnly, named("plain"), named("x")),
      () => engine.unlink(readOnly, named("plain")),
      () => engine.createOwn(readOnly, named("own")),
    ]
  ) assertCode("not-permitted", call);
  engine.closeDirectory(readOnly);
}

/** Our own directories and files, shut for ourselves: they are synced, set again and removed. */
async function ownWithoutPermissions({ engine, root, folder }: ContractCase): Promise<void> {
  for (const mode of [0o000, 0o444, 0o555]) {
    const name = mode.toString(8);
    const directory = makeDirectory(engine, root, name);
    const inner = makeDirectory(engine, directory, "inner");
    assertEquals(await createOne(engine, inner, "file", { mode, content: contentOf(10) }), undefined);
    settle(engine, inner, mode);
    settle(engine, directory, mode);
    await engine.syncFileSystem(root);
    assertEquals(Deno.statSync(`${folder}/${name}`).mode! & 0o777, mode);
    settle(engine, directory, mode, { seconds: 1, nanos: 0 });
    engine.closeDirectory(inner);
    engine.closeDirectory(directory);
    await createLarge(engine, root, `large ${name}`, { mode });
    await engine.syncFileSystem(root);
    engine.setFileMode(root, named(`large ${name}`), 0o600);
  }
}

async function openEngine(name: string): Promise<Engine> {
  if (name === "deno") return (await import("../../src/io/deno/engine.ts")).openDenoEngine();
  assert(name === "uring", `there is no engine ${name}`);
  return (await import("../../src/io/uring/engine.ts")).openUringEngine();
}

if (import.meta.main) {
  const [name, scenario, folder] = Deno.args as [string, Scenario, string];
  using engine = await openEngine(name);
  const root = engine.openRoot(folder);
  await scenarios[scenario]({ engine, root, folder });
  engine.closeDirectory(root);
}
