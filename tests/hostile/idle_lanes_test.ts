/** A receiver that writes to, or closes, data connections on which nothing is sent. */
import { assertEquals } from "@std/assert";
import type { HostileReceiver } from "./hostile_receiver.ts";
import { frame, preamble } from "./messages.ts";
import { joined } from "./hostile_sender.ts";
import { withVictim } from "./victim_tree.ts";

const written: Record<string, Uint8Array> = {
  "one byte": Uint8Array.of(0),
  "half a header": new Uint8Array(5),
  "a ping": frame("ping", { id: 1 }),
  "a close": frame("close", { code: 0 }),
  "joined": frame("joined"),
  "another preamble and join": joined([
    preamble("data"),
    frame("join", { session: new Uint8Array(16), token: new Uint8Array(16) }),
  ]),
  "a bundle": frame("bundle", { batch: 0, entries: [0] }, Uint8Array.of(1)),
};

/** A session in which nothing is wanted, so that the data connection stays idle; what follows the manifest, by its code. */
async function idle(body: (peer: HostileReceiver) => Promise<unknown>): Promise<number | undefined> {
  let code: number | undefined;
  await withVictim(async (victim) => {
    code = await victim.attack(async (peer) => {
      await peer.control.until("manifestEnd");
      await body(peer);
    }, { wantsAll: false });
    assertEquals((await victim.serveTruly()).files.size, 3);
  });
  return code;
}

for (const [what, bytes] of Object.entries(written)) {
  Deno.test(`${what} of the receiver on an idle data connection ends the session`, async () => {
    assertEquals(await idle((peer) => peer.lanes[0]!.write(bytes)), 8);
  });
}

Deno.test("the end of the only data connection ends the session, also while nothing is sent", async () => {
  // Lost peers are not told.
  assertEquals(await idle((peer) => peer.lanes[0]!.endWriting()), undefined);
  assertEquals(await idle((peer) => Promise.resolve(peer.lanes[0]![Symbol.dispose]())), undefined);
});
