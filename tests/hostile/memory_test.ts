/** Whatever is announced, neither end takes more memory than it allows itself: `residentMax`, checked after each. */
import { assert, assertEquals } from "@std/assert";
import { shell, withFolder } from "../helpers/test_folder.ts";
import { HostileReceiver } from "./hostile_receiver.ts";
import { type Entry, joined, latin1, manifestOf } from "./hostile_sender.ts";
import { frame } from "./messages.ts";
import { attackReceiver, residentMax, Victim } from "./sessions.ts";

/** A batch of as many files as it may have, which are wanted and never come. */
function fullBatch(batch: number, different: Partial<Entry> = {}): Entry[] {
  return Array.from({ length: 4096 }, (_, i) => ({ name: `f${batch * 4096 + i}`, ...different }));
}

Deno.test("a receiver whose whole credit is used for files that never come", async () => {
  let sent = 0;
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    for (let credit = peer.hello.creditBytes as number;; sent++) {
      const bytes = frame("manifest", manifestOf(sent, fullBatch(sent, { size: 1 })));
      credit -= bytes.length;
      if (credit < 0) break;
      await peer.control.write(bytes);
    }
    // One data connection waits for a batch that is not there yet.
    await peer.bundle([0], [latin1("x")], { batch: sent + 60_000 });
    await peer.control.send("ping");
    await peer.control.send("failure", { code: 26, number: sent - 1, entry: 4095 });
    await peer.control.send("wants"); // ends the session, once all before it has been read
  });
  assert(sent > 10, `${sent} batches`);
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

Deno.test("a receiver that is told of eight thousand directories, none of which is ever closed", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    let credit = peer.hello.creditBytes as number;
    for (let batch = 0; batch < 2; batch++) {
      const bytes = frame("manifest", manifestOf(batch, fullBatch(batch, { kind: 2 })));
      while (credit < bytes.length) credit += (await peer.control.until("credit")).values.bytes as number;
      credit -= bytes.length;
      await peer.control.write(bytes);
    }
    for (let settled = 0; settled < 2; settled++) await peer.control.until("batchSettled");
    await peer.control.send("manifestEnd", { batches: 2, entries: 2 * 4096 });
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

Deno.test("a receiver that is told twenty thousand times what cannot be sent prints twenty names", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    const component = latin1(`${"\x1b".repeat(1000)}`);
    const one = frame("failure", { code: 23, which: 1, number: 0, component, text: "\x1b".repeat(500) });
    const many = joined(new Array(100).fill(one));
    for (let i = 0; i < 200; i++) await peer.control.write(many);
    await peer.announce([]);
    const receipt = await peer.conclude();
    assertEquals(receipt.failed, 20_000n);
  });
  assertEquals(reception.status, 23, reception.stderr.slice(0, 2000));
  const shown = reception.stderr.split("\n").filter((line) => line.includes("not copied: "));
  assertEquals(shown.length, 21, "twenty names, and how many more");
});

Deno.test("a sender whose receiver grants all credit and never answers", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && cd "$1/a" && seq -f f%06.0f 30000 | xargs touch', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    using peer = new HostileReceiver(victim.address);
    assert(await peer.shakeHands({ creditBytes: 64 << 20, wantsAll: false }));
    const end = await peer.control.until("manifestEnd");
    assertEquals(end.values.entries, 30_000n);
    assert(victim.resident < residentMax, `${victim.resident} bytes`);
    peer[Symbol.dispose]();
    await victim.stop();
  });
});
