/** The tree of npm packages, where it cannot be had: why is said, and nothing fails. */
import { assert, assertEquals } from "@std/assert";
import { testWhere, withFolder } from "../helpers/test_folder.ts";
import { installPackages, packages } from "./npm_packages.ts";

Deno.test("every npm package of a benchmark has an exact version, and is named once", () => {
  for (const each of packages) assert(/^(@[a-z-]+\/)?[a-z0-9.-]+@\d+\.\d+\.\d+$/.test(each), each);
  const names = packages.map((each) => each.replace(/@[^@]*$/, ""));
  assertEquals(new Set(names).size, names.length);
});

Deno.test("without npm, its packages are left out with that reason", async () => {
  await withFolder(async (folder) => {
    assertEquals(await installPackages(folder, 1, { PATH: folder }), "npm is not installed");
  });
});

testWhere(
  { programs: ["npm"] },
  "without a network, npm's packages are left out with its reason",
  async () => {
    await withFolder(async (folder) => {
      const env = { npm_config_offline: "true", npm_config_cache: `${folder}/cache` };
      const why = await installPackages(folder, 1, env);
      assert(why?.includes("could not install the packages: request to"), why);
    });
  },
);
