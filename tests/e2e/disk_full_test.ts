/** A destination that fills up: both ends say so, and the next run goes on with what is there. */
import { assertEquals, assertMatch } from "@std/assert";
import { Proxy } from "../helpers/proxy.ts";
import { assertStatuses, copyTree, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testWhere, withFolder, withTmpfs } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

testWhere({ mount: true }, "the sender learns that the receiver's disk was full", async () => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" && cd "$1/a" && for i in 1 2 3 4 5 6 7 8; do head -c 4000000 /dev/urandom > f$i; done',
      folder,
    );
    await withTmpfs(`${folder}/small`, "size=16m", async () => {
      const { sent, received } = await copyTree({ source: `${folder}/a`, target: `${folder}/small/b` });
      assertStatuses({ sent, received }, 5);
      assertMatch(received.stderr, /no space|no room/);
      assertMatch(sent.stderr, /no space|no room/);
      await shell(
        'cd "$1/small" && for f in $(find b -type f); do cmp $f ../a/${f#b/} || exit 1; done',
        folder,
      );
    });
  });
});

for (const engine of ["--allow-ffi", "--deny-ffi"]) {
  testWhere(
    { mount: true },
    `a disk that is full in the middle of a large file keeps what is there: 5 (${engine})`,
    async () => {
      await withFolder(async (folder) => {
        await shell(
          'mkdir -p "$1/a/new" && cd "$1/a/new" && echo 1 > small && head -c 30000000 /dev/urandom > large',
          folder,
        );
        await withTmpfs(`${folder}/disk`, "size=64m", async () => {
          const options = { source: `${folder}/a`, target: `${folder}/disk/b` };
          const { sender, address } = await startSender(options);
          await using _sender = sender;
          let filled = false;
          await using proxy = new Proxy(address, {
            // The room was there when the run began.
            onChunk: async (_, __, total) => {
              if (filled || total < 6_000_000) return;
              filled = true;
              await shell('head -c 100000000 /dev/zero > "$1/disk/filler" || true', folder);
            },
          });
          const files = ["--allow-net", "--allow-read", "--allow-write"];
          const receiver = { permissions: [...files, engine] };
          await using receiving = startReceiver({ ...options, receiver }, proxy.address);
          const [sent, received] = await Promise.all([sender.end(), receiving.end()]);
          assertStatuses({ sent, received }, 5);
          const left = await shell(
            'cd "$1/disk/b/new" && ls -A | sed "s/[a-z2-7]\\{26\\}/X/" | sort',
            folder,
          );
          assertEquals(left.replace("small\n", ""), ".rcopy-X.journal\n.rcopy-X.part\n");
          await shell('rm "$1/disk/filler"', folder);
          const again = await copyTree({ ...options, receiver });
          assertStatuses(again, 0);
          assertMatch(again.received.stderr, /kept from an earlier run/);
          await assertEqualTrees(options.source, options.target, { mtimeStepNs: 1_000_000 });
        });
      });
    },
  );
}

testWhere(
  { mount: true },
  "a destination without inodes ends both ends with 5, and what was there is left as it was",
  async () => {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/a" && cd "$1/a" && for i in $(seq 200); do echo $i > f$i; done', folder);
      await withTmpfs(`${folder}/small`, "size=16m,nr_inodes=50", async () => {
        await shell('mkdir "$1/small/b" && echo old > "$1/small/b/f1"', folder);
        assertStatuses(await copyTree({ source: `${folder}/a`, target: `${folder}/small/b` }), 5);
        assertEquals(
          await shell('cat "$1/small/b/f1"; ls -A "$1/small/b" | grep -c ^.rcopy || true', folder),
          "old\n0\n",
        );
      });
    });
  },
);
