/** Units cut as no sender of ours cuts them, and marks of files that are early, late, wrong or missing. */
import { assertEquals, assertMatch } from "@std/assert";
import { shell, testEngines } from "../helpers/test_folder.ts";
import { type HostileSender, joined, largeHash, latin1 } from "./hostile_sender.ts";
import type { Values } from "./capnp.ts";
import { frame } from "./messages.ts";
import { attackReceiver, type Reception } from "./sessions.ts";
import { xxh3 } from "./xxh3.ts";

const extentBytes = 4 << 20;
const ten = latin1("0123456789");
const whole = new Uint8Array(extentBytes).map((_, i) => i >> 7);
const rest = latin1("the rest");
const files = [{ name: "small", size: 10 }, { name: "large", size: extentBytes + rest.length }, {
  name: "d",
  kind: 2,
}];
const hash = largeHash(joined([whole, rest]));

function assertProtocol(reception: Reception): void {
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
}

/** Files of the destination that have their final name. */
const placedIn = (folder: string) =>
  shell('cd "$1/target" && find . -type f ! -name ".rcopy-*" ! -perm 1600', folder);

/** The frames of a unit, its content in pieces of so many bytes. */
function* cut(
  first: ["extent" | "bundle", Parameters<typeof frame>[1]],
  content: Uint8Array<ArrayBuffer>,
  pieceBytes: number,
): Generator<Uint8Array> {
  for (let at = 0; at === 0 || at < content.length; at += pieceBytes) {
    const piece = content.slice(at, at + pieceBytes);
    yield at === 0 ? frame(...first, piece) : frame("piece", {}, piece);
  }
}

const bundleOfTen = ["bundle", { batch: 0, entries: [0] }] as ["bundle", Values];
const extentAt = (index: number) => ["extent", { batch: 0, entry: 1, index }] as ["extent", Values];
const hashes = (...parts: Uint8Array[]) => frame("hashes", { hashes: joined(parts) });

testEngines("B16: content in pieces of any size makes the same files", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(files);
    await peer.vouch({ entry: 1, hash });
    await peer.laneOf(0).write(joined([...cut(bundleOfTen, ten, 1), hashes(xxh3(ten))]));
    await peer.laneOf(1).write(joined([...cut(extentAt(1), rest, 3), hashes(xxh3(rest))]));
    await peer.laneOf(0).write(joined([...cut(extentAt(0), whole, 1000), hashes(xxh3(whole))]));
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.failed], [2n, 0n]);
  }, {
    io,
    after: async (folder) => {
      assertEquals(await Deno.readFile(`${folder}/target/small`), ten);
      assertEquals(await Deno.readFile(`${folder}/target/large`), joined([whole, rest]));
    },
  });
  assertEquals(reception.status, 0, reception.stderr);
});

const wrongUnits: Record<string, readonly Uint8Array[]> = {
  "a piece too many of a small file": [...cut(bundleOfTen, joined([ten, ten]), 10), hashes(xxh3(ten))],
  "a piece too many of an extent": [...cut(extentAt(1), joined([rest, rest]), 8), hashes(xxh3(rest))],
  "a piece too few": [...cut(bundleOfTen, ten.slice(0, 9), 3), hashes(xxh3(ten))],
  "more than 4 MiB in pieces": [...cut(extentAt(0), joined([whole, rest]), extentBytes), hashes(xxh3(whole))],
  "no hash": [frame(...bundleOfTen, ten), hashes()],
  "a hash too many": [frame(...bundleOfTen, ten), hashes(xxh3(ten), xxh3(ten))],
  "half a hash": [frame(...bundleOfTen, ten), hashes(xxh3(ten).slice(8))],
  "another unit inside a unit": [frame(...bundleOfTen, ten.slice(5)), frame(...extentAt(1), rest)],
  "the same head again inside a unit": [frame(...bundleOfTen, ten.slice(5)), frame(...bundleOfTen, ten)],
  "a piece without a unit": [frame("piece", {}, ten)],
  "hashes without a unit": [hashes(xxh3(ten))],
  "an empty piece": [frame(...bundleOfTen, ten), frame("piece"), hashes(xxh3(ten))],
  "a message of control inside a unit": [frame(...bundleOfTen, ten.slice(5)), frame("ping")],
};
for (const [what, frames] of Object.entries(wrongUnits)) {
  Deno.test(`B16: ${what} ends the session`, async () => {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce(files);
        await peer.lanes[0]!.write(joined(frames));
      }, { after: async (folder) => assertEquals(await placedIn(folder), "") }),
    );
  });
}

async function sendLarge(peer: HostileSender): Promise<void> {
  await peer.extent({ entry: 1, index: 0 }, whole);
  await peer.extent({ entry: 1, index: 1 }, rest);
}

Deno.test("B17: a large file that is all there and that nobody vouches for ends the session, and has no name", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(files);
    await sendLarge(peer);
    // Its control is read until it closes, and every ping answered.
  }, { after: async (folder) => assertEquals(await placedIn(folder), "") });
  assertProtocol(reception);
  assertMatch(reception.stderr, /does not vouch for it/);
});

Deno.test("B17: a sender that lives, but does not say whether it vouches for a file, is left after the timeout", async () => {
  const reception = await attackReceiver(async (peer, program) => {
    await peer.shakeHands();
    peer.control.answersPings = false;
    await peer.announce(files);
    await sendLarge(peer);
    let isOver = false;
    const over = program.end().then(() => isOver = true);
    const reading = peer.control.until("close");
    while (!isOver) {
      await peer.control.send("ping", { id: 1 });
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    assertEquals((await reading.catch(() => undefined))?.values.code, 14);
  }, { receive: ["--timeout", "1s"], after: async (folder) => assertEquals(await placedIn(folder), "") });
  assertEquals(reception.status, 4, reception.stderr);
});

testEngines(
  "B17: the mark of a file that comes before its content, or in the last moment, is believed",
  async (io) => {
    for (const isEarly of [true, false]) {
      const reception = await attackReceiver(async (peer) => {
        await peer.shakeHands();
        peer.control.answersPings = false;
        if (isEarly) {
          await peer.control.send("manifest", peer.manifest(files));
          await peer.vouch({ entry: 1, hash });
          await peer.end(files);
          await sendLarge(peer);
        } else {
          await peer.announce(files);
          await sendLarge(peer);
          const { values } = await peer.control.until("ping");
          await peer.vouch({ entry: 1, hash });
          await peer.control.send("pong", { id: values.id! });
        }
        peer.control.answersPings = true;
        await peer.bundle([0], [ten]);
        const receipt = await peer.conclude();
        assertEquals([receipt.files, receipt.failed], [2n, 0n]);
      }, {
        io,
        after: async (folder) =>
          assertEquals(await Deno.readFile(`${folder}/target/large`), joined([whole, rest])),
      });
      assertEquals(reception.status, 0, reception.stderr);
    }
  },
);

testEngines(
  "B17: a large file whose hash as a whole is another than its mark fails, and has no name",
  async (io) => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce(files);
      await peer.vouch({ entry: 1, hash: xxh3(latin1("something else")) });
      await sendLarge(peer);
      await peer.bundle([0], [ten]);
      const receipt = await peer.conclude();
      assertEquals([receipt.files, receipt.failed], [1n, 1n]);
    }, { io, after: async (folder) => assertEquals(await placedIn(folder), "./small\n") });
    assertEquals(reception.status, 23, reception.stderr);
    assertMatch(reception.stderr, /large.*the hash of the whole file is not the one that the sender read/s);
  },
);

const wrongMarks: Record<string, (peer: HostileSender) => Promise<unknown>> = {
  "of a batch that is not announced": (peer) => peer.vouch({ batch: 1, entry: 1, hash }),
  "of an entry that does not exist": (peer) => peer.vouch({ entry: 3, hash }),
  "of a small file": (peer) => peer.vouch({ entry: 0, hash }),
  "of a directory": (peer) => peer.vouch({ entry: 2, hash }),
  "that has no hash": (peer) => peer.vouch({ entry: 1, hash: new Uint8Array(0) }),
  "that comes twice, before any content": async (peer) => {
    await peer.vouch({ entry: 1, hash });
    await peer.vouch({ entry: 1, hash });
  },
  "that comes twice, once with its content": async (peer) => {
    await peer.extent({ entry: 1, index: 1, fileVerified: true }, rest);
    await peer.vouch({ entry: 1, hash });
  },
};
for (const [what, send] of Object.entries(wrongMarks)) {
  Deno.test(`B17: the mark ${what} ends the session`, async () => {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce(files);
        await send(peer);
      }, { after: async (folder) => assertEquals(await placedIn(folder), "") }),
    );
  });
}

Deno.test("B17: the mark of a file that is not wanted ends the session", async () => {
  assertProtocol(
    await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce(files);
      await peer.control.until("wants");
      await peer.vouch({ entry: 1, hash });
    }, {
      prepare: async (folder) => {
        await shell(
          'mkdir "$1/target" && touch "$1/target/keep" && truncate -s 4194312 "$1/target/large"',
          folder,
        );
        await shell('touch -d @1700000000 "$1/target/large" && chmod 644 "$1/target/large"', folder);
      },
    }),
  );
});

Deno.test("B17: what a sender still says of settled files when it has the receipt changes nothing", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(files);
    await peer.vouch({ entry: 1, hash });
    await sendLarge(peer);
    await peer.bundle([0], [ten]);
    const { values } = await peer.control.until("receipt");
    assertEquals(values.files, 2n);
    await peer.vouch({ entry: 1, hash });
    await peer.control.send("failure", { code: 26, number: 0, entry: 0 });
    await peer.control.send("close", { code: 0 });
  }, { after: async (folder) => assertEquals(await Deno.readFile(`${folder}/target/small`), ten) });
  assertEquals(reception.status, 0, reception.stderr);
});

testEngines(
  "B18: a file has as many bytes as its unit where that says so, and growth is counted",
  async (io) => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce([{ name: "small", size: 10 }, { name: "none", size: 0 }]);
      const unsized = ["bundle", { batch: 0, entries: [0], unsized: true }] as ["bundle", Values];
      await peer.laneOf(0).write(joined([...cut(unsized, rest, 3), hashes(xxh3(rest))]));
      const grown = ["bundle", { batch: 0, entries: [1], unsized: true, grown: [1] }] as ["bundle", Values];
      await peer.laneOf(0).write(joined([...cut(grown, ten, 100), hashes(xxh3(ten))]));
      const { files, failed, bytes, grown: count } = await peer.conclude();
      assertEquals([files, failed, bytes, count], [2n, 0n, 18n, 1n]);
    }, {
      io,
      after: async (folder) => {
        assertEquals(await Deno.readFile(`${folder}/target/small`), rest);
        assertEquals(await Deno.readFile(`${folder}/target/none`), ten);
      },
    });
    assertEquals(reception.status, 24, reception.stderr);
  },
);

for (
  const [what, unit] of [
    ["two files without sizes", { entries: [0, 1], unsized: true }],
    ["a large file without its size", { entries: [2], unsized: true }],
    ["growth of a file that is elsewhere", { entries: [0], grown: [1] }],
    ["growth in no order", { entries: [0, 1], grown: [1, 0] }],
  ] as const
) {
  Deno.test(`B18: ${what} ends the session`, async () => {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "a", size: 10 }, { name: "b", size: 0 }, {
          name: "c",
          size: extentBytes + 1,
        }]);
        const bundle = ["bundle", { batch: 0, ...unit }] as unknown as ["bundle", Values];
        await peer.laneOf(0).write(joined([...cut(bundle, ten, 100), hashes(xxh3(ten), xxh3(ten))]));
      }),
    );
  });
}
