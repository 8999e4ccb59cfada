/** Peers that compare content wrongly: hashes that nobody waits for, results that nobody can have. */
import { assertEquals } from "@std/assert";
import { shell } from "../helpers/test_folder.ts";
import type { Values } from "./capnp.ts";
import { type HostileSender, joined, latin1, manifestOf } from "./hostile_sender.ts";
import { frame } from "./messages.ts";
import { attackReceiver } from "./sessions.ts";
import { placesOf, withVictim } from "./victim_tree.ts";
import { xxh3 } from "./xxh3.ts";

const checking = { wantsAll: false, check: true };
const hash = new Uint8Array(16);

Deno.test("compared without check, or of what is not wanted, no file, nothing, or kept, ends the session", async () => {
  await withVictim(async (victim) => {
    for (
      const [name, hello, wants] of [
        ["one", { wantsAll: false }, {}],
        ["one", checking, { bitmap: new Uint8Array(0) }],
        ["d", checking, {}],
        ["link", checking, {}],
        ["big", checking, { kept: "big" }],
        [4095, checking, {}],
      ] as const
    ) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        const kept = "kept" in wants ? [at.big] : [];
        const compared = [typeof name === "number" ? name : at[name]];
        await peer.control.send("wants", { bitmap: Uint8Array.of(255), ...wants, kept, compared });
      }, hello);
      assertEquals(code, 8, `${name} ${JSON.stringify(wants)}`);
    }
  });
});

type Told = ["fileHashes" | "kept", Values & { of?: "one" | "two" | "big" | "d" }];
const extent = { bitmap: Uint8Array.of(1), hashes: hash };
/** What is told of files while `one` and `big` are compared. */
const toldWrongly: Record<string, Told[]> = {
  "a small file that is not compared": [["fileHashes", { of: "two", hashes: hash }]],
  "a small file twice": [["fileHashes", { of: "one", hashes: hash }], ["fileHashes", {
    of: "one",
    hashes: hash,
  }]],
  "a large file as a small one": [["fileHashes", { of: "big", hashes: hash }]],
  "a directory": [["fileHashes", { of: "d", hashes: hash }]],
  "an entry that is none": [["fileHashes", { entries: [4095], hashes: hash }]],
  "a batch that is none": [["fileHashes", { of: "one", hashes: hash, batch: 9 }]],
  "a file with half a hash": [["fileHashes", { of: "one", hashes: new Uint8Array(8) }]],
  "a file with two hashes": [["fileHashes", { of: "one", hashes: new Uint8Array(32) }]],
  "no file": [["fileHashes", {}]],
  "more files than fit": [["fileHashes", {
    entries: Array.from({ length: 1025 }, (_, i) => i),
    hashes: hash,
  }]],
  "a small file in extents": [["kept", { of: "one", ...extent }]],
  "a large file past its end": [["kept", { of: "big", first: 7, ...extent }]],
  "a large file at the largest number": [["kept", { of: "big", first: 0xffff_ffff, ...extent }]],
  "one extent twice": [["kept", { of: "big", ...extent, more: true }], ["kept", { of: "big", ...extent }]],
  "a large file after its end": [["kept", { of: "big", ...extent }], ["kept", {
    of: "big",
    first: 1,
    ...extent,
  }]],
  "a large file without end": Array.from(
    { length: 5 },
    (): Told => ["kept", { of: "big", first: 2, ...extent, more: true }],
  ),
};

Deno.test("hashes that are told wrongly end the session, and the next receiver is served", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, messages] of Object.entries(toldWrongly)) {
      await t.step(`hashes of ${what}`, async () => {
        const code = await victim.attack(async (peer) => {
          const at = await placesOf(peer);
          const compared = [at.one, at.big].sort((a, b) => a - b);
          await peer.control.send("wants", { bitmap: Uint8Array.of(255), compared });
          const frames = messages.map(([kind, { of, ...values }]) => {
            const entry = of === undefined ? {} : kind === "kept" ? { entry: at[of] } : { entries: [at[of]] };
            return frame(kind, { ...entry, ...values });
          });
          // At once: what is told of a file that the sender has found to be another meanwhile is dropped.
          await peer.control.write(joined(frames));
        }, checking);
        assertEquals(code, 8);
      });
    }
    await victim.serveTruly();
  });
});

Deno.test("a file that is compared is neither sent nor may be settled before its hash is told", async () => {
  await withVictim(async (victim) => {
    for (const name of ["one", "big"] as const) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        await peer.control.send("wants", { bitmap: Uint8Array.of(1 << at[name]), compared: [at[name]] });
        await peer.control.send("batchSettled", { held: [at.d] });
      }, checking);
      assertEquals(code, 8, name);
    }
  });
});

Deno.test("a sender names what is equal, sends what is not, and believes no hash but its own", async () => {
  await withVictim(async (victim, folder) => {
    const big = await Deno.readFile(`${folder}/a/big`);
    const extents = [0, 1, 2].map((i) => xxh3(big.slice(i * (4 << 20), (i + 1) * (4 << 20))));
    await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      const compared = [at.one, at.two, at.big].sort((a, b) => a - b);
      await peer.control.send("wants", { bitmap: Uint8Array.of(255), compared });
      await peer.control.send("fileHashes", { entries: [at.one], hashes: xxh3(latin1("one\n")) });
      assertEquals((await peer.control.until("compared")).values.equal, [at.one]);
      await peer.control.send("fileHashes", { entries: [at.two], hashes: xxh3(latin1("owt\n")) });
      await peer.untilData(({ kind, values }) =>
        kind === "bundle" && (values.entries as number[]).includes(at.two)
      );
      const told = joined([extents[0]!, xxh3(latin1("not that")), extents[2]!]);
      await peer.control.send("kept", { entry: at.big, bitmap: Uint8Array.of(0b111), hashes: told });
      const { values } = await peer.control.until("fileVerified");
      assertEquals(values.hash, xxh3(joined(extents)));
      await peer.control.send("close", { code: 10 });
    }, checking);
  });
});

// ---- the other side

const entries = [{ name: "small", size: 3 }, { name: "large", size: 5 << 20 }, { name: "new", size: 3 }];
const large = new Uint8Array(5 << 20);
/** `small` and `large` are there with other times, `new` is not. */
const prepare = (folder: string) =>
  shell('mkdir "$1/target" && cd "$1/target" && printf old > small && truncate -s 5M large', folder).then(
    () => {},
  );

/** Receives with `--check`, and what is there is left as it was. */
async function attackComparison(
  body: (peer: HostileSender) => Promise<void>,
  receive: readonly string[] = ["--check"],
): Promise<void> {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    assertEquals(peer.hello.check, true);
    await peer.control.send("manifest", manifestOf(0, entries));
    await body(peer);
  }, {
    receive,
    prepare,
    after: async (folder) => assertEquals(await shell('cat "$1/target/small"', folder), "old"),
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
}

/** Waits until the receiver has told everything. */
async function untilTold(peer: HostileSender): Promise<void> {
  let isSmallTold = false;
  for (let isLargeTold = false; !isSmallTold || !isLargeTold;) {
    const arrived = await peer.control.next();
    if (!arrived) throw new Error("the receiver has ended");
    if (arrived.kind === "wants") assertEquals(arrived.values.compared, [0, 1]);
    if (arrived.kind === "fileHashes") {
      assertEquals([arrived.values.entries, arrived.values.hashes], [[0], xxh3(latin1("old"))]);
      isSmallTold = true;
    }
    if (arrived.kind === "kept") isLargeTold = arrived.values.more === false;
  }
}

const wrongResults: Record<string, Values> = {
  "of a file that is not compared": { equal: [2] },
  "of an entry that is none": { equal: [77] },
  "of a batch that is none": { batch: 5, equal: [0] },
  "of nothing": {},
  "that are other content, without any": { different: [0] },
  "in no order": { equal: [1, 0] },
};
for (const [what, values] of Object.entries(wrongResults)) {
  Deno.test(`results of a comparison ${what} end the session`, async () => {
    await attackComparison(async (peer) => {
      await untilTold(peer);
      await peer.control.send("compared", values);
    });
  });
}

Deno.test("one result twice ends the session, in a dry run too, where content does", async () => {
  for (const receive of [["--check"], ["--check", "--dry-run"]]) {
    for (const entry of [0, 1]) {
      await attackComparison(async (peer) => {
        await untilTold(peer);
        await peer.control.send("compared", { equal: [entry] });
        await peer.control.send("compared", { equal: [entry] });
      }, receive);
    }
  }
  await attackComparison(async (peer) => {
    await untilTold(peer);
    await peer.extent({ entry: 1, index: 0 }, large.slice(0, 4 << 20));
  }, ["--check", "--dry-run"]);
});

Deno.test("content that differs replaces what is there, and what is called equal stays, with its time", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.announce(entries);
    await untilTold(peer);
    await peer.control.send("compared", { equal: [1] });
    await peer.bundle([0, 2], [latin1("new"), latin1("two")]);
    const receipt = await peer.conclude();
    assertEquals([receipt.files, receipt.skipped, receipt.failed], [2n, 1n, 0n]);
  }, {
    receive: ["--check"],
    prepare,
    after: async (folder) =>
      assertEquals(
        await shell('cd "$1/target" && cat small new && stat -c " %Y" large', folder),
        "newtwo 1700000000\n",
      ),
  });
  assertEquals(reception.status, 0, reception.stderr);
});
