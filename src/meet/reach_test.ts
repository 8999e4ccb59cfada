/** Which way a connection is made: at an address, or by a fallback path. */
import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import type { PeerAddress } from "../net/address.ts";
import { listenForPeers, type PeerListener } from "../net/listen.ts";
import { plainTransport } from "../net/transport.ts";
import { reach } from "./reach.ts";

const never = new AbortController().signal;
const refusing = { host: "127.0.0.1", port: 1 };

function open(): PeerListener {
  return listenForPeers({ port: 0, local: true }, plainTransport);
}

function addressOf({ port }: PeerListener): PeerAddress {
  return { host: "127.0.0.1", port };
}

/** A fallback path that begins at `start`, and the reasons with which it was asked for. */
function fallbackTo(
  start: PeerAddress,
): { fallback: (why: RcopyError) => Promise<PeerAddress>; reasons: string[] } {
  const reasons: string[] = [];
  return { fallback: (why) => (reasons.push(why.code), Promise.resolve(start)), reasons };
}

Deno.test("reach() connects at an address that answers, and again there; the fallback path is not opened", async () => {
  using listener = open();
  const { fallback, reasons } = fallbackTo(refusing);
  for (const plan of [{ fallback }, {}]) {
    const addresses = [refusing, addressOf(listener)];
    const reached = await reach({ addresses, transport: plainTransport, ...plan }, never);
    const again = await reached.again();
    assertEquals([reached.channel.remote, again.remote], [addressOf(listener), addressOf(listener)]);
    assertEquals(reached.forwarded, false);
    for (const channel of [reached.channel, again, await listener.accept(), await listener.accept()]) {
      channel!.close();
    }
  }
  assertEquals(reasons, []);
});

Deno.test("reach() opens the fallback path once if no address answers, and comes again by it", async () => {
  using listener = open();
  const { fallback, reasons } = fallbackTo(addressOf(listener));
  const reached = await reach({ addresses: [refusing], transport: plainTransport, fallback }, never);
  const again = await reached.again();
  assertEquals([reached.channel.remote, again.remote], [addressOf(listener), addressOf(listener)]);
  assertEquals([reached.forwarded, reasons], [true, ["unreachable"]]);
  for (const channel of [reached.channel, again, await listener.accept(), await listener.accept()]) {
    channel!.close();
  }
});

Deno.test("reach() ends with what the fallback path throws", async () => {
  const own = new RcopyError("permission-flag", "no ssh");
  const fallback = () => Promise.reject(own);
  const plan = { addresses: [refusing], transport: plainTransport, fallback };
  assertEquals(await assertRejects(() => reach(plan, never)), own);
});

Deno.test("reach() that is interrupted ends with the reason, and opens no fallback path", async () => {
  const { fallback, reasons } = fallbackTo(refusing);
  const reason = new RcopyError("interrupted", "enough");
  const plan = { addresses: [refusing], transport: plainTransport, fallback };
  assertEquals(await assertRejects(() => reach(plan, AbortSignal.abort(reason))), reason);
  assertEquals(reasons, []);
});
