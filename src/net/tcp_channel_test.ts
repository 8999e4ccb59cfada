import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { TcpChannel } from "./tcp_channel.ts";

/** Both ends of a connection over loopback; `local` is the address that it comes from. */
async function connected(host = "127.0.0.1"): Promise<[TcpChannel, TcpChannel]> {
  using listener = Deno.listen({ hostname: host, port: 0 });
  const dialling = Deno.connect({ hostname: host, port: listener.addr.port });
  const accepted = await listener.accept();
  return [new TcpChannel(await dialling), new TcpChannel(accepted)];
}

Deno.test("a channel knows its peer: address, source, and that both ends are on this machine", async () => {
  const [dialled, accepted] = await connected();
  const { port } = dialled.remote;
  assertEquals(dialled.remote, { host: "127.0.0.1", port });
  assertEquals(dialled.peer, `127.0.0.1:${port}`);
  assertEquals([accepted.source, accepted.remote.host], ["127.0.0.1", "127.0.0.1"]);
  assert(dialled.sharesMachine && accepted.sharesMachine);
  dialled.close();
  accepted.close();
});

Deno.test("an IPv4 peer of a listener for both families has its IPv4 address", async () => {
  using listener = Deno.listen({ hostname: "::", port: 0 });
  const dialling = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const accepted = new TcpChannel(await listener.accept());
  const dialled = await dialling;
  assertEquals([accepted.source, accepted.remote.host], ["127.0.0.1", "127.0.0.1"]);
  assertMatch(accepted.peer, /^127\.0\.0\.1:\d+$/);
  assert(accepted.sharesMachine);
  accepted.close();
  dialled.close();
});

Deno.test("what is written is read, in whatever pieces, and counted at both ends", async () => {
  const [dialled, accepted] = await connected();
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  const writing = (async () => {
    await dialled.write(sent.slice(0, 10));
    await dialled.write(sent.slice(10));
  })();
  const first = new Uint8Array(10);
  assertEquals(await accepted.readAtLeast(first, 10), 10);
  const rest = new Uint8Array(60_000);
  const count = await accepted.readAtLeast(rest, 59_990);
  await writing;
  assertEquals(count, 59_990);
  assertEquals(Uint8Array.of(...first, ...rest.subarray(0, count)), sent);
  assertEquals([dialled.bytesWritten, accepted.bytesRead], [60_000, 60_000]);
  dialled.close();
  // The end of the stream: read() gives 0, readAtLeast() what came before it.
  assertEquals(await accepted.readAtLeast(rest, 5), 0);
  assertEquals(await accepted.read(rest), 0);
  accepted.close();
});

Deno.test("a read under way ends with the channel, which may be closed twice", async () => {
  const [dialled, accepted] = await connected();
  const reading = dialled.read(new Uint8Array(1));
  dialled.close();
  dialled.close();
  const error = await assertRejects(() => reading, RcopyError);
  assertEquals(error.code, "peer-lost");
  assertMatch(error.message, /lost the connection to 127\.0\.0\.1:\d+: it was closed here/);
  assertEquals((await assertRejects(() => dialled.write(new Uint8Array(1)), RcopyError)).code, "peer-lost");
  accepted.close();
});
