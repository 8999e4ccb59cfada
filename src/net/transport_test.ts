/** TLS from the client's side, against servers with certificates of rcopy's own making. */
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import {
  anchorOf,
  certifyLeaf,
  makeAnchorKey,
  unlimitedValidity,
  type Validity,
} from "../security/anchor/certificate.ts";
import { startTls } from "./transport.ts";

const never = new AbortController().signal;
const noCertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const dayMs = 24 * 3600 * 1000;

/** A connection to a TLS server whose leaf is of this validity, and the transport that pins its anchor. */
async function served(
  validity: Validity = unlimitedValidity,
): Promise<
  { transport: { kind: "tls"; anchorPem: string; serverName: string }; listener: Deno.TlsListener }
> {
  const anchor = await makeAnchorKey();
  const { chainPem: cert, keyPem: key } = await certifyLeaf(anchor, validity);
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  return { transport: { kind: "tls", ...await anchorOf(anchor.spki) }, listener };
}

/** Accepts one connection and lets its handshake run into whatever it runs into. */
async function handshakeOf(listener: Deno.Listener): Promise<void> {
  const connection = await listener.accept();
  await connection.read(new Uint8Array(100)).catch(() => {});
  connection.close();
}

/** The error of a client; asserts that it has closed the connection that it was given. */
async function refusalOf(
  listener: Deno.TcpListener | Deno.TlsListener,
  transport: Parameters<typeof startTls>[1],
  signal = never,
): Promise<unknown> {
  const { port } = listener.addr as Deno.NetAddr;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const accepted = handshakeOf(listener);
  const error = await startTls(connection, transport, { peer: "the peer", signal }).catch((thrown) => thrown);
  assertThrows(() => connection.close(), Deno.errors.BadResource);
  await accepted;
  listener.close();
  return error;
}

function assertRefused(error: unknown, message: RegExp): void {
  if (!(error instanceof RcopyError)) throw error;
  assertEquals([error.code, error.exitStatus], ["refused", 3]);
  assertMatch(error.message, message);
}

Deno.test("startTls() gives a connection to the server that holds the anchor", async () => {
  const { transport, listener } = await served();
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: (listener.addr as Deno.NetAddr).port,
  });
  const echo = (async () => {
    const accepted = await listener.accept();
    const bytes = new Uint8Array(3);
    await accepted.read(bytes);
    await accepted.write(bytes);
    accepted.close();
  })();
  const tls = await startTls(connection, transport, { peer: "the peer", signal: never });
  await tls.write(Uint8Array.of(1, 2, 3));
  const back = new Uint8Array(3);
  await tls.read(back);
  assertEquals(back, Uint8Array.of(1, 2, 3));
  await echo;
  tls.close();
  listener.close();
});

Deno.test("startTls() refuses another key, and a name that is not the anchor's", async () => {
  const { listener } = await served();
  const { transport: another } = await (async () => {
    const other = await served();
    other.listener.close();
    return other;
  })();
  assertRefused(await refusalOf(listener, another), /the peer is not the peer that was meant/);
  const { transport, listener: second } = await served();
  assertRefused(
    await refusalOf(second, { ...transport, serverName: another.serverName }),
    /is not the peer that was meant/,
  );
});

Deno.test("startTls() names the clocks for a leaf that is not valid now", async () => {
  const now = Date.now();
  for (const [from, to] of [[-3, -2], [2, 3]] as const) {
    const { transport, listener } = await served({
      notBefore: new Date(now + from * dayMs),
      notAfter: new Date(now + to * dayMs),
    });
    assertRefused(await refusalOf(listener, transport), /the clocks of the two machines differ/);
  }
});

Deno.test("startTls() names --insecure for a peer that hangs up, and says that an anchor is no certificate", async () => {
  const { transport, listener } = await served();
  listener.close();
  const plain = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertRefused(
    await refusalOf(plain, transport),
    /at the peer, but it does not speak TLS: it takes plain .*--insecure at both ends/,
  );
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertRefused(
    await refusalOf(other, { ...transport, anchorPem: noCertificate }),
    /cannot use the certificate of the peer/,
  );
});

Deno.test("startTls() ends with its signal, before the handshake and in it", async () => {
  const { transport, listener } = await served();
  listener.close();
  const reason = new RcopyError("interrupted", "enough");
  const first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertEquals(await refusalOf(first, transport, AbortSignal.abort(reason)), reason);

  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: silent.addr.port });
  const accepted = await silent.accept();
  const stop = new AbortController();
  const starting = startTls(connection, transport, { peer: "the peer", signal: stop.signal });
  await accepted.read(new Uint8Array(1)); // The client has begun.
  stop.abort(reason);
  assertEquals(await assertRejects(() => starting), reason);
  accepted.close();
  silent.close();
});
