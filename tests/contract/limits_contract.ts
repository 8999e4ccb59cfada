/** The contract at the limits of a process, a user and a file system. */
import { assertEquals } from "@std/assert";
import type { Engine } from "../../src/io/contract/engine.ts";
import { shell, withTmpfs } from "../helpers/test_folder.ts";
import {
  assertCode,
  assertTime,
  checkCode,
  contentOf,
  type ContractTest,
  createLarge,
  createOne,
  fileWrite,
  makeDirectory,
  mtimeOf,
  named,
  plainTime,
  settle,
  statOf,
} from "./contract_case.ts";
import { maskedModes, type Scenario } from "./contract_child.ts";

const childScript = new URL("contract_child.ts", import.meta.url).pathname;
const config = new URL("../../deno.json", import.meta.url).pathname;
/** Root without its powers: an ordinary user who owns what root owns. */
const ordinary = "setpriv --bounding-set=-all --inh-caps=-all";

export function limitsContract(test: ContractTest): void {
  ofProcesses(test);
  ofFileSystems(test);
}

function ofProcesses(test: ContractTest): void {
  for (const umask of ["077", "022", "000"]) {
    test(`modes are exact under umask ${umask}`, async ({ engine, folder }) => {
      await runChild({ engine, scenario: "masked modes", folder, before: `umask ${umask}` });
      for (const mode of maskedModes) {
        for (const what of ["small", "at once", "large", "directory"]) {
          for (const round of [1, 2]) {
            const octal = mode.toString(8);
            assertEquals(await statOf(`${folder}/${what} ${octal} ${round}`, "%a"), octal);
          }
        }
      }
    });
  }

  test("300 directories and a depth of 100 need no more than 64 descriptors", async ({ engine, folder }) => {
    await runChild({ engine, scenario: "few descriptors", folder, before: "ulimit -n 64" });
    assertEquals((await shell('find "$1" -name file | wc -l', folder)).trim(), "400");
  });

  test("what belongs to another user is not permitted, entry by entry", async ({ engine, folder }) => {
    await shell(
      `cd "$1"; echo x > file; mkdir -p closed/inner read-only/inner; touch read-only/plain; chmod 0600 file; chmod 0700 closed
       chown -R 65534:65534 file closed read-only; chmod 0755 read-only`,
      folder,
    );
    const before = await shell('find "$1" -mindepth 1 -printf "%p %m %T@\\n" | sort', folder);
    await runChild({ engine, scenario: "another user's", folder, under: ordinary });
    assertEquals(await shell('find "$1" -mindepth 1 -printf "%p %m %T@\\n" | sort', folder), before);
  }, { root: true, programs: ["setpriv"] });

  test(
    "an ordinary user's own directories can be shut, set again and removed",
    async ({ engine, folder }) => {
      await runChild({ engine, scenario: "own without permissions", folder, under: ordinary });
    },
    { root: true, programs: ["setpriv"] },
  );
}

function ofFileSystems(test: ContractTest): void {
  test("no-space: what does not fit is told, and leaves nothing behind", async ({ engine, folder }) => {
    await withTmpfs(`${folder}/small`, "size=1m", async () => {
      const root = engine.openRoot(`${folder}/small`);
      const names = ["fits", "does not", "small"];
      const sizes = [600_000, 600_000, 1000];
      for (const atOnce of [false, true]) {
        const files = names.map((name, at) => fileWrite(root, name, { size: sizes[at]!, atOnce }));
        await engine.createFiles(files, contentOf(600_000)).finish();
        assertEquals(files.map(({ error }) => error?.code), [undefined, "no-space", undefined]);
        assertEquals(await shell('ls -A "$1/small"', folder), "fits\nsmall\n");
        await checkNoRoomForLarge(engine, folder, 2_000_000);
        for (const name of ["fits", "small"]) engine.unlink(root, named(name));
      }
      engine.closeDirectory(root);
    });
  }, { mount: true });

  test("no-space: a file system without inodes", async ({ engine, folder }) => {
    await withTmpfs(`${folder}/small`, "nr_inodes=3", async () => {
      const root = engine.openRoot(`${folder}/small`);
      // A second name is an inode of its own there.
      assertEquals(await createOne(engine, root, "first", { atOnce: true }), undefined);
      assertEquals(await createOne(engine, root, "second", { atOnce: true }), undefined);
      assertEquals(engine.freeSpace(root).inodes, 0);
      checkCode("no-space", await createOne(engine, root, "third"));
      assertCode("no-space", () => makeDirectory(engine, root, "third"));
      assertCode("no-space", () => engine.createTarget(root, named("third"), { size: 10, mode: 0o644 }));
      engine.closeDirectory(root);
    });
  }, { mount: true });

  test("read-only: nothing can be changed, and the error says why", async ({ engine, folder }) => {
    await withTmpfs(`${folder}/fixed`, "size=1m", async () => {
      await shell('cd "$1/fixed"; echo x > file; mkdir directory; mount -o remount,ro .', folder);
      const root = engine.openRoot(`${folder}/fixed`);
      const directory = engine.openDirectory(root, named("directory"));
      checkCode("read-only", await createOne(engine, root, "new"));
      for (
        const call of [
          () => makeDirectory(engine, root, "new"),
          () => engine.createTarget(root, named("new"), { size: 10, mode: 0o644 }),
          () => engine.createLink(root, named("new"), named("x"), plainTime),
          () => engine.setFileMode(root, named("file"), 0o777),
          () => settle(engine, directory, 0o700),
          () => engine.setDirectoryMode(directory, 0o700),
          () => engine.place(root, named("file"), named("new")),
          () => engine.unlink(root, named("file")),
          () => engine.createOwn(root, named("own")),
          () => engine.traitsOf(root),
        ]
      ) assertCode("read-only", call);
      engine.closeDirectory(directory);
      engine.closeDirectory(root);
    });
  }, { mount: true });

  test("other file systems below a root are entered", async ({ engine, root, folder }) => {
    await withTmpfs(`${folder}/other`, "size=1m", async () => {
      const other = engine.openDirectory(root, named("other"));
      assertEquals(String(engine.identityOf(other).device), await statOf(`${folder}/other`, "%d"));
      await createLarge(engine, other, "file", { mtime: { seconds: -5, nanos: 7_000_000 } });
      assertTime(engine, await mtimeOf(`${folder}/other/file`), { seconds: -5, nanos: 7_000_000 });
      engine.closeDirectory(other);
    });
  }, { mount: true });
}

/** `createTarget` says at once that there is no room, or the writes do; either way the caller can go on. */
async function checkNoRoomForLarge(engine: Engine, folder: string, size: number): Promise<void> {
  const root = engine.openRoot(`${folder}/small`);
  let thrown: unknown;
  try {
    const file = engine.createTarget(root, named("large"), { size, mode: 0o644 });
    try {
      await engine.writeRange(file, 0, contentOf(size)).finish();
    } finally {
      engine.abandonTarget(file);
      engine.unlink(root, named("large"));
    }
  } catch (error) {
    thrown = error;
  }
  checkCode("no-space", thrown);
  assertEquals(await shell('ls -A "$1/small"', folder), "fits\nsmall\n");
  engine.closeDirectory(root);
}

/** Runs a scenario in a process of its own: after the shell text `before`, under the command `under`. */
async function runChild(
  { engine, scenario, folder, before = ":", under = "" }: {
    engine: Engine;
    scenario: Scenario;
    folder: string;
    before?: string;
    under?: string;
  },
): Promise<void> {
  await shell(
    `${before}; exec ${under} "$@"`,
    ...[
      Deno.execPath(),
      "run",
      "-A",
      "--no-prompt",
      "--no-check",
      "--quiet",
      "--config",
      config,
      childScript,
    ],
    engine.kind,
    scenario,
    folder,
  );
}
