/** What a sender may do with a file of which the receiver has something, and what the receiver makes of it. */
import { assert, assertEquals } from "@std/assert";
import { startReceiver } from "../helpers/rcopy_process.ts";
import { shell } from "../helpers/test_folder.ts";
import type { Values } from "./capnp.ts";
import { HostileSender, joined } from "./hostile_sender.ts";
import { frame } from "./messages.ts";
import { attackReceiver } from "./sessions.ts";
import { xxh3 } from "./xxh3.ts";

const extentBytes = 4 << 20;
const contents = [1, 2].map((byte) => new Uint8Array(byte === 1 ? extentBytes : 100).fill(byte));
const hashes = contents.map(xxh3);
const entries = [{ name: "large", size: extentBytes + 100 }];
const stamps = new Uint8Array(16).fill(7);

/** A receiver that is told half of a file, loses its sender, and keeps what it has. */
async function receiveHalf(folder: string): Promise<void> {
  await using first = new HostileSender();
  await using program = startReceiver({
    source: "",
    target: `${folder}/target`,
    receive: ["--patience", "0s"], // it does not look for a sender that hangs up
  }, first.address);
  await first.shakeHands({}, 1);
  await first.control.send("manifest", { ...first.manifest(entries), stamps });
  await first.extent({ entry: 0, index: 0 }, contents[0]!);
  await first.control.until("taken");
  // The second one is read when the first has been written.
  await first.extent({ entry: 0, index: 0 }, contents[0]!);
  await first.control.until("taken", ({ values }) => assert(Number(values.units) > 1));
  first.hangUp();
  assertEquals((await program.end()).status, 4);
}

/** A second session with the receiver that has half. */
function attackAgain(
  body: (peer: HostileSender, told: { wants: Values; kept: () => Promise<Values> }) => Promise<void>,
  { as = { stamps }, after }: { as?: Values; after?: (folder: string) => Promise<void> } = {},
) {
  return attackReceiver(async (peer) => {
    await peer.shakeHands({}, 1);
    assertEquals(peer.destination.wantsAll, false);
    await peer.announce(entries, as);
    const { values: wants } = await peer.control.until("wants");
    await body(peer, { wants, kept: async () => (await peer.control.until("kept")).values });
  }, { prepare: receiveHalf, ...(after ? { after: (folder) => after(folder) } : {}) });
}

Deno.test("a receiver tells what it has of a file, and places it with the rest", async () => {
  const reception = await attackAgain(async (peer, { wants, kept }) => {
    assertEquals(wants.kept, [0]);
    const told = await kept();
    assertEquals([told.batch, told.entry, told.first, told.more], [0, 0, 0, false]);
    assertEquals([told.bitmap, told.hashes], [Uint8Array.of(1), hashes[0]]);
    await peer.vouch({ entry: 0, hash: xxh3(joined(hashes)) });
    await peer.extent({ entry: 0, index: 1 }, contents[1]!);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.bytes], [1n, BigInt(entries[0]!.size)]);
  }, {
    after: async (folder) => {
      assertEquals(await shell('cd "$1/target" && ls -A && stat -c %s large', folder), "large\n4194404\n");
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("another stamp or time is another version: nothing of the old one is told", async () => {
  for (
    const as of [
      { stamps: new Uint8Array(16) },
      { stamps, mtimeNanos: [1] },
    ]
  ) {
    const reception = await attackAgain(async (peer, { wants, kept }) => {
      assertEquals(wants.kept, [0]);
      const told = await kept();
      assertEquals([told.bitmap, told.hashes, told.more], [new Uint8Array(0), new Uint8Array(0), false]);
      peer.hangUp();
    }, { as });
    assertEquals(reception.status, 4, reception.stderr);
  }
});

Deno.test("a file hash that is not that of what was kept fails the file, and nothing of it stays", async () => {
  const reception = await attackAgain(async (peer, { kept }) => {
    await kept();
    await peer.vouch({ entry: 0, hash: new Uint8Array(16) });
    await peer.extent({ entry: 0, index: 1 }, contents[1]!);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [0n, 1n]);
  }, { after: async (folder) => assertEquals(await shell('ls -A "$1/target"', folder), "") });
  assertEquals(reception.status, 23, reception.stderr);
});

Deno.test("content or a mark of a file whose kept extents were not told ends the session", async () => {
  for (const act of ["extent", "vouch"] as const) {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands({}, 1);
      if (act === "extent") await peer.extent({ entry: 0, index: 1 }, contents[1]!);
      await peer.control.write(joined([
        frame("manifest", { ...peer.manifest(entries), stamps }),
        ...act === "vouch" ? [frame("fileVerified", { batch: 0, entry: 0, hash: xxh3(joined(hashes)) })] : [],
      ]));
      await peer.end(entries);
    }, { prepare: receiveHalf });
    assertEquals([reception.status, reception.code], [3, 8], `${act}: ${reception.stderr}`);
  }
});

Deno.test("a kept extent that comes again changes nothing", async () => {
  const reception = await attackAgain(async (peer, { kept }) => {
    await kept();
    await peer.extent({ entry: 0, index: 0 }, new Uint8Array(extentBytes).fill(9));
    await peer.vouch({ entry: 0, hash: xxh3(joined(hashes)) });
    await peer.extent({ entry: 0, index: 1 }, contents[1]!);
    await peer.conclude();
  }, {
    after: async (folder) => {
      const [first, last] = [await Deno.readFile(`${folder}/target/large`)].flatMap((
        bytes,
      ) => [bytes[5], bytes.at(-1)]);
      assertEquals([first, last], [1, 2]);
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});
