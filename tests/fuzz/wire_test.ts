/** Properties of the wire: what is written is read again, and hostile bytes are refused, soon and with one kind of error. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RcopyError } from "../../src/base/errors.ts";
import { decodeCapnp, encodeMessage, FrameKind, type Message } from "../../src/wire/message.ts";
import {
  decodeMessage,
  encodeDataHead,
  encodeFrame,
  type FrameContext,
  parseHeader,
} from "../../src/wire/frame.ts";
import { FrameSplitter } from "../../src/wire/frame_splitter.ts";
import * as limits from "../../src/wire/limits.ts";
import type { Manifest } from "../../src/wire/manifest.ts";
import { withSeed } from "../helpers/random.ts";
import { controlMessage, dataMessage, hashesMessage } from "./message_arbitraries.ts";
import { decodesOrRefuses, mutate, tryEveryDecoder } from "./mutations.ts";

Deno.test("every control message comes out of a stream as it went in, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(controlMessage, { maxLength: 5 }),
      fc.integer({ min: 1, max: 5000 }),
      (messages, cut) => {
        const frames = messages.map((message) => encodeFrame(message));
        const stream = Uint8Array.from(frames.flatMap((frame) => [...frame]));
        const splitter = new FrameSplitter();
        const got: Message[] = [];
        for (let at = 0; at < stream.length; at += cut) {
          splitter.push(stream.subarray(at, at + cut));
          for (let message = splitter.next(); message; message = splitter.next()) {
            got.push(message);
            assertEquals(splitter.lastFrameBytes, frames[got.length - 1]!.length);
          }
        }
        assertEquals(got, messages);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("two frames in one chunk and one frame in one-byte chunks give the same messages", () => {
  const messages: Message[] = [{ kind: "ping", id: 5 }, { kind: "credit", bytes: 7 }];
  const both = Uint8Array.from(messages.flatMap((message) => [...encodeFrame(message)]));
  const at = (chunk: number) => {
    const splitter = new FrameSplitter();
    const got: Message[] = [];
    for (let i = 0; i < both.length; i += chunk) {
      splitter.push(both.subarray(i, i + chunk));
      for (let message = splitter.next(); message; message = splitter.next()) got.push(message);
    }
    return got;
  };
  assertEquals(at(both.length), messages);
  assertEquals(at(1), messages);
});

Deno.test("every data message comes out as it went in", () => {
  fc.assert(
    fc.property(dataMessage, fc.nat(limits.extentBytes), (message, payloadBytes) => {
      const head = encodeDataHead(message, payloadBytes);
      const header = parseHeader(head, "data");
      assertEquals(header.payloadBytes, payloadBytes);
      assertEquals(decodeMessage(header, head), message);
    }),
    { numRuns: 300 },
  );
});

Deno.test("the end of every unit comes out as it went in", () => {
  fc.assert(
    fc.property(hashesMessage, (message) => {
      const frame = encodeFrame(message);
      assertEquals(decodeMessage(parseHeader(frame, "data"), frame), message);
    }),
    { numRuns: 100 },
  );
});

Deno.test("damaged frames are refused with a protocol error and nothing else, each within 100 ms", async () => {
  await withSeed((random, seed) => {
    const messages = fc.sample(fc.oneof(controlMessage, dataMessage, hashesMessage), { numRuns: 400, seed });
    for (const message of messages) {
      const frame = encodeFrame(message);
      const capnp = encodeMessage(message);
      for (let i = 0; i < 25; i++) {
        tryEveryDecoder(mutate(frame, random), FrameKind[message.kind]);
        tryEveryDecoder(mutate(capnp, random), FrameKind[message.kind]);
      }
    }
  });
});

Deno.test("a single flipped bit anywhere in a frame is noticed", () => {
  fc.assert(
    fc.property(controlMessage, fc.nat(), (message, where) => {
      const frame = encodeFrame(message);
      const bit = where % (frame.length * 8);
      frame[bit >> 3]! ^= 1 << (bit & 7);
      const splitter = new FrameSplitter();
      splitter.push(frame);
      try {
        // A longer announced length only waits for bytes that never come.
        assertEquals(splitter.next(), undefined);
      } catch (error) {
        assert(error instanceof RcopyError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

// ---- the exact bytes of known attacks on Cap'n Proto readers

const hex = (text: string) => Uint8Array.from(text.trim().split(/[\s·]+/), (byte) => parseInt(byte, 16));
const attacks: [string, string][] = [
  ["segment count overflow", "FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF"],
  ["one segment of 32 GiB", "00 00 00 00 FF FF FF FF 00 00 00 00 00 00 00 00"],
  ["2^29-1 void elements", "00 00 00 00 02 00 00 00 · 00 00 00 00 00 00 01 00 · 01 00 00 00 F8 FF FF FF"],
  [
    "2^29-1 structs without size",
    "00 00 00 00 03 00 00 00 · 00 00 00 00 00 00 01 00 · 01 00 00 00 07 00 00 00 · FC FF FF 7F 00 00 00 00",
  ],
  ["a pointer to itself", "00 00 00 00 02 00 00 00 · 00 00 00 00 00 00 01 00 · FC FF FF FF 00 00 01 00"],
];

for (const [what, bytes] of attacks) {
  Deno.test(`a message with ${what} is refused or read as empty, whatever kind it claims`, () => {
    for (const kind of Object.values(FrameKind)) {
      decodesOrRefuses(() => {
        const message = decodeCapnp(kind, hex(bytes));
        // Where the bytes are no violation in themselves, nothing of what they claim may come out.
        for (const value of Object.values(message)) {
          if (ArrayBuffer.isView(value)) assertEquals(value.byteLength, 0);
        }
      });
    }
  });
}

Deno.test("a header that announces too much is refused before anything is allocated", () => {
  const ping = encodeFrame({ kind: "ping", id: 0 });
  const announce = (messageBytes: number, payloadBytes: number, context: FrameContext, kind: number) => {
    const header = ping.slice(0, 16);
    const view = new DataView(header.buffer);
    view.setUint32(0, messageBytes, true);
    view.setUint32(4, payloadBytes, true);
    view.setUint16(8, kind, true);
    return () => parseHeader(header, context);
  };
  for (const bytes of [0, 8, 15, 17, limits.controlMessageBytesMax + 8, 0xffff_ffff, 0xffff_fff8]) {
    assertThrows(announce(bytes, 0, "control", FrameKind.ping), RcopyError, "announced a message");
  }
  assertThrows(announce(16, 1, "control", FrameKind.ping), RcopyError, "announced a payload");
  for (const kind of [FrameKind.extent, FrameKind.bundle, FrameKind.piece]) {
    assertThrows(announce(16, limits.extentBytes + 1, "data", kind), RcopyError, "announced a payload");
  }
  assertThrows(announce(16, 1, "data", FrameKind.hashes), RcopyError, "announced a payload");
  for (const kind of [FrameKind.piece, FrameKind.hashes]) {
    assertThrows(announce(16, 0, "control", kind), RcopyError, "where control frames are due");
  }
  assertThrows(
    announce(limits.handshakeMessageBytesMax + 8, 0, "handshake", FrameKind.hello),
    RcopyError,
    "announced",
  );
  for (const kind of [0, 200, 255, 0xffff]) {
    assertThrows(announce(16, 0, "control", kind), RcopyError, "unknown kind");
  }
  assertThrows(announce(16, 0, "control", FrameKind.extent), RcopyError, "where control frames are due");
  assertThrows(announce(16, 0, "data", FrameKind.manifest), RcopyError, "where data frames are due");
});

// ---- what a manifest may say

const sound: Manifest = {
  kind: "manifest",
  batch: 0,
  groupDirectories: Uint32Array.of(0),
  groupCounts: Uint32Array.of(2),
  kinds: Uint8Array.of(1, 3),
  modes: Uint16Array.of(0o644, 0o777),
  sizes: BigUint64Array.of(5n, 0n),
  mtimeSeconds: BigInt64Array.of(0n, -1n),
  mtimeNanos: Uint32Array.of(0, 999_999_999),
  names: new TextEncoder().encode("a\0b\0"),
  linkTargets: new TextEncoder().encode("a\0"),
  closed: Uint32Array.of(),
  stamps: new Uint8Array(0),
};
const named = (name: string) => ({ names: new TextEncoder().encode(`${name}\0b\0`) });
const lies: [string, Partial<Manifest>][] = [
  ...[
    "../pwn",
    "a/../../pwn",
    "..",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "",
    ".",
    "/etc/x",
    "x".repeat(256),
  ]
    .map((
      name,
    ): [string, Partial<Manifest>] => [`the name ${JSON.stringify(name.slice(0, 20))}`, named(name)]),
  ["a name with a NUL byte in it", named("a\0b")],
  ["more entries than names", { names: new TextEncoder().encode("a\0") }],
  ["an unknown kind", { kinds: Uint8Array.of(4, 3) }],
  ["a device", { kinds: Uint8Array.of(6, 3) }],
  ["setuid", { modes: Uint16Array.of(0o4755, 0) }],
  ["a size beyond 2^53", { sizes: BigUint64Array.of(2n ** 53n, 0n) }],
  ["a link with a size", { sizes: BigUint64Array.of(5n, 1n) }],
  ["a billion nanoseconds", { mtimeNanos: Uint32Array.of(1_000_000_000, 0) }],
  ["the year of the end", { mtimeSeconds: BigInt64Array.of(2n ** 63n - 1n, 0n) }],
  ["the year of the beginning", { mtimeSeconds: BigInt64Array.of(-(2n ** 63n), 0n) }],
  ["columns of different lengths", { modes: Uint16Array.of(0) }],
  ["groups of fewer entries", { groupCounts: Uint32Array.of(1) }],
  ["groups of more entries", { groupCounts: Uint32Array.of(3) }],
  ["an empty group", { groupDirectories: Uint32Array.of(0, 0), groupCounts: Uint32Array.of(2, 0) }],
  ["a large file without a stamp", { sizes: BigUint64Array.of(4n << 20n | 1n, 0n) }],
  ["a stamp of a small file", { stamps: new Uint8Array(16) }],
  ["a stamp of 15 bytes", { sizes: BigUint64Array.of(4n << 20n | 1n, 0n), stamps: new Uint8Array(15) }],
  ["a link without text", { linkTargets: Uint8Array.of(0) }],
  ["fewer link texts than links", { linkTargets: new Uint8Array(0) }],
  ["more link texts than links", { linkTargets: new TextEncoder().encode("a\0b\0") }],
  ["a link text of 4,096 bytes", { linkTargets: new TextEncoder().encode(`${"x".repeat(4096)}\0`) }],
];

Deno.test("a sound manifest is read", () => {
  const splitter = new FrameSplitter();
  splitter.push(encodeFrame(sound));
  assertEquals(splitter.next(), sound);
});

for (const [what, lie] of lies) {
  Deno.test(`a manifest with ${what} is refused`, () => {
    const splitter = new FrameSplitter();
    splitter.push(encodeFrame({ ...sound, ...lie }));
    const error = assertThrows(() => splitter.next(), RcopyError) as RcopyError;
    assertEquals(error.exitStatus, 3);
  });
}

// ---- room for more

/** A message of one struct, written by hand: data words, then pointers that are null. */
function handMade(dataWords: bigint[], pointers: number): Uint8Array<ArrayBuffer> {
  const words = 1 + dataWords.length + pointers;
  const bytes = new Uint8Array(8 + words * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, words, true);
  view.setUint16(12, dataWords.length, true);
  view.setUint16(14, pointers, true);
  dataWords.forEach((word, i) => view.setBigUint64(16 + i * 8, word, true));
  return bytes;
}

Deno.test("a message with fields of a later version is read without them", () => {
  assertEquals(decodeCapnp(FrameKind.credit, handMade([5n, 2n ** 64n - 1n, 7n], 3)), {
    kind: "credit",
    bytes: 5,
  });
  assertEquals(decodeCapnp(FrameKind.ping, handMade([1n], 1)), { kind: "ping", id: 1 });
});

Deno.test("a message without fields that a later version added is read with nothing in them", () => {
  assertEquals(decodeCapnp(FrameKind.resend, handMade([0x0000_0003_0000_0002n], 0)), {
    kind: "resend",
    batch: 2,
    entry: 3,
    extent: 0,
  });
});
