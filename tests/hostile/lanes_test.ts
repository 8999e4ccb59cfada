/** Further data connections: what a receiver makes of the offers that it asked for. */
import { assertEquals } from "@std/assert";
import { Connection } from "./connection.ts";
import { type HostileSender, joined } from "./hostile_sender.ts";
import { preamble } from "./messages.ts";
import { attackReceiver } from "./sessions.ts";

/** An address as the page has it: a form, a length, what it holds. */
const address = (form: number, ...rest: number[]) => Uint8Array.of(form, rest.length, ...rest);
const list = (...addresses: Uint8Array[]) => joined([Uint8Array.of(addresses.length), ...addresses]);
const twoBytes = (port: number) => [port >> 8, port & 0xff];
const none = new Uint8Array(0);

/** Waits for the request, offers lane 1, and gives back the token. */
async function offer(peer: HostileSender, addresses: Uint8Array): Promise<Uint8Array> {
  await peer.shakeHands({ streams: 2 }, 1);
  await peer.control.until("laneRequest");
  const token = crypto.getRandomValues(new Uint8Array(16));
  await peer.control.send("laneOffer", { lane: 1, token, addresses });
  return token;
}

/** The join that opens a connection. */
async function joinOn(connection: Connection): Promise<{ lane: unknown; token: string }> {
  assertEquals((await connection.read(16))?.toHex(), preamble("data").toHex());
  const { values } = (await connection.next())!;
  return { lane: values.lane, token: (values.token as Uint8Array).toHex() };
}

async function concludeEmpty(peer: HostileSender): Promise<void> {
  await peer.announce([]);
  await peer.conclude();
}

const receive = ["--streams", "2"];

Deno.test("an offer without an address is for the host and the port of control", async () => {
  const reception = await attackReceiver(async (peer) => {
    const token = await offer(peer, none);
    assertEquals(await joinOn(await peer.accept()), { lane: 1, token: token.toHex() });
    await concludeEmpty(peer);
  }, { receive });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("an offer of a port is for that port of control's host; addresses of other forms are passed over", async () => {
  const reception = await attackReceiver(async (peer) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const ofPort = address(0x80, ...twoBytes(listener.addr.port));
    const token = await offer(peer, list(address(9, 1, 2, 3), ofPort));
    using connection = new Connection(await listener.accept());
    assertEquals(await joinOn(connection), { lane: 1, token: token.toHex() });
    await concludeEmpty(peer);
  }, { receive });
  assertEquals(reception.status, 0, reception.stderr);
});

Deno.test("H28: an offer at another host is passed over, and its lane is opened at control's address", async () => {
  const reception = await attackReceiver(async (peer) => {
    using listener = Deno.listen({ hostname: "127.0.0.2", port: 0 });
    let hasCome = false;
    const coming = listener.accept().then((tcp) => (hasCome = true, tcp.close()), () => {});
    const elsewhere = address(0x84, ...twoBytes(listener.addr.port), 127, 0, 0, 2);
    const token = await offer(peer, list(elsewhere));
    assertEquals(await joinOn(await peer.accept()), { lane: 1, token: token.toHex() });
    await concludeEmpty(peer);
    listener.close();
    await coming;
    assertEquals(hasCome, false, "a peer sent it to another machine");
  }, { receive });
  assertEquals(reception.status, 0, reception.stderr);
});

const broken: Record<string, Uint8Array> = {
  "more addresses than eight": list(...new Array(9).fill(address(0x80, 1, 2))),
  "fewer addresses than it counts": Uint8Array.of(2, ...address(0x80, 1, 2)),
  "bytes behind its addresses": joined([list(address(0x80, 1, 2)), Uint8Array.of(0)]),
  "an address that is cut off": Uint8Array.of(1, 4, 4, 127),
  "port 0": list(address(0x80, 0, 0)),
  "an address of nothing": list(address(0)),
  "a host name with a space": list(address(1, 0x61, 0x20, 0x62)),
  "more bytes than eight addresses have": new Uint8Array(4000),
};
for (const [what, addresses] of Object.entries(broken)) {
  Deno.test(`an offer with ${what} ends the session`, async () => {
    const reception = await attackReceiver(async (peer) => void await offer(peer, addresses), { receive });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}

/** The receiver asks for one at a time, and again only when it has waited: it never asks for so many. */
const farTooMany = 40;

Deno.test("an offer that nobody asked for ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await offer(peer, none);
    await peer.accept();
    for (let lane = 2; lane < farTooMany; lane++) {
      await peer.control.send("laneOffer", { lane, token: new Uint8Array(16), addresses: none });
    }
  }, { receive });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

Deno.test("an offer to a receiver that asks for none ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands({ streams: 1 }, 1);
    await peer.control.send("laneOffer", { lane: 1, token: new Uint8Array(16), addresses: none });
  }, { receive: ["--streams", "1"] });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

Deno.test("an offer of a data connection that there is ends the session", async () => {
  const reception = await attackReceiver(async (peer) => {
    await peer.shakeHands({ streams: 2 }, 1);
    await peer.control.until("laneRequest");
    await peer.control.send("laneOffer", { lane: 0, token: new Uint8Array(16), addresses: none });
  }, { receive });
  assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
});

for (const kind of ["joined", "close"] as const) {
  Deno.test(`${kind} on a data connection that was joined ends the session`, async () => {
    const reception = await attackReceiver(async (peer) => {
      await peer.shakeHands({ streams: 1 }, 1);
      await peer.lanes[0]!.send(kind, kind === "close" ? { code: 10 } : {});
    }, { receive: ["--streams", "1"] });
    assertEquals([reception.status, reception.code], [3, 8], reception.stderr);
  });
}
