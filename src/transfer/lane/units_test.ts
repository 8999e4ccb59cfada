/** Units as they leave a sender and as a reader takes them: whatever the cut, and wherever a read ends. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat, sameBytes } from "../../base/bytes.ts";
import { Codec } from "../../codec/codec.ts";
import { RcopyError } from "../../base/errors.ts";
import { ownName } from "../../entry/name.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import type { Channel } from "../../net/channel.ts";
import { encodeDataHead, encodeFrame } from "../../wire/frame.ts";
import { extentBytes } from "../../wire/limits.ts";
import { memoryChannels } from "../../../tests/helpers/memory_channel.ts";
import { withSeed } from "../../../tests/helpers/random.ts";
import { StageAccount } from "../session/stage_account.ts";
import type { SentUnit } from "./lane_io.ts";
import { LocalSendIo } from "./local_send_io.ts";
import {
  extentHashBytes,
  extentHeadBytes,
  readerArenaBytes,
  type ReadUnit,
  UnitReader,
} from "./unit_reader.ts";

const account = new StageAccount();
const hasher = Codec.open({ arenaBytes: 0 });
const xxh3 = (bytes: Uint8Array) => hasher.hashOf(bytes);

function contentOf(bytes: number): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) content[i] = i * 31 + (i >> 8);
  return content;
}

const joined = (parts: readonly Uint8Array[]) => concat(...parts);

/** A unit as frames, in pieces of so many bytes. */
function framesOf(content: Uint8Array, pieceBytes: number, hashes: Uint8Array = xxh3(content)): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < content.length; at += pieceBytes) {
    const piece = content.subarray(at, at + pieceBytes);
    const message = at === 0
      ? { kind: "extent", batch: 1, entry: 2, index: 3 } as const
      : { kind: "piece" } as const;
    frames.push(encodeDataHead(message, piece.length), piece);
  }
  return [...frames, encodeFrame({ kind: "hashes", hashes })];
}

/** What a reader takes of a stream that is given to it in reads of at most so many bytes, and the content of each unit. */
async function unitsOf(
  stream: Uint8Array<ArrayBuffer>,
  readBytesMax?: number,
): Promise<{ unit: ReadUnit; content: Uint8Array }[]> {
  const [near, far] = memoryChannels(readBytesMax === undefined ? {} : { readBytesMax });
  using codec = Codec.open({ arenaBytes: readerArenaBytes });
  using reader = new UnitReader(far, codec, account);
  const writing = near.write(stream).then(() => near.close());
  const units: { unit: ReadUnit; content: Uint8Array }[] = [];
  try {
    for (let unit = await reader.next(); unit; unit = await reader.next()) {
      const { payloadOffset, payloadBytes } = unit;
      units.push({ unit, content: codec.memory.slice(payloadOffset, payloadOffset + payloadBytes) });
    }
    await writing;
  } finally {
    near.close();
    await writing.catch(() => {});
  }
  return units;
}

for (
  const [pieceBytes, sizes] of [
    [1, [0, 1, 2, 700]],
    [1000, [999, 1000, 1001, 70_000]],
    [extentBytes, [1, 70_000, extentBytes]],
  ] as const
) {
  for (const readBytesMax of [1, 7, 1000, undefined]) {
    const reads = readBytesMax === undefined ? "whatever there is" : `${readBytesMax} bytes`;
    Deno.test(`a unit in pieces of ${pieceBytes} bytes arrives as it was, read ${reads} at a time`, async () => {
      // One byte at a time takes long for what is large.
      const contents = sizes.filter((size) => size < 1_000_000 || (readBytesMax ?? 1e9) >= 1000).map(
        contentOf,
      );
      const stream = joined(contents.flatMap((content) => framesOf(content, pieceBytes)));
      const units = await unitsOf(stream, readBytesMax);
      assertEquals(units.length, contents.length);
      for (const [i, { unit, content }] of units.entries()) {
        assertEquals(unit.message, { kind: "extent", batch: 1, entry: 2, index: 3 });
        assert(sameBytes(content, contents[i]!));
        assertEquals(unit.hashes, xxh3(contents[i]!));
      }
    });
  }
}

Deno.test("units cut anywhere and read anyhow arrive as they were", async () => {
  await withSeed(async (random) => {
    const below = (limit: number) => 1 + Math.floor(random() * limit);
    for (let round = 0; round < 20; round++) {
      const contents = Array.from({ length: below(8) }, () => contentOf(below(200_000) - 1));
      const stream = joined(contents.flatMap((content) => framesOf(content, 100 + below(100_000))));
      const units = await unitsOf(stream, below(90_000));
      assertEquals(
        units.map(({ content }) => xxh3(content).toHex()),
        contents.map((one) => xxh3(one).toHex()),
      );
    }
  });
});

const ten = contentOf(10);
const extent = (bytes: number) => encodeDataHead({ kind: "extent", batch: 0, entry: 0, index: 0 }, bytes);
const bundle = (bytes: number) =>
  encodeDataHead({ kind: "bundle", batch: 0, entries: Uint32Array.of(1, 2) }, bytes);
const piece = (bytes: number) => encodeDataHead({ kind: "piece" }, bytes);
const hashes = (count: number) => encodeFrame({ kind: "hashes", hashes: new Uint8Array(count) });
const most = new Uint8Array(extentBytes);

const violations: Record<string, [Uint8Array[], why: RegExp]> = {
  "a piece where no unit has begun": [[piece(10), ten], /piece where no unit had begun/],
  "hashes where no unit has begun": [[hashes(16)], /hashes where no unit had begun/],
  "a piece behind the end of a unit": [
    [extent(10), ten, hashes(16), piece(10), ten],
    /where no unit had begun/,
  ],
  "the end of a unit twice": [[extent(10), ten, hashes(16), hashes(16)], /where no unit had begun/],
  "a unit inside a unit": [[extent(10), ten, bundle(10), ten], /sent bundle inside a unit/],
  "a unit of the same kind inside a unit": [[extent(10), ten, extent(10), ten], /sent extent inside a unit/],
  "an empty piece": [[extent(10), ten, piece(0)], /an empty piece/],
  "a piece behind an empty first one": [[extent(0), piece(10), ten], /an empty piece/],
  "a piece too many": [[extent(extentBytes), most, piece(1), ten], /more than 4194304 bytes/],
  "pieces that are too large together": [
    [bundle(10), ten, piece(extentBytes), most],
    /more than 4194304 bytes/,
  ],
  "no hash of an extent": [[extent(10), ten, hashes(0)], /1 hashes with 0 bytes/],
  "two hashes of an extent": [[extent(10), ten, hashes(32)], /1 hashes with 32 bytes/],
  "fewer hashes than files": [[bundle(10), ten, hashes(16)], /2 hashes with 16 bytes/],
  "half a hash too much": [[bundle(10), ten, hashes(40)], /2 hashes with 40 bytes/],
};
for (const [what, [frames, why]] of Object.entries(violations)) {
  Deno.test(`${what} is a violation of the protocol`, async () => {
    const error = await assertRejects(() => unitsOf(joined(frames)), RcopyError);
    assertEquals([error.code, why.test(error.message)], ["protocol", true], error.message);
  });
}

Deno.test("a stream that ends inside a unit is a lost peer, at whatever byte; between two it has ended", async () => {
  const first = joined(framesOf(ten, 4));
  const stream = joined([first, first]);
  for (let end = 0; end <= stream.length; end++) {
    const reading = unitsOf(stream.slice(0, end));
    if (end % first.length === 0) assertEquals((await reading).length, end / first.length);
    else assertEquals((await assertRejects(() => reading, RcopyError)).code, "peer-lost", `at ${end}`);
  }
});

/** A channel that notes where each of its reads and writes begins in memory, and how long it is. */
function noting(channel: Channel, notes: { address: number; bytes: number }[]): Channel {
  const note = (bytes: Uint8Array<ArrayBuffer>) => {
    const pointer = Deno.UnsafePointer.of(bytes);
    notes.push({ address: Number(Deno.UnsafePointer.value(pointer)), bytes: bytes.length });
    return bytes;
  };
  return new Proxy(channel, {
    get: (target, name) => {
      if (name === "readAtLeast") {
        return (bytes: Uint8Array<ArrayBuffer>, least: number) => target.readAtLeast(note(bytes), least);
      }
      if (name === "write") return (bytes: Uint8Array<ArrayBuffer>) => target.write(note(bytes));
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function unitOf(content: Uint8Array, index: number): SentUnit {
  const message = { kind: "extent", batch: 0, entry: 0, index } as const;
  return { message, payloadBytes: content.length, hashes: xxh3(content) };
}

/** Sends a file of so many bytes as extents through a lane, and gives each unit to `onUnit` as it arrives. */
async function throughLane(
  { bytes, pieceBytes, wrap = (channel) => channel }: {
    bytes: number;
    pieceBytes?: number;
    wrap?: (channel: Channel, end: "sender" | "receiver") => Channel;
  },
  onUnit: (unit: ReadUnit, content: Uint8Array) => void,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-units-" });
  const [near, far] = memoryChannels({ windowBytes: 16 << 20 });
  using engine = openDenoEngine();
  try {
    const content = contentOf(bytes);
    await Deno.writeFile(`${folder}/file`, content);
    const root = engine.openRoot(folder);
    const name = ownName("file");
    const found = engine.lookup(root, [name])[0];
    if (!found || found instanceof RcopyError) throw new Error("the file is there");
    const file = engine.openSource(root, name, found);
    const io = new LocalSendIo(wrap(near, "sender"), {
      engine,
      account,
      ...(pieceBytes === undefined ? {} : { pieceBytes }),
    });
    using codec = Codec.open({ arenaBytes: readerArenaBytes });
    using reader = new UnitReader(wrap(far, "receiver"), codec, account);
    for (let index = 0; index * extentBytes < bytes; index++) {
      const part = content.subarray(index * extentBytes, (index + 1) * extentBytes);
      const turn = index % 2 === 0 ? 0 : 1;
      const range = { offset: index * extentBytes, bytes: part.length };
      const { hash } = await io.readExtent(turn, file, range).finish();
      assertEquals(hash, xxh3(part.slice()));
      const [unit] = await Promise.all([reader.next(), io.write(turn, unitOf(part.slice(), index))]);
      if (!unit) throw new Error("a unit comes");
      onUnit(unit, codec.memory.slice(unit.payloadOffset, unit.payloadOffset + unit.payloadBytes));
    }
    engine.closeSource(file);
    engine.closeDirectory(root);
  } finally {
    near.close();
    far.close();
    await Deno.remove(folder, { recursive: true });
  }
}

for (const pieceBytes of [64 * 1024, 1_000_003, extentBytes, undefined]) {
  Deno.test(`a lane of pieces of ${pieceBytes ?? "the usual number of"} bytes sends what was read`, async () => {
    const bytes = extentBytes + 100_000;
    const got: Uint8Array[] = [];
    await throughLane({ bytes, ...(pieceBytes ? { pieceBytes } : {}) }, (unit, content) => {
      assertEquals(unit.hashes, xxh3(content));
      got.push(content);
    });
    assertEquals(xxh3(concat(...got)), xxh3(contentOf(bytes)));
  });
}

Deno.test("a unit leaves in one write where its lane does not cut it, and in one a piece where it does", async () => {
  for (const [pieceBytes, writes] of [[undefined, 1], [extentBytes, 1], [1_000_000, 5]] as const) {
    const notes: { address: number; bytes: number }[] = [];
    await throughLane({
      bytes: extentBytes,
      ...(pieceBytes ? { pieceBytes } : {}),
      wrap: (channel, end) => end === "sender" ? noting(channel, notes) : channel,
    }, () => {});
    assertEquals(notes.length, writes, `pieces of ${pieceBytes}`);
  }
});

Deno.test("content begins at a page of memory, at both ends, where the kernel reads and writes it", async () => {
  const written: { address: number; bytes: number }[] = [];
  const read: { address: number; bytes: number }[] = [];
  const offsets: number[] = [];
  await throughLane({
    bytes: 2 * extentBytes,
    wrap: (channel, end) => noting(channel, end === "sender" ? written : read),
  }, (unit) => offsets.push(unit.payloadOffset % 4096));
  assertEquals(offsets, [0, 0]);
  // One write a unit: the head of an extent, and then its content.
  assertEquals(written.map(({ address }) => (address + extentHeadBytes) % 4096), [0, 0]);
  const large = read.filter(({ bytes }) => bytes >= extentBytes);
  assertEquals(large.map(({ address }) => address % 4096), [0, 0]);
});

Deno.test("the frames around an extent are as long as the reader takes them to be", () => {
  assertEquals(extent(1).length, extentHeadBytes);
  assertEquals(hashes(16).length, extentHashBytes);
});
