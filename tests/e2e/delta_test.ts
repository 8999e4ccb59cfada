/** `--delta`: of a changed large file only the blocks travel that the older version does not have. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { untilOld } from "../helpers/old_file.ts";
import { Proxy } from "../helpers/proxy.ts";
import { assertStatuses, copyTree, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testEngines, testWhere, withFolder, withTmpfs } from "../helpers/test_folder.ts";

const blockBytes = 128 * 1024;
const mib = 1024 * 1024;
const size = 40 * mib + 77_777;

/** What both ends counted. */
function summariesOf({ sent, received }: { sent: { stdout: string }; received: { stdout: string } }) {
  return [sent, received].map(({ stdout }) =>
    stdout.trim().split("\n").map((line) => JSON.parse(line)).find(({ type }) => type === "done").summary
  );
}

/** `a/image` and the older `b/image`, which differ by what the shell text does to the file `$2` (`image` in `a`). */
async function makeVersions(folder: string, change: string, bytes = size): Promise<void> {
  await shell(
    `cd "$1" && mkdir a b && head -c "$2" /dev/urandom > b/image && cp b/image a/image && touch -d 2001-02-03 b/image`,
    folder,
    String(bytes),
  );
  await shell(`cd "$1/a" && ${change}`, folder);
}

/** Writes random pages of 4 KiB of a file, the same for a seed, and counts the blocks that they lie in. */
async function changePages(path: string, part: number): Promise<number> {
  const { size } = await Deno.stat(path);
  using file = await Deno.open(path, { write: true });
  const blocks = new Set<number>();
  let state = 42;
  for (let i = 0; i < size / 4096 * part; i++) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const offset = state % Math.floor(size / 4096) * 4096;
    await file.seek(offset, Deno.SeekMode.Start);
    await file.write(crypto.getRandomValues(new Uint8Array(4096)));
    blocks.add(Math.floor(offset / blockBytes));
  }
  return blocks.size;
}

/** Copies `a` over `b` by `--delta always`, and gives the summaries of both ends, which agree. */
async function copyDelta(folder: string, io: string, options: { receive?: string[]; streams?: string } = {}) {
  const { receive = [], streams = "auto" } = options;
  const json = ["--io", io, "--json", "--streams", streams];
  const delta = receive.includes("--delta") ? [] : ["--delta", "always"];
  const both = {
    source: `${folder}/a`,
    target: `${folder}/b`,
    send: json,
    receive: [...json, ...delta, ...receive],
  };
  const outcome = await copyTree(both);
  assertStatuses(outcome, 0);
  const [sent, received] = summariesOf(outcome);
  for (const what of ["files", "bytes", "keptBytes", "matchedBytes", "compared", "skipped", "treeHash"]) {
    assertEquals(sent[what], received[what], what);
  }
  assertEquals(await shell('cmp "$1/a/image" "$1/b/image" && ls -A "$1/b"', folder), "image\n");
  return received;
}

for (const [turn, streams] of ["1", "4"].entries()) {
  testEngines(
    `--delta always sends the blocks that scattered pages lie in, over data connections: ${streams}`,
    async (io) => {
      await withFolder(async (folder) => {
        await makeVersions(folder, ":");
        const blocks = await changePages(`${folder}/a/image`, 0.01);
        const { wireBytes, matchedBytes, bytes } = await copyDelta(folder, io, { streams });
        assert(wireBytes <= 1.3 * blocks * blockBytes, `${wireBytes} bytes for ${blocks} blocks`);
        assertEquals(bytes, size);
        assert(matchedBytes >= size - blocks * blockBytes, `${matchedBytes} matched`);
      });
    },
    { turn },
  );
}

/** What becomes of a file, and the most bytes that travel then. */
const reshaped = [
  ["truncate -s 24M image", 0],
  ["truncate -s 21234567 image", 0],
  ["truncate -s +20M image", 21 * mib],
  ["head -c 5000000 /dev/urandom >> image", 5_000_000 + 2 * blockBytes],
  ["truncate -s 0 image && truncate -s 32M image && cp image ../b/image", 0],
  ["fallocate -p -o 8M -l 12M image", 12 * mib],
] as const;
for (const [turn, [change, most]] of reshaped.entries()) {
  const name = `--delta compares sparse files, and those that grew or shrank at their end: ${change}`;
  const body = async (io: string) => {
    await withFolder(async (folder) => {
      await makeVersions(folder, change);
      const { wireBytes } = await copyDelta(folder, io);
      assert(wireBytes <= most + 200_000, `${wireBytes} bytes`);
    });
  };
  testEngines(name, body, { turn });
}

testEngines(
  "--delta does not look for content that has moved: a front that grew is sent whole",
  async (io) => {
    await withFolder(async (folder) => {
      await makeVersions(folder, "{ head -c 100 /dev/urandom; cat ../b/image; } > image");
      const { wireBytes, matchedBytes } = await copyDelta(folder, io);
      assertEquals(matchedBytes, 0);
      assert(wireBytes > size && wireBytes < 1.01 * size, `${wireBytes} bytes`);
    });
  },
);

testEngines("--delta never, and auto where nothing is slow, send a changed file whole", async (io) => {
  for (const policy of ["never", "auto"]) {
    await withFolder(async (folder) => {
      await makeVersions(folder, "printf X | dd of=image bs=1 seek=3 conv=notrunc status=none", 20 * mib);
      const { matchedBytes } = await copyDelta(folder, io, { receive: ["--delta", policy] });
      assertEquals(matchedBytes, 0);
    });
  }
});

testEngines("--delta always leaves files below 16 MiB alone", async (io) => {
  await withFolder(async (folder) => {
    await makeVersions(folder, "printf X | dd of=image bs=1 seek=3 conv=notrunc status=none", 16 * mib - 1);
    assertEquals((await copyDelta(folder, io)).matchedBytes, 0);
  });
});

testEngines("--delta with --check writes nothing where all is equal, and patches what is not", async (io) => {
  await withFolder(async (folder) => {
    await makeVersions(folder, ":");
    const before = await shell('stat -c %i "$1/b/image"', folder);
    const equal = await copyDelta(folder, io, { receive: ["--check"] });
    assertEquals([equal.files, equal.compared, equal.skipped], [0, 1, 1]);
    assertEquals(await shell('stat -c %i "$1/b/image"', folder), before);
    for (const at of [3, 10 * mib, size - 1]) {
      await shell(
        'printf X | dd of="$1/a/image" bs=1 seek="$2" conv=notrunc status=none',
        folder,
        String(at),
      );
      await shell('touch -r "$1/b/image" "$1/a/image"', folder);
      const { files, compared, wireBytes } = await copyDelta(folder, io, { receive: ["--check"] });
      assertEquals([files, compared], [1, 1]);
      assert(wireBytes < 2 * blockBytes + 100_000, `${wireBytes} bytes`);
    }
  });
});

/** Copies by `--delta always` until so many bytes have gone by, kills an end, and gives what went by. */
async function killDelta(
  folder: string,
  io: string,
  { victim, after }: { victim: "sender" | "receiver"; after: number },
) {
  const options = {
    source: `${folder}/a`,
    target: `${folder}/b`,
    send: ["--io", io, "--timeout", "3s", "--streams", "1"],
    receive: ["--io", io, "--timeout", "3s", "--patience", "0s", "--delta", "always"],
  };
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  const reached = Promise.withResolvers<void>();
  await using proxy: Proxy = new Proxy(address, {
    onChunk: (_, __, total) => {
      if (total < after) return;
      proxy.hold();
      reached.resolve();
    },
  });
  await using receiver = startReceiver(options, proxy.address);
  const early = await Promise.race([reached.promise, receiver.end()]);
  if (early) throw new Error(early.stderr);
  const hit = victim === "sender" ? sender : receiver;
  hit.kill("SIGKILL");
  await hit.end();
  proxy.cut();
  if (victim === "sender") await receiver.end();
  return proxy.bytes;
}

for (const [turn, victim] of (["receiver", "sender"] as const).entries()) {
  testEngines(
    `a ${victim} that is killed during --delta leaves the old file whole, and the next run goes on`,
    async (io) => {
      await withFolder(async (folder) => {
        await makeVersions(folder, ":");
        const blocks = await changePages(`${folder}/a/image`, 0.02);
        await untilOld(`${folder}/a/image`, io);
        const old = await shell('sha256sum < "$1/b/image"', folder);
        let bytes = 0;
        for (const after of [1, 40_000, 8_000_000]) {
          bytes += await killDelta(folder, io, { victim, after });
          assertEquals(await shell('sha256sum < "$1/b/image"', folder), old);
        }
        const { wireBytes, keptBytes, matchedBytes } = await copyDelta(folder, io);
        // What is on its way when an end is killed is two slices, and what the sockets hold.
        const most = 1.05 * blocks * blockBytes + 3 * 4 * 4 * mib;
        assert(bytes + wireBytes <= most, `${bytes} and ${wireBytes} bytes for ${blocks} blocks`);
        assert(keptBytes + matchedBytes > 0);
      });
    },
    { turn },
  );
}

testEngines("what an interrupted copy left of another version serves for the next one", async (io) => {
  await withFolder(async (folder) => {
    await makeVersions(folder, ":");
    await shell('rm "$1/b/image"; echo x > "$1/b/x"; cp -p "$1/b/x" "$1/a/x"', folder);
    await untilOld(`${folder}/a/image`, io);
    await killDelta(folder, io, { victim: "receiver", after: 0.75 * size });
    await shell(
      'printf X | dd of="$1/a/image" bs=1 seek=3 conv=notrunc status=none; rm "$1/a/x" "$1/b/x"',
      folder,
    );
    await untilOld(`${folder}/a/image`, io);
    const { wireBytes, matchedBytes } = await copyDelta(folder, io);
    // What was on its way to the receiver is not there.
    assert(matchedBytes > 4 * mib, `${matchedBytes} bytes`);
    assert(wireBytes < size - 4 * mib, `${wireBytes} bytes`);
  });
});

testEngines("an older version that changes while it is read makes nothing wrong", async (io) => {
  await withFolder(async (folder) => {
    await makeVersions(folder, ":");
    await changePages(`${folder}/a/image`, 0.01);
    const options = {
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io, "--streams", "1"],
      receive: ["--io", io, "--patience", "0s", "--delta", "always"],
    };
    const { sender, address } = await startSender(options);
    await using _sender = sender;
    let isChanged = false;
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (isChanged || total < 100_000) return;
        isChanged = true;
        // All of it, beyond what has been put together already.
        const file = Deno.openSync(`${folder}/b/image`, { write: true });
        for (let at = 0; at < size; at += mib) {
          file.seekSync(at, Deno.SeekMode.Start);
          file.writeSync(new Uint8Array(4096).fill(9));
        }
        file.close();
      },
    });
    await using receiver = startReceiver(options, proxy.address);
    const received = await receiver.end();
    sender.kill("SIGINT");
    await sender.end();
    // The plan saw another file than the one that it was to replace: that one stays.
    assertEquals([received.status, isChanged], [23, true], received.stderr);
    assertMatch(received.stderr, /image/);
    await copyDelta(folder, io, { receive: ["--exists", "replace"] });
  });
});

testWhere(
  { mount: true },
  "--delta needs room for the old file and the new one, and says so beforehand",
  async () => {
    await withFolder(async (folder) => {
      await shell('mkdir "$1/a" "$1/b" && head -c 30M /dev/urandom > "$1/a/image"', folder);
      await withTmpfs(`${folder}/b`, "size=50m", async () => {
        await shell('head -c 30M /dev/zero > "$1/b/image" && touch -d 2001-02-03 "$1/b/image"', folder);
        const outcome = await copyTree({
          source: `${folder}/a`,
          target: `${folder}/b`,
          receive: ["--delta", "always"],
        });
        assertStatuses(outcome, 5);
        assertEquals(
          await shell('ls -A "$1/b" && head -c 30M /dev/zero | cmp - "$1/b/image"', folder),
          "image\n",
        );
      });
    });
  },
);

testEngines("the summary says how much was taken from older versions", async (io) => {
  await withFolder(async (folder) => {
    await makeVersions(folder, "printf X | dd of=image bs=1 seek=3 conv=notrunc status=none");
    const outcome = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io, "--delta", "always"],
    });
    assertStatuses(outcome, 0);
    for (const { stderr } of [outcome.sent, outcome.received]) {
      assertMatch(stderr, /41\.9 MB taken from older versions there/);
    }
  });
});
