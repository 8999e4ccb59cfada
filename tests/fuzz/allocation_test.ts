/** The wire allocates for what has come and been checked, never for what a peer announces. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RcopyError } from "../../src/base/errors.ts";
import { decodeCapnp, encodeMessage, FrameKind, type Message } from "../../src/wire/message.ts";
import { FrameSplitter } from "../../src/wire/frame_splitter.ts";
import { controlMessageBytesMax } from "../../src/wire/limits.ts";
import { withSeed } from "../helpers/random.ts";
import { controlMessage, dataMessage } from "./message_arbitraries.ts";
import { mutate } from "./mutations.ts";

Deno.test("a header that announces the largest message takes no memory until the message comes", () => {
  const header = new Uint8Array(16);
  const view = new DataView(header.buffer);
  view.setUint32(0, controlMessageBytesMax, true);
  view.setUint16(8, FrameKind.manifest, true);
  const before = Deno.memoryUsage().external;
  const splitters = Array.from({ length: 500 }, () => {
    const splitter = new FrameSplitter();
    splitter.push(header);
    assertEquals(splitter.next(), undefined);
    return splitter;
  });
  const each = (Deno.memoryUsage().external - before) / splitters.length;
  assert(each < 16 * 1024, `each of ${splitters.length} readers took ${each} bytes`);
});

/** Bytes of the distinct buffers behind a message. */
function bytesBehind(message: Message): number {
  const buffers = new Set<ArrayBufferLike>();
  let textUnits = 0;
  const visit = (value: unknown) => {
    if (ArrayBuffer.isView(value)) buffers.add(value.buffer);
    else if (typeof value === "string") textUnits += value.length;
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(message);
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 2 * textUnits);
}

Deno.test("what comes out of a damaged message is never larger than the message", async () => {
  await withSeed((random, seed) => {
    let read = 0;
    for (const message of fc.sample(fc.oneof(controlMessage, dataMessage), { numRuns: 300, seed })) {
      const sound = encodeMessage(message);
      for (let i = 0; i < 30; i++) {
        const bytes = mutate(sound, random);
        try {
          const out = decodeCapnp(FrameKind[message.kind], bytes);
          // A list may be named by two pointers, and copied for each: no message has more than four that are copied.
          // Where a list is absent the parser makes room for one, and moves the message into a buffer of 4 KiB more.
          const largest = 4 * bytes.length + 256 + 4096;
          assert(
            bytesBehind(out) <= largest,
            `${message.kind}: ${bytesBehind(out)} bytes of ${bytes.length}`,
          );
          read++;
        } catch (error) {
          if (!(error instanceof RcopyError)) throw error;
        }
      }
    }
    assert(read > 100, `only ${read} damaged messages could still be read`);
  });
});
