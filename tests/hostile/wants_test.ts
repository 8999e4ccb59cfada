/** What a receiver says that it wants, and what a sender makes of it. */
import { assertEquals } from "@std/assert";
import { entryHash, treeSum } from "./hostile_receiver.ts";
import { shell } from "../helpers/test_folder.ts";
import { joined, latin1, manifestOf } from "./hostile_sender.ts";
import type { Values } from "./capnp.ts";
import { xxh3 } from "./xxh3.ts";
import { attackReceiver } from "./sessions.ts";
import { placesOf, withVictim } from "./victim_tree.ts";

Deno.test("wants twice, or with a map besides all, ends the session", async () => {
  await withVictim(async (victim) => {
    for (
      const frames of [
        [{ all: true }, { all: true }],
        [{ bitmap: Uint8Array.of(1) }, { bitmap: Uint8Array.of(1) }],
        [{ all: true, bitmap: Uint8Array.of(1) }],
        [{ batch: 7, all: true }],
        [{ bitmap: new Uint8Array(513) }],
      ]
    ) {
      const code = await victim.attack(async (peer) => {
        await placesOf(peer);
        for (const values of frames) await peer.control.send("wants", values);
      }, { wantsAll: false });
      assertEquals(code, 8, JSON.stringify(frames));
    }
  });
});

const three = { bitmap: Uint8Array.of(0b111), hashes: new Uint8Array(48) };
/** What is kept of the file `big` that no file can keep, or that nobody waits for. */
const keptWrongly: Record<string, Values[]> = {
  "of a file that waits for nothing": [{ entry: "one" }],
  "of a batch that is not under way": [{ batch: 7 }],
  "of an entry that the batch does not have": [{ entry: 4000 }],
  "twice": [{}, {}],
  "twice of one extent": [
    { bitmap: Uint8Array.of(1), hashes: new Uint8Array(16), more: true },
    { bitmap: Uint8Array.of(1), hashes: new Uint8Array(16) },
  ],
  "past the end": [{ first: 1_000_000, ...three }],
  "at the largest number": [{ first: 0xffff_ffff, ...three }],
  "with more hashes than bits": [{ bitmap: Uint8Array.of(1), hashes: new Uint8Array(32) }],
  "with fewer hashes than bits": [{ bitmap: Uint8Array.of(3), hashes: new Uint8Array(16) }],
  "with half a hash": [{ bitmap: Uint8Array.of(1), hashes: new Uint8Array(8) }],
  "with nothing, and more to come": [{ more: true }],
  "with a map that is too long": [{ bitmap: new Uint8Array(1025) }],
};

Deno.test("what is kept and told wrongly ends the session, and the next receiver is served", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, messages] of Object.entries(keptWrongly)) {
      await t.step(`kept ${what}`, async () => {
        const code = await victim.attack(async (peer) => {
          const at = await placesOf(peer);
          await peer.control.send("wants", { bitmap: Uint8Array.of(255), kept: [at.big] });
          for (const { entry = at.big, ...values } of messages) {
            await peer.control.send("kept", { entry: entry === "one" ? at.one : entry, ...values });
          }
        }, { wantsAll: false });
        assertEquals(code, 8);
      });
    }
    await victim.serveTruly();
  });
});

Deno.test("wants that keep a small file, a directory, what is not wanted, or nothing there is, end the session", async () => {
  await withVictim(async (victim) => {
    for (const name of ["one", "d", "big", 4095] as const) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        const bitmap = name === "big" ? new Uint8Array(0) : Uint8Array.of(255);
        await peer.control.send("wants", { bitmap, kept: [typeof name === "number" ? name : at[name]] });
      }, { wantsAll: false });
      assertEquals(code, 8, `${name}`);
    }
  });
});

Deno.test("a sender sends nothing of what is kept, and takes the hashes of it as they are told", async () => {
  await withVictim(async (victim) => {
    const code = await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      const bitmap = new Uint8Array(1);
      bitmap[0]! |= 1 << at.big;
      await peer.control.send("wants", { bitmap, kept: [at.big] });
      // Nothing compares them with the content before the receiver itself does.
      const extents = [0, 1, 2].map((i) => latin1(`extent ${i}`));
      const hashes = joined(extents.map(xxh3));
      await peer.control.send("kept", { entry: at.big, bitmap: Uint8Array.of(0b111), hashes });
      const { values } = await peer.control.until("fileVerified");
      assertEquals([values.entry, values.hash], [at.big, xxh3(hashes)]);
      const held = [at.big, at.d].sort((a, b) => a - b);
      await peer.control.send("batchSettled", { held });
      await peer.control.send("heldSettled", { batches: [0, 0], entries: held, failed: [0, 0] });
      const big = at.entries[at.big]!;
      await peer.control.send("receipt", {
        directories: 1,
        files: 1,
        bytes: big.size,
        skipped: at.count - 2,
        treeCount: 2,
        treeSum: treeSum([entryHash(big, "big", extents), entryHash(at.entries[at.d]!, "d")]),
      });
      assertEquals(peer.data, []);
    }, { wantsAll: false });
    assertEquals(code, 0);
  });
});

Deno.test("directories are wanted whatever their bits say, and count as placed once they are settled", async () => {
  await withVictim(async (victim) => {
    for (const bitmap of [new Uint8Array(0), new Uint8Array(8)]) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        await peer.control.send("wants", { bitmap });
        await peer.control.send("batchSettled", { held: [at.d] });
        await peer.control.send("heldSettled", { batches: [0], entries: [at.d], failed: [0] });
        await peer.control.until("manifestEnd");
        const sum = treeSum([entryHash(at.entries[at.d]!, "d")]);
        await peer.control.send("receipt", {
          directories: 1,
          skipped: at.count - 1,
          treeCount: 1,
          treeSum: sum,
        });
      }, { wantsAll: false });
      assertEquals(code, 0);
    }
  });
});

Deno.test("a dry run gets no content, skips what does not fail, and says nothing of what it wants", async () => {
  await withVictim(async (victim) => {
    const dry = { wantsAll: false, dryRun: true };
    const code = await victim.attack(async (peer) => {
      const at = await placesOf(peer);
      await peer.control.send("batchSettled", { failed: [at.one] });
      await peer.control.until("manifestEnd");
      await peer.control.send("receipt", { failed: 1, skipped: at.count - 1, treeSum: new Uint8Array(16) });
      await peer.control.until("close", () => {}).then(({ values }) => assertEquals(values.code, 0));
      assertEquals(peer.data, []);
    }, dry);
    assertEquals(code, undefined, "the close has been read");
    for (const [kind, of] of [["wants", { all: true }], ["wants", {}], ["resend", {}]] as const) {
      assertEquals(
        await victim.attack(async (peer) => {
          await placesOf(peer);
          await peer.control.send(kind, of);
        }, dry),
        8,
      );
    }
  });
});

Deno.test("settling what was never sent ends the session", async () => {
  await withVictim(async (victim) => {
    for (const name of ["one", "big"] as const) {
      const code = await victim.attack(async (peer) => {
        const at = await placesOf(peer);
        // Without wants nothing is sent, whichever of the others fail.
        const failed = [at.one, at.two, at.big].filter((entry) => entry !== at[name]).sort((a, b) => a - b);
        await peer.control.send("batchSettled", { failed, held: [at[name]] });
      }, { wantsAll: false });
      assertEquals(code, 8, name);
    }
  });
});

const dryEntries = [{ name: "d", kind: 2 }, { name: "one", size: 10 }, { name: "link", kind: 3, link: "x" }];

Deno.test("a receiver of a dry run says so, wants nothing, and makes nothing", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    assertEquals([peer.hello.dryRun, peer.destination.wantsAll], [true, false]);
    await peer.announce(dryEntries);
    const others: string[] = [];
    const receipt = await peer.conclude(({ kind }) => others.push(kind));
    assertEquals(others.filter((kind) => kind !== "ping"), ["batchSettled", "credit"]);
    assertEquals([receipt.skipped, receipt.failed, receipt.treeCount], [3n, 0n, 0n]);
  }, {
    receive: ["--dry-run"],
    after: async (folder) => assertEquals(await shell('ls -A "$1"', folder), "canary\n"),
  });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("content in a dry run ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.control.send("manifest", manifestOf(0, dryEntries));
    await peer.bundle([1], [latin1("0123456789")]);
  }, { receive: ["--dry-run"] });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});
