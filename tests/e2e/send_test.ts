/** What `rcopy send` takes: files, directories and several PATHs, also while they change; and what it tells of itself. */
import { existsSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { slotOffset } from "../../src/transfer/journal/journal_format.ts";
import { FrameKind } from "../../src/wire/message.ts";
import { Proxy } from "../helpers/proxy.ts";
import { randomFrom, withSeed } from "../helpers/random.ts";
import { assertStatuses, copyTree, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { makeSmallTree } from "../helpers/small_tree.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees } from "../helpers/tree_record.ts";

/** Nothing that Deno cannot set, so that both engines must give equal trees. */
const comparison = { mtimeStepNs: 1_000_000, linkTimes: false };

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
    const options = { source: `${folder}/a/empty`, target: `${folder}/new/b/`, send: ["--io", io] };
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
        sizeOf: (r) => Math.floor(r ** 12 * 6_000_000),
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
      const size = Math.floor(random() ** 16 * 8 * 1024 * 1024);
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

Deno.test("the sender's own paths stay with the sender", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir -p "$1/private-place/a/inner" && echo 1 > "$1/private-place/a/inner/file"', folder);
    const options = { source: `${folder}/private-place/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    let seen = "";
    await using proxy = new Proxy(address, {
      onChunk: (_, chunk) => {
        seen += String.fromCharCode(...chunk);
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    assertStatuses({ sent: await sender.end(), received: await receiver.end() }, 0);
    assert(seen.includes("inner"), "names went by in clear");
    assert(!seen.includes("private-place") && !seen.includes(folder), "the place of the source went by too");
  });
});

Deno.test("a PATH that vanishes before a receiver comes ends both ends: 2 and 4", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const options = { source: `${folder}/a`, target: `${folder}/b` };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    await Deno.remove(`${folder}/a`, { recursive: true });
    await using receiver = startReceiver(options, address);
    const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
    assertEquals([sent.status, received.status], [2, 4], sent.stderr + received.stderr);
    for (const { stderr } of [sent, received]) assertMatch(stderr, /no such file or directory/);
  });
});

for (
  const [what, change, isCopied] of [
    ["shrinks", "truncate -s 4096", false],
    ["grows", "sh -c 'echo more >> \"$0\"'", true],
  ] as const
) {
  testEngines(
    `a file that ${what} while it is read is reported, ${
      isCopied ? "and copied as it was" : "and not copied"
    }`,
    async (io) => {
      await withFolder(async (folder) => {
        await shell(
          'mkdir "$1/a" && cd "$1/a" && head -c 60000000 /dev/urandom > large && echo 1 > small',
          folder,
        );
        const options = {
          source: `${folder}/a`,
          target: `${folder}/b`,
          send: ["--io", io],
          receive: ["--io", io],
        };
        const { sender, address } = await startSender(options);
        await using _sender = sender;
        let changed = false;
        await using proxy = new Proxy(address, {
          onChunk: async (_, __, total) => {
            // What is on its way is overtaken by the word that it will never be whole: some of it must have arrived.
            if (changed || total < 12_000_000 || !hasExtent(`${folder}/b`)) return;
            changed = true;
            await shell(`${change} "$1/a/large"`, folder);
          },
        });
        await using receiver = startReceiver(options, proxy.address);
        const outcome = { sent: await sender.end(), received: await receiver.end() };
        assertStatuses(outcome, 24);
        const said = isCopied ? /copied as it was: large: .*growing/ : /not copied: large: /;
        assertMatch(outcome.received.stderr, said);
        assertMatch(outcome.sent.stderr, said);
        if (isCopied) {
          assertMatch(outcome.sent.stderr, /the 60000000 bytes that it had .* 60000005 now/);
          await shell('cd "$1" && head -c 60000000 a/large | cmp - b/large && cmp a/small b/small', folder);
        } else {
          // What has arrived of it stays under its temporary name, for the next run.
          assertEquals(
            await shell('cd "$1/b" && find . -mindepth 1 ! -name ".rcopy-*"', folder),
            "./small\n",
          );
          assertMatch(outcome.received.stderr, /an unfinished file stay in the destination/);
        }
      });
    },
  );
}

/** Whether an extent of a large file has been written, as its journal says. */
function hasExtent(directory: string): boolean {
  return [...Deno.readDirSync(directory)].some(({ name }) =>
    name.endsWith(".journal") && Deno.statSync(`${directory}/${name}`).size > slotOffset(0)
  );
}

testEngines(
  "files that vanish while a run is under way are reported, the rest is complete: 24",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `mkdir -p "$1/a/0" "$1/a/z" && cd "$1/a" && head -c 100000000 /dev/zero > 0/large &&
      head -c 9000000 /dev/urandom > z/large && for i in $(seq 300); do head -c 90000 /dev/zero > z/f$i; done`,
        folder,
      );
      const options = {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
      };
      const { sender, address } = await startSender(options);
      await using _sender = sender;
      let removed = false;
      const small = Array.from({ length: 200 }, (_, i) => `z/f${i + 101}`);
      const listed = Promise.withResolvers<void>();
      await using proxy = new Proxy(address, {
        onControlFrame: (_, kind) => {
          if (kind === FrameKind.manifestEnd) listed.resolve();
        },
        // Everything has been listed, and most of the content has not been read: sockets hold 40 MB at most.
        onChunk: async (_, chunk, total) => {
          const isContent = chunk.length > 60_000; // no message is as long here
          if (removed || total < 3_000_000 || !isContent) return;
          await listed.promise;
          if (removed) return;
          removed = true;
          for (const path of [...small, "z/large", "0/large"]) Deno.removeSync(`${folder}/a/${path}`);
        },
      });
      await using receiver = startReceiver(options, proxy.address);
      const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
      assertEquals(removed, true);
      assertStatuses({ sent, received }, 24);
      // Some of the small ones were on their way by then, and have arrived; the list shows twenty and counts the rest.
      const arrived = small.filter((path) => existsSync(`${folder}/b/${path}`));
      for (const { stderr } of [sent, received]) {
        const listed = stderr.match(/not copied: \S+: .* (vanished|changed) /g) ?? [];
        const more = Number(/not copied: (\d+) more/.exec(stderr)?.[1] ?? 0);
        assertEquals(listed.length + more, small.length - arrived.length + 2, stderr);
      }
      for (const path of arrived) {
        assertEquals(Deno.readFileSync(`${folder}/b/${path}`), new Uint8Array(90_000), path);
        Deno.removeSync(`${folder}/b/${path}`);
      }
      // What had arrived of the large ones stays under temporary names.
      await shell('diff -r -x ".rcopy-*" "$1/a" "$1/b"', folder);
    });
  },
);
