/** What a receiver says that it wants, and what a sender makes of it. */
import { assertEquals } from "@std/assert";
import { entryHash, treeSum } from "./hostile_receiver.ts";
import { shell } from "../helpers/test_folder.ts";
import { latin1, manifestOf } from "./hostile_sender.ts";
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
    assertEquals([peer.hello.dryRun, peer.hello.wantsAll], [true, false]);
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
