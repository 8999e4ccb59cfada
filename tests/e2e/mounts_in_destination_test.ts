/** Further file systems mounted inside DEST: each is written to by its own rules, and what one cannot take fails alone. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, type CopyOptions, copyTree } from "../helpers/rcopy_process.ts";
import { withFileSystem } from "../helpers/file_systems.ts";
import { comparisonOf, shell, testEngines } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

const mounting = { mount: true };

testEngines("directories in a mount, those that exist and new ones, get all that is theirs", async (io) => {
  await withMounts({ "target/m": "" }, async (folder) => {
    await shell(
      `cd "$1" && for k in 1 2 3; do mkdir -p source/m/d$k/new && for j in 1 2 3; do echo $j >source/m/d$k/f$j; done
      echo new >source/m/d$k/new/f; head -c 5000000 /dev/urandom >source/m/d$k/large; ln -s f1 source/m/d$k/link; done
      mkdir -p target/m/d1 target/m/d2 && echo other >target/m/d1/f1 && echo 1 >source/beside && mkdir source/empty`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, mounting);

testEngines("DEST itself, and a mount within a mount, are written to", async (io) => {
  await withMounts({ "target": "", "target/a": "", "target/a/b": "" }, async (folder) => {
    await shell(
      'cd "$1/source" && mkdir -p a/b/c && for d in . a a/b a/b/c; do echo $d >$d/f; head -c 4300000 /dev/zero >$d/large; done',
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, mounting);

testEngines("a mount that is read-only fails what would change there, and nothing else", async (io) => {
  await withMounts({ "target/ro": "" }, async (folder) => {
    await shell(
      `cd "$1/source" && mkdir -p a ro/same ro/new && echo 1 >a/f && echo 2 >ro/g && echo 3 >ro/same/f && echo 4 >ro/new/f &&
      head -c 4300000 /dev/zero >ro/large && head -c 4300000 /dev/zero >a/large && ln -s g ro/link &&
      cp -a ro/same "$1/target/ro/" && mount -o remount,ro "$1/target/ro"`,
      folder,
    );
    const { sent, received } = await copyTree(bothWays(io, folder));
    assertStatuses({ sent, received }, 23);
    for (const { stdout } of [sent, received]) {
      for (const path of ["ro/g", "ro/new", "ro/large", "ro/link"]) {
        assertMatch(stdout, new RegExp(`"path":"${path}"`));
      }
    }
    assertEquals(
      await shell('cd "$1/target" && find . -type f | sort | tr "\\n" " "', folder),
      "./a/f ./a/large ./ro/same/f ",
    );
  });
}, mounting);

testEngines("a mount that is read-only, where everything is there already, is no failure", async (io) => {
  await withMounts({ "target/ro": "" }, async (folder) => {
    await shell(
      `cd "$1/source" && mkdir -p a ro/sub && echo 1 >a/f && echo 2 >ro/g && echo 3 >ro/sub/f && ln -s g ro/link &&
      cp -a . "$1/target/" && echo new >a/new && mount -o remount,ro "$1/target/ro"`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, mounting);

testEngines("a large mount in a small DEST takes what is sent there", async (io) => {
  await withMounts({ "target": "size=4m", "target/big": "size=64m" }, async (folder) => {
    await shell(
      `cd "$1/source" && mkdir -p big/new && head -c 9000000 /dev/zero >big/f && head -c 9000000 /dev/zero >big/new/f &&
      for i in $(seq 90); do head -c 100000 /dev/zero >big/new/s$i; done && echo 1 >small`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await shell('diff -r "$1/source" "$1/target"', folder);
  });
}, mounting);

testEngines(
  "a small mount in a large DEST that is full fails what goes there, and the rest is copied",
  async (io) => {
    await withMounts({ "target/small": "size=4m" }, async (folder) => {
      await shell(
        `cd "$1/source" && mkdir small after && head -c 9000000 /dev/zero >small/f && echo 1 >small/fits &&
      for i in $(seq 50); do echo $i >after/f$i; done && head -c 5000000 /dev/zero >after/large`,
        folder,
      );
      const { sent, received } = await copyTree(bothWays(io, folder));
      assertStatuses({ sent, received }, 23);
      assertMatch(received.stdout, /"path":"small\/f"/);
      await shell(
        'diff -r "$1/source/after" "$1/target/after" && cmp "$1/source/small/fits" "$1/target/small/fits"',
        folder,
      );
      await shell('! [ -e "$1/target/small/f" ]', folder);
    });
  },
  mounting,
);

testEngines("files that are replaced need room only for one at a time", async (io) => {
  await withMounts({ "target": "size=30m" }, async (folder) => {
    await shell(
      `cd "$1/source" && for i in $(seq 20); do head -c 1000000 /dev/urandom >f$i; done && cp -a . "$1/target/" &&
      for i in $(seq 20); do head -c 1000000 /dev/urandom >f$i; done`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, mounting);

testEngines("large files that are replaced need room only for those that are under way", async (io) => {
  await withMounts({ "target": "size=95m" }, async (folder) => {
    await shell(
      `cd "$1/source" && for i in 1 2 3 4 5 6; do head -c 10000000 /dev/urandom >f$i; done && cp -a . "$1/target/" &&
      for i in 1 2 3 4 5 6; do head -c 10000000 /dev/urandom >f$i; done`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
}, mounting);

testEngines("what cannot fit at all ends the run with 5 before it writes", async (io) => {
  await withMounts({ "target": "size=4m" }, async (folder) => {
    await shell('cd "$1/source" && head -c 9000000 /dev/zero >large && echo 1 >small', folder);
    const { sent, received } = await copyTree(bothWays(io, folder));
    assertStatuses({ sent, received }, 5);
    assertEquals(await shell('find "$1/target" -name large -o -name ".rcopy-*"', folder), "");
  });
}, mounting);

testEngines("a mount of another kind in DEST keeps what it can", async (io) => {
  // exFAT in the middle of a tree: no modes, no links, no second name for a file.
  await withFileSystem({ kind: "exfat" }, async (folder) => {
    await shell(
      `cd "$1" && mkdir -p source/usb/new target/usb && mount --move m target/usb &&
      for d in source source/usb source/usb/new; do echo 1 >$d/f; head -c 4300000 /dev/urandom >$d/large; done`,
      folder,
    );
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, { modes: false, mtimeStepNs: 2e9 });
  });
}, { mount: true, programs: ["mkfs.exfat", "mount.exfat-fuse"] });

/** A folder with `source` and `target`, and file systems in memory at the named places, made in this order. */
async function withMounts(
  mounts: Readonly<Record<string, string>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  await withFileSystem({ kind: "tmpfs", options: "-o size=300m" }, async (root) => {
    const folder = `${root}/m`;
    await shell('mkdir "$1/source" "$1/target"', folder);
    for (const [place, options] of Object.entries(mounts)) {
      await shell(
        'mkdir -p "$1" && mount -t tmpfs -o "rw,mode=755$2" tmpfs "$1"',
        `${folder}/${place}`,
        options && `,${options}`,
      );
    }
    await body(folder);
  });
}

function bothWays(io: "deno" | "uring", folder: string): CopyOptions {
  const json = ["--json", "--io", io];
  return { source: `${folder}/source`, target: `${folder}/target`, send: json, receive: json };
}
