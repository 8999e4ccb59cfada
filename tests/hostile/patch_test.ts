/** What a sender may do with a file of which the receiver has an older version, and a receiver with one that it tells of. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { shell } from "../helpers/test_folder.ts";
import type { Values } from "./capnp.ts";
import { type HostileSender, joined, largeHash } from "./hostile_sender.ts";
import { frame } from "./messages.ts";
import { attackReceiver, type ReceptionOptions } from "./sessions.ts";
import { placesOf, withVictim } from "./victim_tree.ts";
import { xxh3 } from "./xxh3.ts";

const blockBytes = 128 << 10;
const extentBytes = 4 << 20;
/** Four extents, and one of 100 bytes. */
const size = 4 * extentBytes + 100;
const entries = [{ name: "image", size }, { name: "new", size }];
const old = new Uint8Array(size).fill(7);
const hashOfOld = xxh3(old.slice(0, blockBytes));

/** The old file with one byte changed in block 1 of extent 0. */
const image = old.slice();
image[blockBytes + 5] = 8;
const changed = image.slice(blockBytes, 2 * blockBytes);

const extentOf = (content: Uint8Array, index: number) =>
  content.slice(index * extentBytes, (index + 1) * extentBytes);

interface Patch {
  entry?: number;
  index?: number;
  blocks?: number;
  payload?: Uint8Array<ArrayBuffer>;
  hashes?: Uint8Array;
}

/** A patch of the image, which is right but for what it is told to be. */
async function patch(peer: HostileSender, different: Patch = {}): Promise<void> {
  const { entry = 0, index = 0 } = different;
  const isChanged = index === 0;
  const { blocks = isChanged ? 2 : 0, payload = isChanged ? changed : new Uint8Array(0) } = different;
  const { hashes = xxh3(extentOf(image, index)) } = different;
  await peer.laneOf(0).write(
    joined([frame("patch", { batch: 0, entry, index, blocks }, payload), frame("hashes", { hashes })]),
  );
}

/** A receiver that has the old image, and is told of it and of another file. */
async function attack(
  body: (peer: HostileSender) => Promise<void>,
  { isTold = true, ...options }: ReceptionOptions & { isTold?: boolean } = {},
) {
  return await attackReceiver(async (peer) => {
    await peer.shakeHands({}, 1);
    await peer.announce(entries);
    const { values } = await peer.control.until("wants");
    assertEquals(values.kept, [0]);
    if (isTold) await untilTold(peer);
    await body(peer);
  }, {
    receive: ["--delta", "always"],
    prepare: async (folder) => {
      await Deno.mkdir(`${folder}/target`);
      await Deno.writeFile(`${folder}/target/image`, old);
    },
    ...options,
  });
}

/** Waits until the receiver has told of every block of the image. */
async function untilTold(peer: HostileSender): Promise<void> {
  const { values: kept } = await peer.control.until("kept");
  assertEquals([kept.entry, kept.more, kept.basis], [0, false, true]);
  let hashes = 0;
  for (let more = true; more;) {
    const { values } = await peer.control.until("blocks");
    const table = values.hashes as Uint8Array;
    for (let at = 0; at < table.length && hashes < 128; at += 16, hashes++) {
      assertEquals(table.subarray(at, at + 16), hashOfOld);
    }
    more = values.more as boolean;
  }
  assertEquals(hashes, 128);
}

const isOld = async (folder: string) =>
  assertEquals(await Deno.readFile(`${folder}/target/image`), old, "the old file is as it was");

const violations: Record<string, Patch> = {
  "of an extent past the end": { index: 5 },
  "of an extent at the largest number": { index: 0xffff_ffff },
  "of a file that is new": { entry: 1 },
  "of an entry that is none": { entry: 77 },
  "that names a block behind the end": { index: 4, blocks: 3 },
  "that names no block and has one": { blocks: 0 },
  "that names two blocks and has one": { blocks: 3 },
  "that names a block and has none": { payload: new Uint8Array(0) },
  "with half a block": { payload: changed.slice(1) },
  "with more than a block": { payload: joined([changed, changed]) },
  "with two hashes": { hashes: new Uint8Array(32) },
  "without a hash": { hashes: new Uint8Array(0) },
};
for (const [what, different] of Object.entries(violations)) {
  Deno.test(`a patch ${what} ends the session, and the old file stays`, async () => {
    const reception = await attack((peer) => patch(peer, different), { after: isOld });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

Deno.test("a patch of an extent that was not told ends the session", async () => {
  // Without a file that is there nothing is told.
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands({}, 1);
    await peer.announce(entries);
    await patch(peer);
  }, { receive: ["--delta", "always"] });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

Deno.test("patches and what is there make the file; one that comes again changes nothing", async () => {
  const reception = await attack(async (peer) => {
    await patch(peer);
    await patch(peer, { payload: new Uint8Array(blockBytes), hashes: new Uint8Array(16) });
    for (const index of [1, 2, 3]) await patch(peer, { index });
    await peer.vouch({ entry: 0, hash: largeHash(image) });
    await patch(peer, { index: 4 });
    for (let index = 0; index < 5; index++) {
      await peer.extent({ entry: 1, index, fileVerified: index === 4 }, extentOf(image, index));
    }
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [2n, 0n]);
  }, {
    after: async (folder) => {
      for (const name of ["image", "new"]) {
        assert((await Deno.readFile(`${folder}/target/${name}`)).every((byte, i) => byte === image[i]), name);
      }
      assertEquals(await shell('ls -A "$1/target"', folder), "image\nnew\n");
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("a patch that does not fit is asked for again, whole, and after four times the file fails and the old one stays", async () => {
  const reception = await attack(async (peer) => {
    for (let times = 0; times < 4; times++) {
      await patch(peer, { payload: new Uint8Array(blockBytes) });
      if (times === 3) break;
      const { values } = await peer.control.until("resend");
      assertEquals([values.entry, values.extent], [0, 0]);
    }
    await peer.control.until("failure");
    for (let index = 0; index < 5; index++) {
      await peer.extent({ entry: 1, index, fileVerified: index === 4 }, extentOf(image, index));
    }
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [1n, 1n]);
  }, { after: isOld });
  assertEquals(reception.status, 23, reception.stderr);
  assertMatch(reception.stderr, /damaged/);
});

Deno.test("a file hash that is not that of the patched file fails it, and the old one stays", async () => {
  const reception = await attack(async (peer) => {
    for (const index of [0, 1, 2, 3]) await patch(peer, { index });
    await peer.vouch({ entry: 0, hash: largeHash(old) });
    await patch(peer, { index: 4 });
    for (let index = 0; index < 5; index++) {
      await peer.extent({ entry: 1, index, fileVerified: index === 4 }, extentOf(image, index));
    }
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [1n, 1n]);
  }, {
    after: async (folder) => {
      await isOld(folder);
      assertEquals(await shell('ls -A "$1/target"', folder), "image\nnew\n");
    },
  });
  assertEquals(reception.status, 23, reception.stderr);
});

Deno.test("a sender that is gone between patches leaves the old file, and what is put together for the next one", async () => {
  const reception = await attack(async (peer) => {
    for (const index of [0, 1]) await patch(peer, { index });
    await peer.control.until("taken");
    peer.hangUp();
  }, {
    after: async (folder) => {
      await isOld(folder);
      assertMatch(
        await shell('ls -A "$1/target"', folder),
        /^\.rcopy-\w+\.journal\n\.rcopy-\w+\.part\nimage\n$/,
      );
    },
  });
  assertEquals(reception.status, 4, reception.stderr);
});

Deno.test("content of a file that is compared, and could serve, ends the session before it is called another", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands({ check: true }, 1);
    await peer.announce(entries);
    const { values } = await peer.control.until("wants");
    assertEquals(values.compared, [0]);
    for (let more = true; more;) more = (await peer.control.until("kept")).values.more as boolean;
    await peer.extent({ entry: 0, index: 0 }, extentOf(image, 0));
  }, {
    receive: ["--delta", "always"],
    prepare: async (folder) => {
      await Deno.mkdir(`${folder}/target`);
      await Deno.writeFile(`${folder}/target/image`, old);
    },
    after: isOld,
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

// ---- the other side

/** `big` has three extents, the last with 9 blocks. */
const hashesOf = (blocks: number) => new Uint8Array(16 * blocks);
const toldWrongly: Record<string, Values[]> = {
  "a small file": [{ of: "one", hashes: hashesOf(1) }],
  "a directory": [{ of: "d", hashes: hashesOf(32) }],
  "an entry that is none": [{ entry: 4095, hashes: hashesOf(32) }],
  "a batch that is none": [{ batch: 9, hashes: hashesOf(32) }],
  "half a hash": [{ hashes: new Uint8Array(31 * 16 + 8) }],
  "fewer blocks than an extent has": [{ hashes: hashesOf(31) }],
  "fewer blocks than two extents have": [{ hashes: hashesOf(63) }],
  "more blocks than the last extent has": [{ first: 2, hashes: hashesOf(32) }],
  "an extent past the end": [{ first: 3, hashes: hashesOf(32) }],
  "an extent at the largest number": [{ first: 0xffff_ffff, hashes: hashesOf(32) }],
  "no blocks, and more": [{ hashes: hashesOf(0), more: true }],
  "one extent twice": [{ hashes: hashesOf(32), more: true }, { hashes: hashesOf(32), more: true }],
  "extents out of turn": [{ first: 1, hashes: hashesOf(32), more: true }, { hashes: hashesOf(32) }],
  "an extent after the last one": [{ hashes: hashesOf(32) }, { first: 1, hashes: hashesOf(32) }],
};
for (const [what, messages] of Object.entries(toldWrongly)) {
  Deno.test(`blocks of ${what} end the session`, async () => {
    await withVictim(async (victim) => {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        await peer.control.send("wants", { bitmap: Uint8Array.of(255), kept: [at.big] });
        await peer.control.send("kept", { entry: at.big, basis: true });
        for (const { of, ...values } of messages) {
          const entry = at[(of ?? "big") as "big" | "one" | "d"];
          await peer.control.send("blocks", { entry, ...values });
        }
      }, { wantsAll: false });
      assertEquals(code, 8);
    });
  });
}

Deno.test("blocks of a file whose kept extents are due, or that is compared, end the session", async () => {
  await withVictim(async (victim) => {
    for (const [which, check] of [["kept", false], ["compared", true]] as const) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        await peer.control.send("wants", { bitmap: Uint8Array.of(255), [which]: [at.big] });
        await peer.control.send("blocks", { entry: at.big, hashes: hashesOf(32), more: true });
      }, { wantsAll: false, check });
      assertEquals(code, 8, which);
    }
  });
});

Deno.test("blocks of more extents than a sender keeps end the session", async () => {
  await withVictim(async (victim, folder) => {
    await shell('truncate -s 4G "$1/a/one"', folder);
    const code = await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      await peer.control.send("wants", { bitmap: Uint8Array.of(255), kept: [at.one] });
      await peer.control.send("kept", { entry: at.one, basis: true });
      for (let first = 0; first < 1024; first += 256) {
        await peer.control.send("blocks", { entry: at.one, first, hashes: hashesOf(256 * 32), more: true });
      }
    }, { wantsAll: false });
    assertEquals(code, 8);
  });
});

Deno.test("a sender believes no hash but its own, sends what differs, and waits for what is not told yet", async () => {
  await withVictim(async (victim, folder) => {
    const big = await Deno.readFile(`${folder}/a/big`);
    const blocks = Array.from(
      { length: 73 },
      (_, i) => xxh3(big.slice(i * blockBytes, (i + 1) * blockBytes)),
    );
    await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      await peer.control.send("wants", { bitmap: Uint8Array.of(1 << at.big), kept: [at.big] });
      await peer.control.send("kept", { entry: at.big, basis: true });
      const first = blocks.slice(0, 32);
      first[3] = xxh3(Uint8Array.of(1));
      first[31] = new Uint8Array(16);
      await peer.control.send("blocks", { entry: at.big, hashes: joined(first), more: true });
      const patched = await peer.untilData(({ kind, values }) => kind === "patch" && values.entry === at.big);
      assertEquals([patched.values.index, patched.values.blocks], [0, 0x8000_0008]);
      assertEquals(
        xxh3(patched.payload),
        xxh3(
          joined([big.slice(3 * blockBytes, 4 * blockBytes), big.slice(31 * blockBytes, 32 * blockBytes)]),
        ),
      );
      // Extent 1 is passed over; of extent 2 everything is there.
      const last = joined(blocks.slice(64));
      await peer.control.send("blocks", { entry: at.big, first: 2, hashes: last, more: true });
      await peer.control.send("blocks", { entry: at.big, first: 3, hashes: hashesOf(0) });
      const whole = await peer.untilData(({ kind, values }) => kind === "extent" && values.entry === at.big);
      assertEquals(whole.values.index, 1);
      const empty = await peer.untilData(({ kind, values }) => kind === "patch" && values.index === 2);
      assertEquals([empty.values.blocks, empty.payload.length], [0, 0]);
      const { values } = await peer.control.until("fileVerified");
      assertEquals(values.hash, largeHash(big));
      await peer.control.send("close", { code: 10 });
    }, { wantsAll: false });
  });
});

Deno.test("a patch that is asked for again comes whole", async () => {
  await withVictim(async (victim, folder) => {
    const big = await Deno.readFile(`${folder}/a/big`);
    await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      await peer.control.send("wants", { bitmap: Uint8Array.of(1 << at.big), kept: [at.big] });
      await peer.control.send("kept", { entry: at.big, basis: true });
      const blocks = Array.from(
        { length: 32 },
        (_, i) => xxh3(big.slice(i * blockBytes, (i + 1) * blockBytes)),
      );
      await peer.control.send("blocks", { entry: at.big, hashes: joined(blocks), more: true });
      await peer.untilData(({ kind }) => kind === "patch");
      await peer.control.send("resend", { entry: at.big, extent: 0 });
      await peer.untilData(({ kind, values }) => kind === "extent" && values.index === 0);
      await peer.control.send("close", { code: 10 });
    }, { wantsAll: false });
  });
});
