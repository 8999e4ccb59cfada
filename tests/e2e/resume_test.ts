/** Large files of a run that was killed go on from their journals: what is there does not travel again. */
import { assert, assertEquals, assertMatch, type Outcome } from "@std/assert";
import { untilOld } from "../helpers/old_file.ts";
import { Proxy } from "../helpers/proxy.ts";
import { assertStatuses, type CopyOptions, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

const extentBytes = 4 * 1024 * 1024;
/** Enough that three quarters of it are much more than what may be under way. */
const bytesOfFile = 10 * extentBytes + 12_345;
/** Frames, hashes, the handshake, TLS. */
const overhead = 1.02;
/** Bytes that may be on their way on one data connection when an end is killed: two slices, and what the sockets hold. */
const underWayMax = 4 * extentBytes;

interface Place {
  folder: string;
  size: number;
  options: CopyOptions;
}

async function withLargeFile(
  io: string,
  body: (place: Place) => Promise<void>,
  size = bytesOfFile,
): Promise<void> {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" "$1/b" && head -c "$2" /dev/urandom > "$1/a/large"', folder, String(size));
    await untilOld(`${folder}/a/large`, io);
    await body({
      folder,
      size,
      options: {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--timeout", "3s", "--io", io, "--keep"],
        receive: ["--io", io, "--timeout", "3s", "--patience", "0s"],
      },
    });
  });
}

/** Copies, and kills an end once so many bytes have gone by. Returns all that went by, and how that end ended. */
async function copyAndKill(
  { size, options }: Place,
  { victim, part, signal = "SIGKILL" }: { victim: "sender" | "receiver"; part: number; signal?: Deno.Signal },
): Promise<{ bytes: number; killed: Outcome }> {
  const { sender, address } = await startSender(options);
  await using _sender = sender;
  const reached = Promise.withResolvers<void>();
  await using proxy: Proxy = new Proxy(address, {
    onChunk: (_, __, total) => {
      if (total < part * size) return;
      proxy.hold();
      reached.resolve();
    },
  });
  await using receiver = startReceiver(options, proxy.address);
  // An end that cannot even begin says why.
  const early = await Promise.race([reached.promise, receiver.end()]);
  if (early) throw new Error(early.stderr);
  const hit = victim === "sender" ? sender : receiver;
  hit.kill(signal);
  const killed = await hit.end();
  proxy.cut();
  if (victim === "sender") await receiver.end();
  return { bytes: proxy.bytes, killed };
}

/** The same command again, whole. Returns what went by and what the receiver said. */
async function goOn({ options }: Place): Promise<{ bytes: number; stderr: string }> {
  const { sender, address } = await startSender({
    ...options,
    send: options.send!.filter((word) => word !== "--keep"),
  });
  await using _sender = sender;
  await using proxy = new Proxy(address);
  await using receiver = startReceiver(options, proxy.address);
  const [sent, received] = await Promise.all([sender.end(), receiver.end()]);
  assertStatuses({ sent, received }, 0);
  return { bytes: proxy.bytes, stderr: received.stderr };
}

const same = (folder: string) => shell('cmp "$1/a/large" "$1/b/large" && ls -A "$1/b"', folder);

for (const [turn, victim] of (["receiver", "sender"] as const).entries()) {
  testEngines(
    `the ${victim} is killed at 25, 50 and 75 % of a large file, and what is there does not travel again`,
    async (io) => {
      await withLargeFile(io, async (place) => {
        let bytes = 0;
        for (const _ of [1, 2, 3]) bytes += (await copyAndKill(place, { victim, part: 0.25 })).bytes;
        const last = await goOn(place);
        assertEquals(await same(place.folder), "large\n");
        assertMatch(last.stderr, /kept from an earlier run/);
        const most = place.size * overhead + 3 * underWayMax;
        assert(bytes + last.bytes <= most, `${bytes} and ${last.bytes} bytes travelled, of at most ${most}`);
        // Three quarters that travel once more are far more than what may be under way three times.
      }, 24 * extentBytes);
    },
    { turn },
  );
}

for (const [turn, [signal, status]] of ([["SIGINT", 130], ["SIGTERM", 143]] as const).entries()) {
  const body = async (io: string) => {
    await withLargeFile(io, async (place) => {
      const { killed } = await copyAndKill(place, { victim: "receiver", part: 0.75, signal });
      assertEquals(killed.status, status, killed.stderr);
      assertMatch(killed.stderr, /of an unfinished file stay.*goes on with them.*--clean/);
      const last = await goOn(place);
      assertEquals(await same(place.folder), "large\n");
      assert(last.bytes < place.size * 0.8, `${last.bytes} bytes travelled again`);
    });
  };
  testEngines(`${signal} to the receiver keeps what is there, and says so`, body, { turn });
}

testEngines("a source that changed meanwhile begins anew, and versions are never mixed", async (io) => {
  await withLargeFile(io, async (place) => {
    await copyAndKill(place, { victim: "receiver", part: 0.5 });
    // The same size and time; the change time alone tells.
    await shell(
      `cd "$1/a" && touch -r large stamp && head -c 1000 /dev/urandom | dd of=large bs=1000 seek=3 conv=notrunc status=none &&
       touch -r stamp large && rm stamp`,
      place.folder,
    );
    const { bytes, stderr } = await goOn(place);
    assertEquals(await same(place.folder), "large\n", "and what was set aside is gone");
    assert(bytes > place.size, `only ${bytes} bytes travelled`);
    assert(!stderr.includes("kept"), stderr);
  });
});

testEngines("a byte that changed in the part of a killed run is found", async (io) => {
  await withLargeFile(io, async (place) => {
    await copyAndKill(place, { victim: "receiver", part: 0.5 });
    await shell(
      `cd "$1/b" && printf '\\377\\001\\002\\003' | dd of="$(ls -A | grep part)" bs=1 seek=1000 conv=notrunc status=none`,
      place.folder,
    );
    await goOn(place);
    assertEquals(await same(place.folder), "large\n");
  });
});

testEngines("a receiver with another engine goes on with what the first left", async (io) => {
  await withLargeFile(io, async (place) => {
    await copyAndKill(place, { victim: "receiver", part: 0.75 });
    const other = place.options.receive!.map((word) =>
      word === "uring" ? "deno" : word === "deno" ? "uring" : word
    );
    const { bytes } = await goOn({ ...place, options: { ...place.options, receive: other } });
    assertEquals(await same(place.folder), "large\n");
    assert(bytes < place.size * 0.8, `${bytes} bytes travelled again`);
  });
});

testEngines("a second receiver into the same destination leaves the first one's part alone", async (io) => {
  await withLargeFile(io, async (place) => {
    // The first one stands still for as long as the second one takes.
    const patient = (words: readonly string[]) => words.map((word) => word === "3s" ? "60s" : word);
    place.options.send = patient(place.options.send!);
    place.options.receive = patient(place.options.receive!);
    const { sender, address } = await startSender(place.options);
    await using _sender = sender;
    const reached = Promise.withResolvers<void>();
    let hasHeld = false;
    await using proxy: Proxy = new Proxy(address, {
      onChunk: (_, __, total) => {
        if (hasHeld || total < place.size / 2) return;
        hasHeld = true;
        proxy.hold();
        reached.resolve();
      },
    });
    await using first = startReceiver(place.options, proxy.address);
    await reached.promise;
    await using second = startReceiver(place.options, address);
    const { status, stderr } = await second.end();
    assertEquals(status, 0, stderr);
    assert(!stderr.includes("kept"), stderr);
    proxy.release();
    const { status: firstStatus, stderr: firstSaid } = await first.end();
    assertEquals(firstStatus, 0, firstSaid);
    assertEquals(await same(place.folder), "large\n");
  });
});
