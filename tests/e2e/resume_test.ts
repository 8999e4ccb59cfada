/** Large files of a run that was killed go on from their journals: what is there does not travel again. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Proxy } from "../helpers/proxy.ts";
import { assertStatuses, type CopyOptions, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

const extentBytes = 4 * 1024 * 1024;
const size = 24 * extentBytes + 12_345;
/** Frames, hashes, the handshake, TLS. */
const overhead = 1.02;
/** Bytes that may be on their way on one data connection when an end is killed: two slices, and what the sockets hold. */
const underWayMax = 3 * extentBytes + 8 * 1024 * 1024;

interface Place {
  folder: string;
  options: CopyOptions;
}

async function withLargeFile(io: string, body: (place: Place) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" "$1/b" && head -c "$2" /dev/urandom > "$1/a/large"', folder, String(size));
    await body({
      folder,
      options: {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--timeout", "3s", "--io", io, "--keep"],
        receive: ["--io", io, "--timeout", "3s"],
      },
    });
  });
}

/** Copies, and kills an end once so many bytes have gone by. Returns all that went by. */
async function copyAndKill(
  { options }: Place,
  { victim, part, signal = "SIGKILL" }: { victim: "sender" | "receiver"; part: number; signal?: Deno.Signal },
): Promise<number> {
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
  const killed = victim === "sender" ? sender : receiver;
  killed.kill(signal);
  await killed.end();
  proxy.cut();
  if (victim === "sender") await receiver.end();
  return proxy.bytes;
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

for (const victim of ["receiver", "sender"] as const) {
  testEngines(
    `the ${victim} is killed at 25, 50 and 75 % of a large file, and what is there does not travel again`,
    async (io) => {
      await withLargeFile(io, async (place) => {
        let bytes = 0;
        for (const _ of [1, 2, 3]) bytes += await copyAndKill(place, { victim, part: 0.25 });
        const last = await goOn(place);
        assertEquals(await same(place.folder), "large\n");
        assertMatch(last.stderr, /kept from an earlier run/);
        const most = size * overhead + 3 * underWayMax;
        assert(bytes + last.bytes <= most, `${bytes} and ${last.bytes} bytes travelled, of at most ${most}`);
      });
    },
  );
}
