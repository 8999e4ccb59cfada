/** Dialling: which address wins a race, and the error if none does. Certificates are openssl's. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { makeChain } from "../../tests/helpers/openssl.ts";
import type { Channel } from "./channel.ts";
import { dialListeningPeer, dialPeer } from "./dial.ts";
import { listenForPeers, type PeerListener } from "./listen.ts";
import { type ClientTransport, plainTransport } from "./transport.ts";

const local = { port: 0, local: true };
const never = new AbortController().signal;

/** Echoes one read of each connection. */
async function echo(listener: PeerListener): Promise<string[]> {
  const failures: string[] = [];
  const running: Promise<void>[] = [];
  const serve = async (channel: Channel) => {
    try {
      const buffer = new Uint8Array(100);
      const count = await channel.read(buffer);
      if (count > 0) await channel.write(buffer.slice(0, count));
    } catch (error) {
      failures.push((error as Error).message);
    } finally {
      channel.close();
    }
  };
  for (let one = await listener.accept(); one; one = await listener.accept()) running.push(serve(one));
  await Promise.all(running);
  return failures;
}

async function refusal(port: number, transport: ClientTransport): Promise<RcopyError> {
  const error = await assertRejects(
    () => dialPeer([{ host: "127.0.0.1", port }], { transport, signal: never }),
    RcopyError,
  );
  assertEquals(error.code, "refused", error.message);
  assertEquals(error.exitStatus, 3);
  return error;
}

async function exchange(channel: Channel): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(40));
  await channel.write(bytes.slice());
  const back = new Uint8Array(100);
  assertEquals(back.subarray(0, await channel.read(back)), bytes);
  channel.close();
}

Deno.test("a TLS peer that holds the anchor is reached, at whichever address it answers", async () => {
  const { chainPem, keyPem, anchorPem, serverName } = await makeChain({});
  const listener = listenForPeers(local, { kind: "tls", chainPem, keyPem });
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = echo(listener);
  const transport = { kind: "tls", anchorPem, serverName } as const;
  const addresses = [
    { host: "127.0.0.1", port: silent.addr.port }, // accepts and says nothing
    { host: "127.0.0.1", port: 1 },
    { host: "127.0.0.1", port: listener.port },
  ];
  const channel = await dialPeer(addresses, { transport, signal: never });
  assertEquals(channel.remote.port, listener.port);
  assert(channel.sharesMachine);
  await exchange(channel);
  listener[Symbol.dispose]();
  silent.close();
  assertEquals(await served, []);
});

Deno.test("another anchor, another name, an expired and a future leaf are refused, and cost one connection each", async () => {
  const mine = await makeChain({});
  const other = await makeChain({});
  const listener = listenForPeers(local, { ...mine, kind: "tls" });
  const served = echo(listener);
  const { anchorPem, serverName } = mine;
  const wrongAnchor = { kind: "tls", anchorPem: other.anchorPem, serverName } as const;
  assertMatch((await refusal(listener.port, wrongAnchor)).message, /is not the peer that was meant/);
  const wrongName = { kind: "tls", anchorPem, serverName: "other.rcopy.invalid" } as const;
  assertMatch((await refusal(listener.port, wrongName)).message, /is not the peer that was meant/);
  await exchange(
    await dialPeer(
      [{ host: "127.0.0.1", port: listener.port }],
      { transport: { kind: "tls", anchorPem, serverName }, signal: never },
    ),
  );
  listener[Symbol.dispose]();
  assertEquals((await served).length, 2);

  for (
    const [notBefore, notAfter] of [["20200101000000Z", "20200102000000Z"], [
      "20900101000000Z",
      "20910101000000Z",
    ]]
  ) {
    const late = await makeChain({ notBefore: notBefore!, notAfter: notAfter! });
    const lateListener = listenForPeers(local, { ...late, kind: "tls" });
    const lateServed = echo(lateListener);
    assertMatch(
      (await refusal(lateListener.port, { ...late, kind: "tls" })).message,
      /the clocks of the two machines differ/,
    );
    lateListener[Symbol.dispose]();
    await lateServed;
  }
});

Deno.test("a peer without TLS is named with the remedy, and so is one that answers with something else", async () => {
  const { anchorPem, serverName } = await makeChain({});
  for (const answer of ["", "SSH-2.0-OpenSSH_9.2\r\n"]) {
    const plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = (async () => {
      using connection = await plain.accept();
      await connection.read(new Uint8Array(2000));
      if (answer) await connection.write(new TextEncoder().encode(answer));
    })();
    const error = await refusal(plain.addr.port, { kind: "tls", anchorPem, serverName });
    assertMatch(error.message, /--insecure at both ends/);
    await served;
    plain.close();
  }
});

Deno.test("a peer that is not there is unreachable, and an abort ends a race", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const { anchorPem, serverName } = await makeChain({});
  const dialling = dialPeer(
    [{ host: "127.0.0.1", port: silent.addr.port }],
    { transport: { kind: "tls", anchorPem, serverName }, signal: stop.signal },
  );
  const accepted = await silent.accept();
  stop.abort(new RcopyError("interrupted", "enough"));
  assertEquals((await assertRejects(() => dialling, RcopyError)).code, "interrupted");
  accepted.close();
  silent.close();
  const error = await assertRejects(
    () =>
      dialPeer([{ host: "127.0.0.1", port: 1 }, { host: "127.0.0.1", port: 2 }], {
        transport: plainTransport,
        signal: never,
      }),
    RcopyError,
  );
  assertEquals(error.code, "unreachable");
  assertMatch(error.message, /127\.0\.0\.1:1: nothing listens there; 127\.0\.0\.1:2: nothing/);
});

Deno.test("descriptions of transports can be posted to another thread", async () => {
  const { chainPem, keyPem, anchorPem, serverName } = await makeChain({});
  for (
    const one of [plainTransport, { kind: "tls", chainPem, keyPem }, { kind: "tls", anchorPem, serverName }]
  ) {
    assertEquals(structuredClone(one), one);
  }
});

Deno.test("dialListeningPeer() takes the address that answers, and names those that refuse", async () => {
  const listener = listenForPeers(local, plainTransport);
  const addresses = [{ host: "127.0.0.1", port: 1 }, { host: "127.0.0.1", port: listener.port }];
  const served = echo(listener);
  await exchange(await dialListeningPeer(addresses, { transport: plainTransport, signal: never }));
  listener[Symbol.dispose]();
  assertEquals(await served, []);
  const error = await assertRejects(
    () => dialListeningPeer(addresses, { transport: plainTransport, signal: never }),
    RcopyError,
  );
  assertEquals(error.code, "unreachable");
  assertMatch(
    error.message,
    /127\.0\.0\.1:1: nothing listens there; 127\.0\.0\.1:\d+: nothing listens there/,
  );
});

Deno.test("dialListeningPeer() ends with its signal", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { anchorPem, serverName } = await makeChain({});
  const transport = { kind: "tls", anchorPem, serverName } as const;
  const late = AbortSignal.timeout(50);
  const thrown = await dialListeningPeer([{ host: "127.0.0.1", port: silent.addr.port }], {
    transport,
    signal: late,
  })
    .catch((reason) => reason);
  assertEquals(thrown, late.reason);
  silent.close();
});
