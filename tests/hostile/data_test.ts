/** A sender whose content is not what it announced: rows B of the table in README.md. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withSeed } from "../helpers/random.ts";
import { shell, testEngines } from "../helpers/test_folder.ts";
import { type Entry, type HostileSender, joined, largeHash, latin1, manifestOf } from "./hostile_sender.ts";
import { attackReceiver, type Reception } from "./sessions.ts";
import { xxh3 } from "./xxh3.ts";

const extentBytes = 4 << 20;
/** A small file, a directory, a link, a file of three extents (the last of 5 bytes), an empty file. */
const entries: Entry[] = [
  { name: "small", size: 10 },
  { name: "d", kind: 2 },
  { name: "link", kind: 3, link: "x" },
  { name: "large", size: 2 * extentBytes + 5 },
  { name: "empty" },
];
const ten = latin1("0123456789");
const whole = new Uint8Array(extentBytes);

function assertProtocol(reception: Reception): void {
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
}

/** Nothing that carries its final name is anything but what was announced, and that was never all sent. */
async function assertNothingUnderItsName(folder: string): Promise<void> {
  const listed = await shell('cd "$1/target" && find . -type f ! -name ".rcopy-*" ! -perm 1600', folder);
  assertEquals(listed, "");
}

const wrongData: Record<string, (peer: HostileSender) => Promise<unknown>> = {
  "B1: an extent that is longer than the rest of its file": (peer) =>
    peer.extent({ entry: 3, index: 2 }, new Uint8Array(6)),
  "B1: an extent that is shorter": (peer) => peer.extent({ entry: 3, index: 2 }, new Uint8Array(4)),
  "B1: an extent of no bytes": (peer) => peer.extent({ entry: 3, index: 0 }, new Uint8Array(0)),
  "B1: an extent past the end of its file": (peer) => peer.extent({ entry: 3, index: 3 }, new Uint8Array(5)),
  "B1: an extent at 2^32 - 1 times 4 MiB": (peer) => peer.extent({ entry: 3, index: 0xffff_ffff }, whole),
  "B1: an extent of a small file": (peer) => peer.extent({ entry: 0, index: 0 }, ten),
  "B1: an extent of an empty file": (peer) => peer.extent({ entry: 4, index: 0 }, new Uint8Array(0)),
  "B1: a bundle with one byte too many": (peer) => peer.bundle([0], [joined([ten, latin1("x")])]),
  "B1: a bundle with one byte too few": (peer) => peer.bundle([0, 4], [ten.slice(1), latin1("")]),
  "B1: a bundle with a large file": (peer) => peer.bundle([3], [whole]),
  "B8: a bundle with entry 5 of 5": (peer) => peer.bundle([5], [ten]),
  "B8: a bundle with entry 2^32 - 1": (peer) => peer.bundle([0xffff_ffff], [ten]),
  "B8: an extent of entry 5 of 5": (peer) => peer.extent({ entry: 5, index: 0 }, whole),
  "B8: an extent of entry 2^32 - 1": (peer) => peer.extent({ entry: 0xffff_ffff, index: 0 }, whole),
  "B8: content of a directory": (peer) => peer.bundle([1], [latin1("")]),
  "B8: content of a link": (peer) => peer.bundle([2], [latin1("")]),
  "B8: an extent of a directory": (peer) => peer.extent({ entry: 1, index: 0 }, whole),
  "B8: a batch that is never announced": (peer) => peer.bundle([0], [ten], { batch: 1 }),
  "B8: batch 2^32 - 1": (peer) => peer.bundle([0], [ten], { batch: 0xffff_ffff }),
  "B8: an extent of a batch that is never announced": (peer) =>
    peer.extent({ batch: 7, entry: 3, index: 0 }, whole),
  "B8: a bundle that names a file twice": (peer) => peer.bundle([0, 0], [ten, ten]),
  "B8: a bundle whose entries descend": (peer) => peer.bundle([4, 0], [latin1(""), ten]),
  "B8: a bundle of no file": (peer) => peer.bundle([], []),
  "B8: a bundle with fewer hashes than files": (peer) =>
    peer.bundle([0, 4], [ten, latin1("")], { hashes: new Uint8Array(16) }),
  "B8: a bundle with half a hash": (peer) => peer.bundle([0], [ten], { hashes: new Uint8Array(8) }),
  "B8: an extent with no hash": (peer) => peer.extent({ entry: 3, index: 0, hash: new Uint8Array(0) }, whole),
  "B8: a failure of an entry that does not exist": (peer) =>
    peer.control.send("failure", { code: 26, number: 0, entry: 5 }),
  "B8: a failure in a batch that does not exist": (peer) =>
    peer.control.send("failure", { code: 26, number: 9, entry: 0 }),
  "B8: a failure in a directory that does not exist": (peer) =>
    peer.control.send("failure", { code: 23, which: 1, number: 7, component: latin1("x") }),
};
for (const [what, send] of Object.entries(wrongData)) {
  Deno.test(`${what} ends the session`, async () => {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce(entries);
        await send(peer);
      }, {
        after: async (folder) => {
          if (!what.includes("placed already")) await assertNothingUnderItsName(folder);
        },
      }),
    );
  });
}

testEngines(
  "B5: the same files over every data connection at the same moment are placed once",
  async (io) => {
    const files = Array.from({ length: 200 }, (_, i) => ({ name: `f${i}`, size: 10 }));
    const large = { name: "large", size: 2 * extentBytes };
    const numbers = [...files.keys()];
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands({}, 8);
      await peer.announce([...files, large]);
      await peer.vouch({ entry: 200, hash: largeHash(new Uint8Array(2 * extentBytes)) });
      await Promise.all(peer.lanes.map(async (_, lane) => {
        await peer.bundle(numbers, numbers.map(() => ten), { lane });
        for (const index of [0, 1]) await peer.extent({ entry: 200, index }, whole, lane);
      }));
      const receipt = await peer.conclude();
      assertEquals([receipt.files, receipt.bytes, receipt.treeCount], [
        201n,
        BigInt(2000 + 2 * extentBytes),
        201n,
      ]);
    }, {
      io,
      after: async (folder) =>
        assertEquals(
          await shell(
            'cd "$1/target" && cat f* | md5sum && cmp -n 8388608 large /dev/zero && ls | wc -l',
            folder,
          ),
          await shell("for i in $(seq 200); do printf 0123456789; done | md5sum && echo 201", folder),
        ),
    });
    assertEquals(reception.status, 0, reception.stderr);
  },
);

testEngines("B8: content that comes again after its file was placed changes nothing", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "small", size: 10 }, { name: "large", size: extentBytes + 5 }, {
      name: "last",
    }, { name: "other", size: 2 * extentBytes }]);
    const sendLarge = async (fill: number) => {
      await peer.extent({ entry: 1, index: 0 }, new Uint8Array(extentBytes).fill(fill));
      await peer.extent({ entry: 1, index: 1, fileVerified: fill === 0 }, new Uint8Array(5).fill(fill));
    };
    await peer.bundle([0], [ten]);
    await sendLarge(0);
    // A bundle and two extents: without this, the mark behind would overtake them, as a second one of the same file.
    while (BigInt((await peer.control.until("taken")).values.units as bigint) < 3n);
    await peer.bundle([0], [latin1("another 10")]);
    await sendLarge(1);
    // What is sent again may fail at its source; by then it is in place.
    await peer.extent({ entry: 3, index: 0, hash: new Uint8Array(16) }, whole);
    await peer.control.until("resend"); // it is through with all before
    await peer.control.send("failure", { code: 26, number: 0, entry: 0 });
    await peer.control.send("failure", { code: 26, number: 0, entry: 3 });
    await peer.bundle([2], [latin1("")]);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.bytes, receipt.failed], [3n, BigInt(extentBytes + 15), 1n]);
  }, {
    io,
    after: async (folder) => {
      assertEquals(await Deno.readTextFile(`${folder}/target/small`), "0123456789");
      assertEquals(await Deno.readFile(`${folder}/target/large`), new Uint8Array(extentBytes + 5));
    },
  });
  assertEquals(reception.status, 24, reception.stderr);
});

testEngines(
  "B2: a file of almost 2^53 bytes takes neither disk nor memory, and the run ends without it",
  async (io) => {
    const size = Number.MAX_SAFE_INTEGER;
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce([{ name: "huge", size }]);
      await peer.extent({ entry: 0, index: 0 }, whole);
      peer.lanes[0]![Symbol.dispose]();
    }, {
      io,
      after: async (folder) => {
        await assertNothingUnderItsName(folder);
        const blocks = await shell('du -sk "$1/target" | cut -f1', folder);
        assert(Number(blocks) < 10_000, `${blocks} KiB on disk`);
      },
    });
    assert([4, 5].includes(reception.status), reception.stderr);
    if (io === "uring") assertMatch(reception.stderr, /no room for "huge"/);
  },
);

for (const size of [1n << 53n, (1n << 62n) + 1n, (1n << 64n) - 1n]) {
  Deno.test(`B2: a file of ${size} bytes ends the session`, async () => {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.announce([{ name: "x", size }]);
      }, { after: assertNothingUnderItsName }),
    );
  });
}

testEngines("B3: 8 TiB for 4 KiB of content are refused before anything is made", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "holes", size: 2 ** 43 }]);
    if (io === "uring") return; // it says at once that there is no room
    peer.hangUp();
  }, { io, after: assertNothingUnderItsName });
  assert([4, 5].includes(reception.status), reception.stderr);
  if (io === "uring") assertEquals(reception.status, 5, reception.stderr);
});

testEngines("B4: a large file without its last extent is never placed, whatever was verified", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "large", size: 2 * extentBytes + 5 }]);
    await peer.extent({ entry: 0, index: 0 }, whole);
    await peer.extent({ entry: 0, index: 1, fileVerified: true }, whole);
    peer.control.answersPings = false; // else it would be waited for
    await peer.lanes[0]!.endWriting();
  }, { io, receive: ["--timeout", "2s"], after: assertNothingUnderItsName });
  assertEquals(reception.status, 4, reception.stderr);
});

Deno.test("B4: a large file that nobody vouches for as a whole is never placed", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "large", size: extentBytes + 5 }]);
    await peer.extent({ entry: 0, index: 0 }, whole);
    await peer.extent({ entry: 0, index: 1 }, new Uint8Array(5));
    peer.control.answersPings = false; // else it would be waited for
    await peer.lanes[0]!.endWriting();
  }, { receive: ["--timeout", "2s"], after: assertNothingUnderItsName });
  assertEquals(reception.status, 4, reception.stderr);
});

testEngines("B5: an extent that comes twice counts once: the one that never comes is missed", async (io) => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "large", size: 2 * extentBytes + 5 }]);
    for (let i = 0; i < 3; i++) await peer.extent({ entry: 0, index: 0, fileVerified: i === 0 }, whole);
    await peer.extent({ entry: 0, index: 2 }, new Uint8Array(5));
    peer.control.answersPings = false; // else it would be waited for
    await peer.lanes[0]!.endWriting();
  }, { io, receive: ["--timeout", "2s"], after: assertNothingUnderItsName });
  assertEquals(reception.status, 4, reception.stderr);
});

testEngines(
  "B7: extents in any order, twice over, and bundles between them make the same file",
  async (io) => {
    await withSeed(async (random) => {
      const size = 4 * extentBytes + 77;
      const content = Uint8Array.from({ length: size }, (_, i) => i >>> 9);
      const order = [0, 1, 2, 3, 4, 0, 1, 2, 3].map((index) => ({ index, at: random() }))
        .sort((a, b) => a.at - b.at);
      const reception = await attackReceiver(async (peer) => {
        await peer.shakeHands({}, 16);
        await peer.announce([{ name: "large", size }, { name: "a", size: 10 }, { name: "b", size: 10 }]);
        await peer.bundle([1], [ten]);
        await peer.vouch({ entry: 0, hash: largeHash(content) });
        for (const [i, { index }] of order.entries()) {
          const part = content.slice(index * extentBytes, (index + 1) * extentBytes);
          await peer.extent({ entry: 0, index }, part, i);
          if (i === 4) await peer.bundle([2], [ten], { lane: i });
        }
        await peer.conclude();
      }, {
        io,
        after: async (folder) => {
          assertEquals(await Deno.readFile(`${folder}/target/large`), content);
          assertEquals(await shell('cat "$1/target/a" "$1/target/b"', folder), "01234567890123456789");
        },
      });
      assertEquals(reception.status, 0, reception.stderr);
    });
  },
);

testEngines(
  "B9: content that is not what its hash says is asked for three times, and never placed",
  async (io) => {
    const asked: string[] = [];
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.announce([{ name: "large", size: extentBytes + 5 }, { name: "small", size: 10 }, {
        name: "good",
        size: 10,
      }]);
      const hash = xxh3(latin1("something else"));
      const sendLarge = () => peer.extent({ entry: 0, index: 0, hash }, whole);
      const sendSmall = () => peer.bundle([1], [ten], { hashes: hash });
      await sendLarge();
      await sendSmall();
      await peer.bundle([2], [ten]);
      const receipt = await peer.conclude(({ kind, values }) => {
        if (kind !== "resend") return;
        asked.push(`${values.entry}/${values.extent}`);
        // Writing never waits for long: what was asked for is read.
        void (values.entry === 0 ? sendLarge() : sendSmall());
      });
      assertEquals([receipt.files, receipt.failed], [1n, 2n]);
    }, {
      io,
      after: async (folder) => {
        assertEquals(await shell('cd "$1/target" && find . -mindepth 1', folder), "./good\n");
      },
    });
    assertEquals(asked.sort(), ["0/0", "0/0", "0/0", "1/0", "1/0", "1/0"]);
    assertEquals(reception.status, 23, reception.stderr);
  },
);

Deno.test("B10: a sender that denies the receipt makes the run fail, with everything in place verified", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce([{ name: "small", size: 10 }]);
    await peer.bundle([0], [ten]);
    await peer.control.until("receipt");
    await peer.control.send("close", { code: 2, text: "the tree hashes differ" });
  });
  assertEquals(reception.status, 1, reception.stderr);
  assertMatch(reception.stderr, /the tree hashes differ/);
});

Deno.test("B14: a sender that says nothing any more is left after the receiver's timeout, whatever it asked for", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands({ timeoutMs: 0xffff_ffff });
    await peer.announce([{ name: "small", size: 10 }]);
    peer.control.answersPings = false;
  }, { receive: ["--timeout", "1s"] });
  assertEquals([reception.status, reception.code], [4, 14], reception.stderr);
});

Deno.test("A24: a manifest that says less or more than what came ends the session", async () => {
  const few: Entry[] = [{ name: "a" }, { name: "b" }, { name: "c" }];
  const ends = [
    { batches: 1, entries: 1_000_000_000_000, bytes: 0 },
    { batches: 1, entries: 2, bytes: 0 },
    { batches: 2, entries: 3, bytes: 0 },
    { batches: 1, entries: 3, bytes: (1n << 64n) - 1n },
  ];
  for (const end of ends) {
    assertProtocol(
      await attackReceiver(async (peer) => {
        await peer.shakeHands();
        await peer.control.send("manifest", manifestOf(0, few, [0]));
        await peer.control.send("manifestEnd", end);
      }),
    );
  }
});
