/** What the portable engine promises beyond the contract: its permissions, and what it says where paths end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Outcomes } from "../../../tests/contract/permission_child.ts";
import { checkCode, createOne, listAll, named } from "../../../tests/contract/contract_case.ts";
import { shell, testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { openDenoEngine } from "./engine.ts";

const child = new URL("../../../tests/contract/permission_child.ts", import.meta.url).pathname;
const config = new URL("../../../deno.json", import.meta.url).pathname;

/** Runs every operation with these flags; gives what failed, and the permissions that were used. */
async function operate(
  folder: string,
  flags: string[],
): Promise<{ outcomes: Outcomes; used: string[] }> {
  const audit = `${folder}.audit`;
  const fixed = ["--no-prompt", "--no-lock", "--no-check", "--quiet", "--config", config];
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...fixed, ...flags, child, folder],
      env: { DENO_AUDIT_PERMISSIONS: audit },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const lines = (await Deno.readTextFile(audit)).trim().split("\n");
    const used = lines.map((line) => (JSON.parse(line) as { permission: string }).permission);
    return { outcomes: JSON.parse(new TextDecoder().decode(stdout)), used: [...new Set(used)].sort() };
  } finally {
    await Deno.remove(audit).catch(() => {});
  }
}

testWhere(
  {},
  "scoped read and write are enough for everything but links, which name what they need",
  () =>
    withFolder(async (folder) => {
      const { outcomes, used } = await operate(folder, [`--allow-read=${folder}`, `--allow-write=${folder}`]);
      assertEquals(Object.keys(outcomes), ["createLink"]);
      assertEquals(outcomes.createLink!.code, "not-permitted");
      assertMatch(outcomes.createLink!.message, /"[^"]*\/link": Deno was not given --allow-(read|write) /);
      assertEquals(used, ["read", "write"]);
      assertEquals(
        await shell('cd "$1"; ls; stat --format=%a small large .', folder),
        [
          "large",
          "made",
          "small",
          "600",
          "666",
          "750",
          "",
        ].join("\n"),
      );
    }),
);

testWhere(
  {},
  "unscoped read and write are enough for links, too",
  () =>
    withFolder(async (folder) => {
      const { outcomes, used } = await operate(folder, ["--allow-read", "--allow-write"]);
      assertEquals(outcomes, {});
      assertEquals(used, ["read", "write"]);
      assertEquals(
        await shell('readlink "$1/link"; stat --format=%Y "$1/link"', folder),
        "small\n1500000000\n",
      );
    }),
);

testWhere(
  {},
  "without write permission whatever would write is refused, and names the flag",
  () =>
    withFolder(async (folder) => {
      await shell('cd "$1"; echo 123456789 > small; touch other placed own; mkdir made', folder);
      const { outcomes } = await operate(folder, [`--allow-read=${folder}`]);
      const done = ["list", "lookup", "freeSpace", "syncFileSystem"];
      for (const name of done) assertEquals(outcomes[name], undefined, outcomes[name]?.message);
      for (const [name, outcome] of Object.entries(outcomes)) {
        assertEquals(outcome!.code, "not-permitted", name);
        assertMatch(outcome!.message, /Deno was not given --allow-(read|write)/, name);
      }
      assertEquals(Object.keys(outcomes).length, 12);
      assertEquals(await shell('ls "$1"', folder), "made\nother\nown\nplaced\nsmall\n");
    }),
);

testWhere(
  {},
  "a path longer than the system takes is an error of its entry",
  () =>
    withFolder(async (folder) => {
      using engine = openDenoEngine();
      const root = engine.openRoot(folder);
      const long = "x".repeat(250);
      // As deep as paths reach, and from there on by steps of the shell.
      await shell(
        'cd "$1"; for i in $(seq 20); do mkdir "$2" && cd "$2" || exit 1; done; echo deep > file',
        folder,
        long,
      );
      let directory = root;
      let failure: unknown;
      for (let depth = 0; depth < 20 && !failure; depth++) {
        try {
          directory = engine.openDirectory(directory, named(long));
        } catch (error) {
          failure = error;
        }
      }
      assertMatch(checkCode("io", failure).message, /name too long/i);
      const listing = listAll(engine, directory);
      assertEquals([listing.count, listing.failures.map(({ error }) => error.code)], [0, ["io"]]);
      assertEquals((await createOne(engine, directory, long))?.code, "io");
    }),
);
