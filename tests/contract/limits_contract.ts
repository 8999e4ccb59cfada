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
  mtimeOf,
  named,
  statOf,
} from "./contract_case.ts";
import { maskedModes, type Scenario } from "./contract_child.ts";

const childScript = new URL("contract_child.ts", import.meta.url).pathname;
const config = new URL("../../deno.json", import.meta.url).pathname;
const plainTime = { seconds: 1_500_000_000, nanos: 0 };
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
        for (const what of ["small", "large", "directory"]) {
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
    assertEquals((await shell('find "$1" -name file | wc -l', folder)).trim(), "300");
  });

  test("what belongs to another user is not permitted, entry by entry", async ({ engine, folder }) => {
    await shell(
      `cd "$1"; echo x > file; mkdir -p closed/inner read-only/inner; touch read-only/plain; chmod 0600 file; chmod 0700 closed
       chown -R 65534:65534 file closed read-only; chmod 0755 read-only`,
      folder,
    );
    const before = await shell('find "$1" -printf "%p %m %T@\\n" | sort', folder);
    await runChild({ engine, scenario: "another user's", folder, under: ordinary });
    assertEquals(await shell('find "$1" -printf "%p %m %T@\\n" | sort', folder), before);
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
      const files = names.map((name, at) => ({
        directory: root,
        name: named(name),
        mode: 0o644,
        mtime: plainTime,
        offset: 0,
        size: sizes[at]!,
      }));
      await engine.createFiles(files, contentOf(600_000)).finish();
      const errors = files.map((file) => "error" in file ? (file.error as { code: string }).code : undefined);
      assertEquals(errors, [undefined, "no-space", undefined]);
      assertEquals(await shell('ls "$1/small"', folder), "fits\nsmall\n");
      await checkNoRoomForLarge(engine, folder, 2_000_000);
      engine.closeDirectory(root);
    });
  }, { mount: true });

  test("no-space: a file system without inodes", async ({ engine, folder }) => {
    await withTmpfs(`${folder}/small`, "nr_inodes=3", async () => {
      const root = engine.openRoot(`${folder}/small`);
      assertEquals(await createOne(engine, root, "first"), undefined);
      assertEquals(await createOne(engine, root, "second"), undefined);
      assertEquals(engine.freeSpace(root).inodes, 0);
      checkCode("no-space", await createOne(engine, root, "third"));
      assertCode("no-space", () => engine.makeDirectory(root, named("third")));
      assertCode("no-space", () => engine.createTarget(root, named("third"), 10));
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
          () => engine.makeDirectory(root, named("new")),
          () => engine.createTarget(root, named("new"), 10),
          () => engine.createLink(root, named("new"), named("x"), plainTime),
          () => engine.setFileMode(root, named("file"), 0o777),
          () => engine.setDirectoryMetadata(directory, 0o700, plainTime),
          () => engine.rename(root, named("file"), root, named("new"), { replace: false }),
          () => engine.unlink(root, named("file")),
          () => engine.removeTree(root, named("directory")),
          () => engine.tryLock(root, named("lock")),
        ]
      ) assertCode("read-only", call);
      engine.closeDirectory(directory);
      engine.closeDirectory(root);
    });
  }, { mount: true });

  test(
    "rename does not leave its file system, and other ones are entered",
    async ({ engine, root, folder }) => {
      await withTmpfs(`${folder}/other`, "size=1m", async () => {
        const other = engine.openDirectory(root, named("other"));
        assertEquals(String(engine.identityOf(other).device), await statOf(`${folder}/other`, "%d"));
        await createLarge(engine, other, "file", { mtime: { seconds: -5, nanos: 7_000_000 } });
        assertTime(engine, await mtimeOf(`${folder}/other/file`), { seconds: -5, nanos: 7_000_000 });
        assertCode("io", () => engine.rename(other, named("file"), root, named("file"), { replace: false }));
        engine.closeDirectory(other);
      });
    },
    { mount: true },
  );
}

/** `createTarget` says at once that there is no room, or the writes do; either way the caller can go on. */
async function checkNoRoomForLarge(engine: Engine, folder: string, size: number): Promise<void> {
  const root = engine.openRoot(`${folder}/small`);
  let thrown: unknown;
  try {
    const file = engine.createTarget(root, named("large"), size);
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
  assertEquals(await shell('ls "$1/small"', folder), "fits\nsmall\n");
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
