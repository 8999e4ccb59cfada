import { assertEquals, assertMatch } from "@std/assert";
import { memoryChannels } from "../../tests/helpers/memory_channel.ts";
import { type ErrorCode, RcopyError } from "../base/errors.ts";
import { closeAfter, closeOf, errorOfClose } from "./farewell.ts";
import { readMessage, writeFrames } from "./handshake.ts";

const reasons: [ErrorCode, here: ErrorCode][] = [
  ["integrity", "integrity"],
  ["protocol", "protocol"],
  ["version", "version"],
  ["refused", "refused"],
  ["busy", "busy"],
  ["no-space", "no-space"],
  ["read-only", "read-only"],
  ["destination", "destination"],
  ["again", "again"],
  ["io", "peer-ended"],
  ["interrupted", "peer-ended"],
  ["timeout", "peer-lost"],
  ["peer-lost", "peer-lost"],
  ["internal", "peer-ended"],
];
for (const [code, here] of reasons) {
  Deno.test(`a close of the peer for ${code} is the error ${here} at this end`, () => {
    const error = errorOfClose(closeOf(new RcopyError(code, "why\u001b[31m")));
    assertEquals(error.code, here);
    assertMatch(
      error.message,
      /^the (peer ended the session|other end was interrupted): peer says: why\\x1b\[31m$/,
    );
  });
}

Deno.test("a close without a text is told by its code", () => {
  assertMatch(errorOfClose({ ...closeOf(new RcopyError("busy", "")), text: "" }).message, /peer says: busy$/);
});

Deno.test("closeAfter() hangs up once the peer, which has read the last message, has", async () => {
  const [peer, channel] = memoryChannels();
  await peer.write(new Uint8Array(100_000)); // unread here, and dropped
  const close = closeOf(new RcopyError("refused", "not that one"));
  let isClosed = false;
  const closing = closeAfter(channel, writeFrames(channel, undefined, close)).then(() => isClosed = true);
  assertEquals(await readMessage(peer), close);
  assertEquals(isClosed, false);
  peer.close();
  await closing;
});

Deno.test("closeAfter() closes where the last message cannot be written", async () => {
  const [peer, channel] = memoryChannels();
  peer.close();
  await closeAfter(channel, Promise.reject(new RcopyError("peer-lost", "gone")));
  assertEquals(await channel.read(new Uint8Array(1)), 0);
});
