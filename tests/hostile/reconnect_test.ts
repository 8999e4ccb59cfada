/** Peers that come back with what is not theirs, claim what cannot be, or crowd out the one that is served. */
import { assertEquals } from "@std/assert";
import type { Values } from "./capnp.ts";
import { fetchTruly, HostileReceiver } from "./hostile_receiver.ts";
import { attackReceiver } from "./sessions.ts";
import { withVictim } from "./victim_tree.ts";

const bytes16 = (fill: number) => new Uint8Array(16).fill(fill);

Deno.test("a receiver that is served keeps its place, whoever comes with whatever secret, forty at a time", async () => {
  await withVictim(async (victim) => {
    using served = new HostileReceiver(victim.address);
    assertEquals(await served.shakeHands(), true);
    const own = served.hello.returnSecret as Uint8Array;
    const almost = own.slice();
    almost[15]! ^= 1;
    const secrets = [new Uint8Array(0), bytes16(0), almost, own.toReversed()];
    const alive = served.control.until("pong"); // and answers whether it is there
    const answers = Array.from({ length: 40 }, async (_, i) => {
      using peer = new HostileReceiver(victim.address);
      return await peer.shakeHands({ returnSecret: secrets[i % secrets.length]! });
    });
    assertEquals((await Promise.all(answers)).filter((isIn) => isIn), []);
    await served.control.send("ping", { id: 7 });
    assertEquals((await alive).values.id, 7);
  }, []);
});

/** Claims of a receiver that comes back, of what earlier sessions have placed. */
const impossible: Record<string, Values> = {
  "more kept than placed": { placedFiles: 1, placedBytes: 4, placedKept: 5, placedSum: bytes16(1) },
  "bytes without files": { placedLinks: 1, placedBytes: 4, placedSum: bytes16(1) },
  "a sum of nothing": { placedSum: bytes16(1) },
  "files without a sum": { placedFiles: 1 },
  "links without a sum": { placedLinks: 1 },
  "more files than can be counted": { placedFiles: 2n ** 53n, placedSum: bytes16(1) },
};

/** Loses a session, and comes back to it. */
async function comeBack(address: string, claims: Values): Promise<HostileReceiver & { isIn: boolean }> {
  let returnSecret: Uint8Array;
  {
    using first = new HostileReceiver(address);
    assertEquals(await first.shakeHands(), true);
    returnSecret = first.hello.returnSecret as Uint8Array;
  }
  const peer = new HostileReceiver(address);
  const isIn = await peer.shakeHands({ returnSecret, ...claims });
  return Object.assign(peer, { isIn });
}

Deno.test("what a receiver claims to have placed must agree with itself", async (t) => {
  await withVictim(async (victim) => {
    for (const [what, claims] of Object.entries(impossible)) {
      await t.step(what, async () => {
        using peer = await comeBack(victim.address, claims);
        assertEquals(peer.isIn, false);
      });
    }
    assertEquals((await victim.serveTruly()).files.size, 3);
  });
});

Deno.test("a receiver that comes back with the largest counts there are is served, and harms its own summary alone", async () => {
  const most = 2n ** 53n - 1n;
  const claims = {
    placedFiles: most,
    placedLinks: most,
    placedBytes: most,
    placedKept: most,
    placedPartial: most,
  };
  await withVictim(async (victim) => {
    using peer = await comeBack(victim.address, { ...claims, placedSum: bytes16(255) });
    assertEquals([peer.isIn, peer.hello.returned], [true, true]);
    const { code, files } = await fetchTruly(peer);
    assertEquals([code, files.size], [0, 3]);
    assertEquals((await victim.serveTruly()).files.size, 3);
  });
});

/** What a sender says to a receiver that comes for the first time. */
const untrue: Record<string, Values> = {
  "takes a newcomer for one that came back": { returned: true },
  "gives no secret": { returnSecret: new Uint8Array(0) },
  "takes a newcomer for one that came back without a secret": {
    returned: true,
    returnSecret: new Uint8Array(0),
  },
};
for (const [what, hello] of Object.entries(untrue)) {
  Deno.test(`a sender that ${what} is refused`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.hear();
      const offer = { session: bytes16(1), laneTokens: bytes16(2) };
      await peer.control.open("control", "hello", { ...peer.ownHello(1), ...offer, ...hello });
    });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}
