/** The parts of a handshake, over memory: what is read, what is refused, and what a deadline does. */
import { assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { hello } from "../../tests/helpers/handshake.ts";
import { memoryChannels } from "../../tests/helpers/memory_channel.ts";
import { concat } from "../base/bytes.ts";
import { RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { encodeFrame } from "../wire/frame.ts";
import { handshakeMessageBytesMax } from "../wire/limits.ts";
import type { Message } from "../wire/message.ts";
import { encodePreamble } from "../wire/version.ts";
import {
  readJoined,
  readMessage,
  readPreamble,
  sendJoin,
  withinHandshake,
  writeFrames,
} from "./handshake.ts";

const join = {
  kind: "join" as const,
  session: new Uint8Array(16).fill(1),
  lane: 3,
  token: new Uint8Array(16).fill(2),
};
const text = (value: string) => new TextEncoder().encode(value);

/** Reads from a peer that writes these bytes and hangs up. */
async function reading<T>(bytes: Uint8Array, read: (channel: Channel) => Promise<T>): Promise<T> {
  const [peer, channel] = memoryChannels();
  await peer.write(Uint8Array.from(bytes));
  peer.close();
  try {
    return await read(channel);
  } finally {
    channel.close();
  }
}

async function assertFails(bytes: Uint8Array, read: (channel: Channel) => Promise<unknown>, wanted: RegExp) {
  const error = await assertRejects(() => reading(bytes, read), RcopyError);
  assertMatch(`${error.code}: ${error.message}`, wanted);
}

Deno.test("readPreamble() gives what the connection is for, and the versions of the peer", async () => {
  for (const connection of ["control", "data"] as const) {
    assertEquals(await reading(encodePreamble(connection), readPreamble), { connection, low: 1, high: 1 });
  }
});

Deno.test("readPreamble() says what the peer looks like if it is not rcopy", async () => {
  const cases: [Uint8Array, RegExp][] = [
    [text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), /^protocol: .*looks like an HTTP client/],
    [text("SSH-2.0-x\r\n"), /^peer-lost: .*hung up during the handshake \(an SSH client\)/],
    [Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10), /^refused: .*secure connections only: use the ticket/],
    [Uint8Array.of(0x15, 3, 3, 0, 2, ...new Uint8Array(20)), /^refused: .*secure connections only/],
    [new Uint8Array(0), /^peer-lost: /],
    [encodePreamble("control").subarray(0, 15), /^peer-lost: /],
  ];
  for (const [bytes, wanted] of cases) await assertFails(bytes, readPreamble, wanted);
});

Deno.test("readJoined() takes the answer to a join, and nothing else", async () => {
  const answer = (preamble: Uint8Array, ...messages: Message[]) =>
    concat(preamble, ...messages.map(encodeFrame));
  const later = encodePreamble("data");
  later[8] = later[10] = 9;
  const taken = answer(encodePreamble("data"), { kind: "joined" });
  await reading(taken, readJoined);
  const cases: [Uint8Array, RegExp][] = [
    [taken.subarray(0, 20), /^peer-lost: /],
    [answer(later, { kind: "joined" }), /^version: .*the peer speaks 9 to 9/],
    [answer(encodePreamble("control"), { kind: "joined" }), /^protocol: .*where joined was due/],
    [answer(encodePreamble("data"), { kind: "ping", id: 1 }), /^protocol: .*sent ping where joined was due/],
    [
      answer(encodePreamble("data"), { kind: "close", code: 10, text: "no\u001b[31m" }),
      /^peer-lost: .*refused a data connection: peer says: no\\x1b/,
    ],
  ];
  for (const [bytes, wanted] of cases) await assertFails(bytes, readJoined, wanted);
});

Deno.test("readJoined() gives up a data connection whose join has no answer in time, and closes it", async () => {
  const [peer, channel] = memoryChannels();
  await peer.write(concat(encodePreamble("data"))); // an answer that is begun is none
  const error = await assertRejects(
    () => readJoined(channel, 0),
    RcopyError,
    "did not answer a data connection",
  );
  assertEquals((error as RcopyError).code, "peer-lost");
  assertEquals(await peer.read(new Uint8Array(1)), 0);
});

Deno.test("readMessage() reads one frame and not a byte more, in whatever pieces it comes", async () => {
  const [peer, channel] = memoryChannels({ readBytesMax: 1 });
  await writeFrames(peer, undefined, join, { ...join, lane: 4 });
  assertEquals(await readMessage(channel), join);
  assertEquals(await readMessage(channel), { ...join, lane: 4 });
  assertEquals(channel.bytesRead, peer.bytesWritten);
  peer.close();
  channel.close();
});

Deno.test("readMessage() refuses a frame that is cut, damaged or larger than a handshake's", async () => {
  const whole = encodeFrame(join);
  await assertFails(whole.subarray(0, 10), readMessage, /^peer-lost: /);
  await assertFails(whole.subarray(0, -1), readMessage, /^peer-lost: /);
  const damaged = whole.slice();
  damaged[20]! ^= 1;
  await assertFails(damaged, readMessage, /^protocol: /);
  const large = whole.slice();
  new DataView(large.buffer).setUint32(0, handshakeMessageBytesMax + 8, true);
  await assertFails(large, readMessage, /^protocol: /);
});

Deno.test("a connection that was altered on the way is refused, not lost", async () => {
  const [, channel] = memoryChannels();
  channel.readAtLeast = () =>
    Promise.reject(
      new RcopyError("peer-lost", "lost the connection", {
        cause: new Deno.errors.InvalidData("received fatal alert: BadRecordMac"),
      }),
    );
  const error = await assertRejects(() => readPreamble(channel), RcopyError);
  assertMatch(`${error.code}: ${error.message}`, /^refused: .*was changed on the way/);
  channel.readAtLeast = () => Promise.reject(new RcopyError("peer-lost", "connection reset"));
  assertEquals((await assertRejects(() => readPreamble(channel), RcopyError)).code, "peer-lost");
});

Deno.test("writeFrames() writes preamble and frames in one call", async () => {
  const [peer, channel] = memoryChannels();
  const writes: Uint8Array[] = [];
  const { write } = channel;
  channel.write = (bytes) => (writes.push(bytes.slice()), write.call(channel, bytes));
  await writeFrames(channel, encodePreamble("control"), hello, hello);
  assertEquals(writes, [
    Uint8Array.of(...encodePreamble("control"), ...encodeFrame(hello), ...encodeFrame(hello)),
  ]);
  await sendJoin(channel, join);
  assertEquals(writes[1], Uint8Array.of(...encodePreamble("data"), ...encodeFrame(join)));
  peer.close();
});

Deno.test("withinHandshake() passes results and errors on", async () => {
  const [, channel] = memoryChannels();
  assertEquals(await withinHandshake(channel, () => Promise.resolve(7)), 7);
  const own = new RcopyError("refused", "not that one");
  assertEquals(await assertRejects(() => withinHandshake(channel, () => Promise.reject(own))), own);
});

Deno.test("withinHandshake() closes the channel of a peer that takes too long, and waits for what ran", async () => {
  const [peer, channel] = memoryChannels();
  let hasEnded = false;
  const slow = async () => {
    try {
      return await readMessage(channel);
    } finally {
      hasEnded = true;
    }
  };
  const error = await assertRejects(() => withinHandshake(channel, slow, 1), RcopyError);
  assertMatch(`${error.code}: ${error.message}`, /^timeout: .*did not complete its handshake within 10 s/);
  assertEquals(hasEnded, true);
  assertInstanceOf(error.cause, RcopyError);
  await assertRejects(() => peer.write(new Uint8Array(1)), RcopyError);
});
