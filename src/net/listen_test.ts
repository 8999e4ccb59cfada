import { assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { anchorOf, certifyLeaf, makeAnchorKey, unlimitedValidity } from "../security/anchor/certificate.ts";
import type { Channel } from "./channel.ts";
import { dialOne } from "./dial.ts";
import { listenForPeers } from "./listen.ts";
import type { ServerTransport } from "./transport.ts";

const never = new AbortController().signal;

async function keyed(): Promise<
  { listen: ServerTransport; dial: { kind: "tls"; anchorPem: string; serverName: string } }
> {
  const anchor = await makeAnchorKey();
  return {
    listen: { kind: "tls", ...await certifyLeaf(anchor, unlimitedValidity) },
    dial: { kind: "tls", ...await anchorOf(anchor.spki) },
  };
}

Deno.test("reopen() changes the leaf at the same port; a waiting accept() goes on waiting, live connections stay", async () => {
  const [first, second] = [await keyed(), await keyed()];
  using listener = listenForPeers({ port: 0, local: true }, first.listen);
  const address = { host: "127.0.0.1", port: listener.port };
  const accepted: Channel[] = [];
  const accepting = (async () => {
    for (let channel; (channel = await listener.accept()) !== undefined;) {
      accepted.push(channel);
      void channel.read(new Uint8Array(1)).catch(() => {}); // The handshake is made by the first read.
    }
  })();
  const old = await dialOne(address, { transport: first.dial, signal: never });
  await listener.reopen(second.listen);
  assertEquals(listener.port, address.port);
  const fresh = await dialOne(address, { transport: second.dial, signal: never });
  const error = await assertRejects(
    () => dialOne(address, { transport: first.dial, signal: never }),
    RcopyError,
  );
  assertEquals(error.code, "refused");

  await accepted[0]!.write(new Uint8Array([7]));
  const byte = new Uint8Array(1);
  assertEquals([await old.read(byte), byte[0]], [1, 7]);
  for (const channel of [old, fresh, ...accepted]) channel.close();
  listener[Symbol.dispose]();
  await accepting;
});
