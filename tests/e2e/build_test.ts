/** What `deno task build` makes: the program in a few files, which `deno task install` installs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { buildProgram } from "../../.ci/tasks/build.ts";
import { comparisonOf, shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { withoutExtraTrust } from "../helpers/rcopy_process.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const { version } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url))) as {
  version: string;
};

testWhere(
  { programs: ["grep"] },
  "the built program needs nothing but its folder, copies over the channel of a ticket, and finds the module of its Workers",
  () =>
    withFolder(async (folder) => {
      const main = await buildProgram(`${folder}/program`);
      const names = [...Deno.readDirSync(`${folder}/program`)].map(({ name }) => name);
      assert(names.length < 120, `${names.length} files`);
      await shell(
        'mkdir -p "$1/a/d" && seq 1000 > "$1/a/d/one" && head -c 90000000 /dev/zero > "$1/a/two"',
        folder,
      );
      const run = `'${Deno.execPath()}' run -A --no-config --cached-only '${main}'`;
      const script = `${run} --version
        ${run} send -l -p 0 --streams 2 --log-level debug a > line 2> sender &
        until grep -q rcopy1 line || ! kill -0 $!; do sleep 0.05; done
        ${run} receive --streams 2 --log-level debug "$(grep -o 'rcopy1[a-z2-7]*' line)" b 2> receiver
        status=$?; wait $! && exit $status`;
      const { code, stdout } = await new Deno.Command("bash", {
        args: ["-c", script],
        cwd: folder,
        env: { ...withoutExtraTrust, DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      }).output();
      const said = Deno.readTextFileSync(`${folder}/sender`) + Deno.readTextFileSync(`${folder}/receiver`);
      assertEquals([code, new TextDecoder().decode(stdout)], [0, `${version}\n`], said);
      // With one processor nobody asks for a thread.
      if (navigator.hardwareConcurrency > 1) assertMatch(said, /runs in a thread of its own/);
      await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparisonOf());
    }),
);
