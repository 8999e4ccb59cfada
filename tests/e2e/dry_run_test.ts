/** `--dry-run`: what would come is listed, and nothing is written. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { recordTree } from "../helpers/tree_record.ts";

testEngines("a dry run lists a single file and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "content");
    const options = { source: `${folder}/file`, target: `${folder}/target`, send: ["--io", io] };
    const { sent, received } = await copyTree({ ...options, receive: ["--dry-run", "--io", io] });
    assertStatuses({ sent, received }, 0);
    assertMatch(received.stdout, /^file\t7 B\ttarget$/m);
    assertEquals(await shell('ls -A "$1"', folder), "file\n");
  });
});

testEngines("a dry run lists a directory and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/source/a/b" && echo x > "$1/source/a/b/c" && ln -s a "$1/source/l"', folder);
    const options = { source: `${folder}/source`, target: `${folder}/target`, send: ["--io", io] };
    const { sent, received } = await copyTree({ ...options, receive: ["--dry-run", "--io", io] });
    assertStatuses({ sent, received }, 0);
    const paths = received.stdout.trim().split("\n").map((line) => line.split("\t")[2]);
    assertEquals(paths.sort(), ["a", "a/b", "a/b/c", "l"]);
    assertEquals(await shell('ls -A "$1"', folder), "source\n");
  });
});

testEngines(
  "a dry run into a tree changes nothing in it: no mode, no time, no file of its own",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p a/shut a/open b/shut b/open && echo new > a/shut/f && echo 12345 > a/open/same && echo new > a/open/other &&
      echo 12345 > b/open/same && echo old > b/open/other && touch -d @1500000000.5 b/open/same && touch -d @1500000000 b/open/other &&
      chmod 0400 b/shut`,
        folder,
      );
      const before = await recordTree(`${folder}/b`);
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
      assertStatuses(await copyTree({ ...options, receive: ["--dry-run", "--io", io] }), 0);
      const after = await recordTree(`${folder}/b`);
      assertEquals([...after.entries()].sort(), [...before.entries()].sort());
    });
  },
);
