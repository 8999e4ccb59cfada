/** What the original rcopy did end to end, and what everybody does first. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { randomFrom, withSeed } from "../helpers/random.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

/** Nothing that Deno cannot set, so that both engines must give equal trees. */
const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

testEngines("a dry run lists a single file and writes nothing", async (io) => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "content");
    const options = { source: `${folder}/file`, target: `${folder}/target`, send: ["--io", io] };
    const { sent, received } = await copyTree({ ...options, receive: ["--dry-run", "--io", io] });
    assertStatuses({ sent, received }, 0);
    assertMatch(received.stdout, /^file\t7 B\tfile$/m);
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

testEngines("a single file lands as DEST/NAME", async (io) => {
  await withFolder(async (folder) => {
    await shell('cd "$1" && mkdir a b && head -c 100000 /dev/urandom > a/file && chmod 640 a/file', folder);
    const options = { source: `${folder}/a/file`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});

testEngines("an empty file, alone, arrives", async (io) => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && : > "$1/a/empty"', folder);
    const options = { source: `${folder}/a/empty`, target: `${folder}/new/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/new/b`, comparison);
  });
});

testEngines("an empty directory arrives as nothing, and that is a success", async (io) => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    assertEquals(await shell('ls -A "$1/b"', folder), "");
  });
});

testEngines("the contents of a directory, nested ones too, land in DEST", async (io) => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    makeSmallTree(`${folder}/a`, {
      directories: 30,
      filesPerDirectory: 10,
      sizeOf: (r) => Math.floor(r * 20_000),
    });
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    const { sent, received } = await copyTree({ ...options, receive: ["--io", io] });
    assertStatuses({ sent, received }, 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    const hash = /tree hash (\d+-[0-9a-f]{32})/;
    assertEquals(hash.exec(sent.stderr)![1], hash.exec(received.stderr)![1]);
  });
});

testEngines("a random tree arrives", (io) =>
  withSeed(async (random) => {
    await withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/a`);
      makeSmallTree(`${folder}/a`, {
        directories: 10,
        filesPerDirectory: 8,
        sizeOf: (r) => Math.floor(r ** 6 * 6_000_000),
        seed: Math.floor(random() * 2 ** 32),
      });
      const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
      assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
      await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
    });
  }));

testEngines("128 files of up to 8 MiB arrive", async (io) => {
  await withFolder(async (folder) => {
    const random = randomFrom(128);
    await Deno.mkdir(`${folder}/a`);
    const block = crypto.getRandomValues(new Uint8Array(65536));
    for (let i = 0; i < 128; i++) {
      const size = Math.floor(random() ** 8 * 8 * 1024 * 1024);
      const content = new Uint8Array(size);
      for (let at = 0; at < size; at += block.length) content.set(block.subarray(0, size - at), at);
      await Deno.writeFile(`${folder}/a/file-${i}`, content);
    }
    const options = { source: `${folder}/a`, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    await assertEqualTrees(`${folder}/a`, `${folder}/b`, comparison);
  });
});

testEngines("several PATHs land as DEST/NAME each; a PATH that is a link is followed", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `cd "$1" && mkdir -p tree/inner expected && echo 1 > tree/inner/f && echo 2 > file && ln -s tree link &&
      cp -a tree file expected/ && cp -a tree expected/link`,
      folder,
    );
    const source = [`${folder}/tree`, `${folder}/file`, `${folder}/link`];
    const options = { source, target: `${folder}/b`, send: ["--io", io] };
    assertStatuses(await copyTree({ ...options, receive: ["--io", io] }), 0);
    await assertEqualTrees(`${folder}/expected`, `${folder}/b`, comparison);
  });
});

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
