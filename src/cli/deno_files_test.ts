import { assertEquals, assertMatch } from "@std/assert";
import { DenoFiles } from "./deno_files.ts";

async function inFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file that was replaced is named, and one that is new or stayed is not", async () => {
  await inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/deno.json`, "{}");
    Deno.writeTextFileSync(`${folder}/package.json`, "{}");
    const files = new DenoFiles(folder);
    Deno.mkdirSync(`${folder}/node_modules`);
    assertEquals(files.warning(), undefined);
    Deno.writeTextFileSync(`${folder}/new`, `{"imports":{}}`);
    Deno.renameSync(`${folder}/new`, `${folder}/deno.json`);
    assertMatch(
      files.warning()!,
      /^deno\.json of ".*" has been replaced: .* obeys it, unless .* --no-config$/,
    );
    Deno.removeSync(`${folder}/package.json`);
    assertMatch(files.warning()!, /^deno\.json of /);
  });
});

Deno.test("several files are named together", async () => {
  await inFolder((folder) => {
    for (const name of ["deno.json", "package.json"]) Deno.writeTextFileSync(`${folder}/${name}`, "{}");
    const files = new DenoFiles(folder);
    for (const name of ["deno.json", "package.json"]) Deno.writeTextFileSync(`${folder}/${name}`, "{ }");
    assertMatch(files.warning()!, /^deno\.json and package\.json of ".*" have been replaced: .* obeys them/);
  });
});

Deno.test("a folder that is absent has none", async () => {
  await inFolder((folder) => assertEquals(new DenoFiles(`${folder}/none`).warning(), undefined));
});

Deno.test("in the current directory, a file that was made is named too", async () => {
  await inFolder((folder) => {
    const before = Deno.cwd();
    Deno.chdir(folder);
    try {
      Deno.writeTextFileSync("deno.json", "{}");
      const files = new DenoFiles(".");
      assertEquals(files.warning(), undefined);
      Deno.mkdirSync("node_modules");
      assertMatch(files.warning()!, /^node_modules of "\." has been made: .* obeys it/);
      Deno.writeTextFileSync("deno.json", "{ }");
      assertMatch(
        files.warning()!,
        /^deno\.json of "\." has been replaced, node_modules of "\." has been made: .* obeys them/,
      );
    } finally {
      Deno.chdir(before);
    }
  });
});
