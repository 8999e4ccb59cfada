/** `--exists`, and what becomes of entries that are at the destination already: same, changed, of another kind, planted. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, Canary } from "../helpers/tree_record.ts";

const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

/** What becomes of a file that is there with other content, and of the run. */
const policies = [
  ["changed", "new\n", 0],
  ["replace", "new\n", 0],
  ["skip", "old one\n", 0],
  ["fail", "old one\n", 23],
] as const;
for (const [policy, content, status] of policies) {
  testEngines(`--exists ${policy} leaves ${JSON.stringify(content)} and ends with ${status}`, async (io) => {
    await withFolder(async (folder) => {
      await shell(
        'cd "$1" && mkdir a b && echo new > a/file && echo "old one" > b/file && echo 1 > a/other',
        folder,
      );
      const outcome = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        receive: ["--io", io, "--exists", policy],
      });
      assertStatuses(outcome, status);
      assertEquals(await Deno.readTextFile(`${folder}/b/file`), content);
      assertEquals(await shell('ls -A "$1/b"', folder), "file\nother\n");
    });
  });
}

testEngines("what is there already is skipped, and what has changed is replaced", async (io) => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    makeSmallTree(`${folder}/a`, {
      directories: 6,
      filesPerDirectory: 5,
      sizeOf: (r) => Math.floor(r * 9000),
    });
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    await shell('cd "$1" && echo changed > d0/f0 && echo new > d1-new && chmod 600 d0/f1', `${folder}/a`);
    const again = await copyTree({ ...options, receive: ["--io", io, "--json"] });
    assertStatuses(again, 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    const { summary } = again.received.stdout.trim().split("\n").map((line) => JSON.parse(line))
      .find((event) => event.type === "done");
    assertEquals(summary.files, 2);
    assert(summary.skipped > 20, `skipped ${summary.skipped}`);
  });
});

testEngines("a file where a directory must go, and the reverse, fail alone", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `cd "$1" && mkdir -p a/dir b/file && echo 1 > a/dir/inside && echo 2 > a/file && echo 3 > a/other && echo 4 > b/dir && echo 5 > b/file/kept`,
      folder,
    );
    const outcome = await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io] });
    assertStatuses(outcome, 23);
    for (const { stderr } of [outcome.sent, outcome.received]) {
      assertMatch(stderr, /not copied: dir: /);
      assertMatch(stderr, /not copied: file: /);
    }
    assertEquals(await shell('cd "$1/b" && cat dir file/kept other', folder), "4\n5\n3\n");
  });
});

testEngines("links planted at the destination are never followed", async (io) => {
  await withFolder(async (folder) => {
    const canary = await Canary.plant(`${folder}/canary`);
    await shell(
      `cd "$1" && mkdir -p a/d a/inner/e b/inner && echo 1 > a/d/pwn && echo 2 > a/secret && echo 3 > a/inner/e/file && echo 4 > a/fine &&
      ln -s ../canary b/d && ln -s ../canary/secret b/secret && ln -s ../../canary/inner b/inner/e`,
      folder,
    );
    const outcome = await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io] });
    await canary.assertUntouched();
    assertStatuses(outcome, 23);
    assertEquals(
      await shell('cd "$1/b" && cat fine secret; readlink d inner/e', folder),
      "4\n2\n../canary\n../../canary/inner\n",
    );
  });
});

testEngines("a link where a file must go is replaced, and what it led to is left alone", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir a b && echo new > a/file && echo old > elsewhere && ln -s ../elsewhere b/file',
      folder,
    );
    assertStatuses(
      await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io] }),
      0,
    );
    assertEquals(
      await shell('cd "$1" && cat b/file elsewhere && find b/file -printf %y', folder),
      "new\nold\nf",
    );
  });
});
