/** The socket loop alone: 64 MiB through a loopback connection of our channels, both ends in one process. */
import { assert } from "../../src/base/errors.ts";
import { TcpChannel } from "../../src/net/tcp_channel.ts";

const bytesAll = 64 * 1024 * 1024;

async function channelPair(): Promise<[TcpChannel, TcpChannel]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  return [new TcpChannel(near), new TcpChannel(far)];
}

async function drain(channel: TcpChannel, target: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let left = bytesAll; left > 0;) {
    const count = await channel.read(target);
    assert(count > 0, "the stream does not end early");
    left -= count;
  }
}

for (const kib of [64, 256, 1024, 4096]) {
  Deno.bench({
    name: `64 MiB through a channel in pieces of ${kib} KiB`,
    group: "socket",
    n: 10,
    warmup: 2,
    fn: async (bench) => {
      const [near, far] = await channelPair();
      const piece = new Uint8Array(kib * 1024).fill(1);
      const target = new Uint8Array(kib * 1024);
      bench.start();
      const drained = drain(far, target);
      for (let sent = 0; sent < bytesAll; sent += piece.length) await near.write(piece);
      await drained;
      bench.end();
      near.close();
      far.close();
    },
  });
}

Deno.bench("a frame of 40 bytes there and back", { n: 500 }, async (bench) => {
  const [near, far] = await channelPair();
  const bytes = new Uint8Array(40);
  bench.start();
  await near.write(bytes);
  await far.read(bytes);
  await far.write(bytes);
  await near.read(bytes);
  bench.end();
  near.close();
  far.close();
});
