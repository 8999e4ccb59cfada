/** What is at the destination already: policies, conflicts, planted links, leftovers. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { Canary } from "../helpers/tree_record.ts";

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

testEngines(
  "DEST keeps its own mode and time, and is made with its parents where it is missing",
  async (io) => {
    await withFolder(async (folder) => {
      await shell('cd "$1" && mkdir a b && chmod 711 a && chmod 750 b && touch -d 2001-01-01 a b', folder);
      const made = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/new/deep/b`,
        receive: ["--io", io],
      });
      assertStatuses(made, 0);
      assertStatuses(
        await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io] }),
        0,
      );
      assertEquals(
        await shell('stat -c "%a %Y" "$1/b"', folder),
        await shell("echo 750 $(date -d 2001-01-01 +%s)"),
      );
      assertEquals(await shell('ls -A "$1/new/deep/b"', folder), "");
    });
  },
);

testEngines("modes are right whatever the umask, and set-id bits are not carried", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir a a/d && echo 1 > a/x && echo 2 > a/s && chmod 777 a/x a/d && chmod 6755 a/s',
      folder,
    );
    assertStatuses(
      await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        receive: ["--io", io],
        receiver: { before: "umask 077" },
      }),
      0,
    );
    assertEquals(await shell('cd "$1/b" && stat -c "%n %a" d s x', folder), "d 777\ns 755\nx 777\n");
  });
});

testEngines(
  "what a dead run left behind is removed by the next, at once if it died removing it, and not sent on",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p a/.rcopy-0123456789abcdef/x b/.rcopy-fedcba9876543210/y && echo 1 > a/file &&
      touch -d '2 days ago' b/.rcopy-fedcba9876543210 &&
      mkdir -p b/.rcopy-gone-0011223344556677/z b/.rcopy-gone-8899aabbccddeeff`,
        folder,
      );
      const { sent, received } = await copyTree({
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
      });
      assertStatuses({ sent, received }, 0);
      assertMatch(sent.stderr, /not copied: \.rcopy-0123456789abcdef: /);
      assertEquals(await shell('ls -A "$1/b"', folder), "file\n");
    });
  },
);

testEngines("--durable ends well, with the same result", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir -p "$1/a/d" && cd "$1/a" && head -c 5000000 /dev/urandom > large && echo 1 > d/small',
      folder,
    );
    const options = { source: `${folder}/a`, target: `${folder}/b`, receive: ["--io", io, "--durable"] };
    assertStatuses(await copyTree(options), 0);
    await shell('diff -r "$1/a" "$1/b"', folder);
  });
});
