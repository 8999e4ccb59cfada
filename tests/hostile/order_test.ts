/** What may come before what: data and its batch, pings and pongs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { shell, withFolder } from "../helpers/test_folder.ts";
import type { HostileSender } from "./hostile_sender.ts";
import { joined, latin1, manifestOf } from "./hostile_sender.ts";
import { frame } from "./messages.ts";
import { attackReceiver, Victim } from "./sessions.ts";

const ten = latin1("0123456789");
const whole = new Uint8Array(4 << 20);
const files = [{ name: "small", size: 10 }, { name: "large", size: (4 << 20) + 1 }];

const ahead: Record<string, (peer: HostileSender) => Promise<unknown>> = {
  "a bundle": (peer) => peer.bundle([0], [ten], { batch: 7 }),
  "an extent": (peer) => peer.extent({ batch: 7, entry: 1, index: 0 }, whole),
  "a bundle of batch 2^32 - 1": (peer) => peer.bundle([0], [ten], { batch: 0xffff_ffff }),
};
for (const [what, send] of Object.entries(ahead)) {
  Deno.test(`B15: ${what} of a batch that is never announced ends the session while the manifest goes on`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      await peer.control.send("manifest", manifestOf(0, files));
      await send(peer);
      // Its control is read until it closes, and every ping answered.
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
    assertMatch(reception.stderr, /which it never announced/);
  });

  Deno.test(`B15: ${what} of a batch that is never announced ends the session at the end of the manifest`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands();
      peer.control.answersPings = false;
      await send(peer);
      await peer.control.until("ping"); // it waits
      await peer.announce(files);
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

Deno.test("B15: a sender that says it lives, but not whether a batch will come, is left after the timeout", async () => {
  const reception = await attackReceiver(async (peer, program) => {
    await peer.shakeHands();
    peer.control.answersPings = false;
    await peer.bundle([0], [ten], { batch: 7 });
    let isOver = false;
    const over = program.end().then(() => isOver = true);
    const reading = peer.control.until("close");
    while (!isOver) {
      await peer.control.send("ping", { id: 1 });
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    assertEquals((await reading.catch(() => undefined))?.values.code, 14);
  }, { receive: ["--timeout", "1s"] });
  assertEquals(reception.status, 4, reception.stderr);
  assertMatch(reception.stderr, /did not answer/);
});

Deno.test("B15: data that comes before its batch waits for it, on every data connection", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.bundle([0], [ten], { batch: 0, lane: 0 });
    await peer.bundle([0], [ten], { batch: 1, lane: 1 });
    peer.control.answersPings = false;
    for (const batch of [0, 1]) {
      const { values } = await peer.control.until("ping");
      // The batch is written first, the answer after it.
      await peer.control.send(
        "manifest",
        manifestOf(batch, [{ name: `f${batch}`, size: 10 }], batch === 1 ? [0] : []),
      );
      await peer.control.send("pong", { id: values.id! });
    }
    peer.control.answersPings = true;
    await peer.end([{ name: "f0", size: 10 }, { name: "f1", size: 10 }], 2);
    await peer.conclude();
  }, {
    after: async (folder) => assertEquals(await shell('cat "$1"/target/f?', folder), "01234567890123456789"),
  });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("C8: 16 pings at once are answered in order, one more ends the session, at either end", async () => {
  const pings = (count: number) =>
    joined(Array.from({ length: count }, (_, id) => frame("ping", { id: 900 + id })));
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    await peer.control.write(pings(16));
    for (let id = 0; id < 16; id++) assertEquals((await peer.control.until("pong")).values.id, 900 + id);
    await peer.control.write(pings(17));
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/one"', folder);
    await using victim = await Victim.serve(`${folder}/a`);
    const code = await victim.attack(async (peer) => {
      await peer.control.write(pings(16));
      for (let id = 0; id < 16; id++) assertEquals((await peer.control.until("pong")).values.id, 900 + id);
      await peer.control.write(pings(17));
    });
    assertEquals(code, 8);
    await victim.serveTruly();
    assert((await victim.stop()).status === 130);
  });
});

Deno.test("D10: a pong for another ping than the oldest ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands();
    peer.control.answersPings = false;
    await peer.bundle([0], [ten], { batch: 7 });
    const { values } = await peer.control.until("ping");
    await peer.control.send("pong", { id: (values.id as number) + 1 });
  });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});
