/**
 * One end of a stream of `bench:stream`: reads what to do from standard input. The sender listens and prints
 * its port; the receiver dials, asks with one byte, and prints what it took from then on.
 */
import { Codec } from "../../src/codec/codec.ts";
import type { Channel } from "../../src/net/channel.ts";
import { TcpChannel } from "../../src/net/tcp_channel.ts";
import { listenForPeers } from "../../src/net/listen.ts";
import { type ClientTransport, type ServerTransport, startTls } from "../../src/net/transport.ts";
import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { LocalSendIo } from "../../src/transfer/lane/local_send_io.ts";
import { readerArenaBytes, UnitReader } from "../../src/transfer/lane/unit_reader.ts";
import { StageAccount } from "../../src/transfer/session/stage_account.ts";
import { extentBytes } from "../../src/wire/limits.ts";
import type { Extent } from "../../src/wire/data.ts";

/**
 * Ours, with units and everything that reads them; nothing but reads and writes; or those from a file into a file, which
 * is a copy that verifies nothing.
 */
export type Program = "rcopy" | "bare" | "bare copy";

/** What the sender does. */
export interface Listening {
  role: "send";
  program: Program;
  /** Of payload. */
  bytes: number;
  transport: ServerTransport;
  /** What a copy reads. */
  file: string;
}

/** What the receiver does. */
export interface Dialing {
  role: "receive";
  program: Program;
  bytes: number;
  transport: ClientTransport;
  port: number;
  /** What a copy writes. */
  file: string;
}

export interface StreamResult {
  bytes: number;
  seconds: number;
}

const hostname = "127.0.0.1";

/** Says where it listens. */
function announce(port: number): void {
  console.log(port);
}

async function sendOurs({ bytes, transport }: Listening): Promise<void> {
  using listener = listenForPeers({ port: 0, local: true }, transport);
  announce(listener.port);
  const channel = await listener.accept();
  if (!channel) throw new Error("the port was closed");
  using engine = openDenoEngine();
  const io = new LocalSendIo(writeSideOf(channel), { engine, account: new StageAccount() });
  await channel.read(new Uint8Array(1));
  const hashes = new Uint8Array(16).fill(7);
  const writes = [Promise.resolve(), Promise.resolve()];
  for (let index = 0, left = bytes; left > 0; index++) {
    const payloadBytes = Math.min(left, extentBytes);
    left -= payloadBytes;
    const message: Extent = { kind: "extent", batch: 0, entry: 0, index };
    const turn = index % 2 === 0 ? 0 : 1;
    await writes[turn];
    writes[turn] = io.write(turn, { message, payloadBytes, hashes });
  }
  await Promise.all(writes);
  await channel.read(new Uint8Array(1));
  channel.close();
}

/** The channel without what the receiver writes: an I/O watches for that, and here it is the word that begins and ends a run. */
function writeSideOf(channel: Channel): Channel {
  return new Proxy(channel, {
    get: (target, name) => {
      if (name === "read") return () => new Promise<number>(() => {});
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function receiveOurs({ bytes, transport, port }: Dialing): Promise<StreamResult> {
  using codec = Codec.open({ arenaBytes: readerArenaBytes });
  codec.memory.subarray(codec.scratch.offset).fill(0);
  const connection = await Deno.connect({ hostname, port });
  const channel = new TcpChannel(
    transport.kind === "plain" ? connection : await startTls(connection, transport, {
      peer: "the sender",
      signal: new AbortController().signal,
    }),
  );
  using reader = new UnitReader(channel, codec, new StageAccount());
  const began = performance.now();
  await channel.write(Uint8Array.of(1));
  let received = 0;
  while (received < bytes) {
    const unit = await reader.next();
    if (!unit) break;
    received += unit.payloadBytes;
  }
  const seconds = (performance.now() - began) / 1000;
  await channel.write(Uint8Array.of(1));
  channel.close();
  return { bytes: received, seconds };
}

async function sendBare({ program, bytes, transport, file }: Listening): Promise<void> {
  const block = new Uint8Array(extentBytes).fill(7);
  using source = program === "bare copy" ? Deno.openSync(file) : undefined;
  using listener = transport.kind === "plain"
    ? Deno.listen({ hostname, port: 0 })
    : Deno.listenTls({ hostname, port: 0, cert: transport.chainPem, key: transport.keyPem });
  announce((listener.addr as Deno.NetAddr).port);
  using connection = await listener.accept();
  await connection.read(new Uint8Array(1));
  for (let left = bytes; left > 0;) {
    const count = source ? source.readSync(block) ?? 0 : Math.min(left, extentBytes);
    if (count === 0) throw new Error(`${file} ends ${left} bytes early`);
    for (let written = 0; written < count;) written += await connection.write(block.subarray(written, count));
    left -= count;
  }
  await connection.read(new Uint8Array(1));
}

async function receiveBare({ program, bytes, transport, port, file }: Dialing): Promise<StreamResult> {
  const block = new Uint8Array(extentBytes).fill(0);
  using target = program === "bare copy" ? Deno.createSync(file) : undefined;
  const dialled = await Deno.connect({ hostname, port });
  using connection = transport.kind === "plain" ? dialled : await Deno.startTls(dialled, {
    hostname: transport.serverName,
    caCerts: [transport.anchorPem],
  });
  if ("handshake" in connection) await connection.handshake();
  const began = performance.now();
  await connection.write(Uint8Array.of(1));
  // A copy writes whole blocks, as a program would that has calls to pay for.
  const least = target ? block.length : 1;
  let received = 0;
  for (let isOpen = true; isOpen && received < bytes;) {
    let filled = 0;
    while (isOpen && filled < Math.min(least, bytes - received)) {
      const count = await connection.read(block.subarray(filled));
      isOpen = count !== null;
      filled += count ?? 0;
    }
    for (let written = 0; target && written < filled;) {
      written += target.writeSync(block.subarray(written, filled));
    }
    received += filled;
  }
  const seconds = (performance.now() - began) / 1000;
  await connection.write(Uint8Array.of(1));
  return { bytes: received, seconds };
}

if (import.meta.main) {
  const task: Listening | Dialing = await new Response(Deno.stdin.readable).json();
  if (task.role === "send") await (task.program === "rcopy" ? sendOurs(task) : sendBare(task));
  else console.log(JSON.stringify(await (task.program === "rcopy" ? receiveOurs(task) : receiveBare(task))));
}
