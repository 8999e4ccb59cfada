import { assert, assertEquals, assertThrows } from "@std/assert";
import { randomFrom, withSeed } from "../../tests/helpers/random.ts";
import { testWhere } from "../../tests/helpers/test_folder.ts";
import { Codec } from "./codec.ts";

const MiB = 1024 * 1024;

function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

/** The hash of bytes that are put into the arena `at` bytes behind the start of a page. */
function hashInArena(codec: Codec, bytes: Uint8Array, at: number): string {
  using slice = codec.arena.take(at + Math.max(bytes.length, 1));
  slice.bytes.set(bytes, at);
  const { offset } = codec.scratch;
  codec.hash(slice.offset + at, bytes.length, offset);
  return codec.memory.subarray(offset, offset + 16).toHex();
}

/** The oracle: hashes by Debian's xxhsum. */
async function xxhsum(inputs: Uint8Array[]): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-codec-" });
  try {
    for (const [i, input] of inputs.entries()) Deno.writeFileSync(`${folder}/${i}`, input);
    const args = ["-H2", ...inputs.keys().map((i) => `${folder}/${i}`)];
    const { stdout } = await new Deno.Command("xxhsum", { args }).output();
    return new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.slice(0, 32));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const needsXxhsum = { programs: ["xxhsum"] };

testWhere(
  needsXxhsum,
  "hash() is xxhsum's for every length from 0 to 1,100, however it is aligned",
  async () => {
    using codec = Codec.open();
    const inputs = Array.from({ length: 1101 }, (_, length) => randomBytes(length, length));
    const expected = await xxhsum(inputs);
    for (const [length, input] of inputs.entries()) {
      assertEquals(hashInArena(codec, input, length * 7 % 64), expected[length], `length ${length}`);
    }
  },
);

testWhere(
  needsXxhsum,
  "hash() is xxhsum's for large inputs, at the ends of stripes and blocks too",
  async () => {
    await withSeed(async (random, seed) => {
      using codec = Codec.open();
      const lengths = [2047, 2048, 2049, 3071, 3072, 3073, 65_536, MiB - 1, MiB, MiB + 1, 4 * MiB];
      for (let i = 0; i < 40; i++) lengths.push(Math.floor(random() * (i < 30 ? 20_000 : MiB)));
      const inputs = lengths.map((length, i) => randomBytes(length, seed + i));
      const expected = await xxhsum(inputs);
      for (const [i, input] of inputs.entries()) {
        assertEquals(hashInArena(codec, input, i % 17), expected[i], `length ${input.length}`);
      }
    });
  },
);

Deno.test("hash() gives the published sanity check values", () => {
  // Input and values of xxHash's own self-test (cli/xsum_sanity_check.c, seed 0), high half first.
  using codec = Codec.open();
  const buffer = new Uint8Array(2367);
  let generator = 2654435761n;
  for (let i = 0; i < buffer.length; i++) {
    buffer[i] = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11400714785074694797n);
  }
  const published: [length: number, hash: string][] = [
    [0, "99aa06d3014798d86001c324468d497f"],
    [1, "a6cd5e9392000f6ac44bdff4074eecdb"],
    [6, "082afe0b8162d12a3e7039bdda43cfc6"],
    [12, "6e3efd8fc7802b18061a192713f69ad9"],
    [24, "0ce966e4678d37611e7044d28b1b901d"],
    [48, "a002ac4e5478227ef942219aed80f67b"],
    [81, "4952f58181ab00425e8bafb9f95fb803"],
    [222, "337e09641b948717f1aebd597cec6b3a"],
    [403, "1b6de21e332dd73dcdeb804d65c6dea4"],
    [512, "18d2d110dcc9bca1617e49599013cb6b"],
    [2048, "f736557fd47073a5dd59e2c3a5f038e0"],
    [2240, "ccb134fbfa7ce49d6e73a90539cf2948"],
    [2367, "e89c0f6ff369b427cb37aeb9e5d361ed"],
  ];
  for (const [length, hash] of published) {
    assertEquals(codec.hashOf(buffer.subarray(0, length)).toHex(), hash, `length ${length}`);
  }
});

Deno.test("a stream gives what hash() gives, however the input is cut", async () => {
  await withSeed((random) => {
    using codec = Codec.open();
    using slice = codec.arena.take(1 << 20);
    for (let round = 0; round < 400; round++) {
      const length = Math.floor(round < 300 ? random() * 1500 : random() * 60_000);
      const input = randomBytes(length, round);
      using stream = codec.stream();
      for (let at = 0; at < length;) {
        const now = Math.min(length - at, Math.floor(random() * (random() < 0.5 ? 80 : 3000)));
        if (random() < 0.5) stream.update(input.subarray(at, at + now));
        else {
          slice.bytes.set(input.subarray(at, at + now), 100);
          stream.updateRange(slice.offset + 100, now);
        }
        at += now;
        if (random() < 0.1) {
          assertEquals(stream.digest().toHex(), codec.hashOf(input.subarray(0, at)).toHex());
        }
      }
      assertEquals(stream.digest().toHex(), codec.hashOf(input).toHex(), `length ${length}`);
    }
  });
});

Deno.test("hashMany() hashes every range of its table", () => {
  using codec = Codec.open();
  using slice = codec.arena.take(100_000);
  slice.bytes.set(randomBytes(100_000, 7));
  const count = 300;
  const rows = new Uint32Array(codec.memory.buffer, codec.scratch.offset, count * 2);
  for (let i = 0; i < count; i++) {
    rows[i * 2] = slice.offset + i * 300;
    rows[i * 2 + 1] = i;
  }
  const into = codec.scratch.offset + count * 8;
  codec.hashMany(count, codec.scratch.offset, into);
  const hashes = codec.memory.slice(into, into + count * 16);
  for (let i = 0; i < count; i++) {
    const expected = codec.hashOf(slice.bytes.slice(i * 300, i * 301));
    assertEquals(hashes.subarray(i * 16, i * 16 + 16).toHex(), expected.toHex(), `range ${i}`);
  }
});

Deno.test("streams that take turns do not mix", async () => {
  await withSeed((random, seed) => {
    using codec = Codec.open();
    using stack = new DisposableStack();
    const all = Array.from({ length: 20 }, (_, i) => ({
      stream: stack.use(codec.stream()),
      input: randomBytes(5000, seed + i),
      at: 0,
    }));
    for (let left = all; left.length > 0; left = left.filter((one) => one.at < one.input.length)) {
      const one = left[Math.floor(random() * left.length)]!;
      const piece = one.input.subarray(one.at, one.at + 1 + random() * 900);
      one.stream.update(piece);
      one.at += piece.length;
    }
    for (const { stream, input } of all) {
      assertEquals(stream.digest().toHex(), codec.hashOf(input).toHex());
    }
  });
});

Deno.test("hashOf() and update() take what is larger than the scratch region", () => {
  using codec = Codec.open();
  const bytes = randomBytes(codec.scratch.length * 2 + 777, 5);
  const expected = hashInArena(codec, bytes, 3);
  using stream = codec.stream();
  stream.update(bytes);
  assertEquals([codec.hashOf(bytes).toHex(), stream.digest().toHex()], [expected, expected]);
});

Deno.test("the memory has its final size from the start", () => {
  using codec = Codec.open({ arenaBytes: 16 * MiB });
  const { buffer, byteLength } = codec.memory;
  using slice = codec.arena.take(16 * MiB);
  assertEquals(slice.bytes.buffer, buffer);
  codec.hash(slice.offset, slice.length, codec.scratch.offset);
  codec.hashOf(new Uint8Array(3_000_000));
  assert(!buffer.detached && buffer.byteLength === byteLength, "never detached, never resized");
});

Deno.test("scratch region and arena are apart, and a codec without arena still hashes", () => {
  for (const arenaBytes of [0, 1, 64 * 1024, 5 * MiB + 1]) {
    using codec = Codec.open({ arenaBytes });
    const { offset, length } = codec.scratch;
    assert(length >= 256 * 1024 && offset % 4096 === 0);
    assert(codec.arena.bytesFree >= arenaBytes);
    assert(offset + length + codec.arena.bytesFree <= codec.memory.length);
    assertEquals(codec.hashOf(new Uint8Array(0)).toHex(), "99aa06d3014798d86001c324468d497f");
    if (arenaBytes === 0) continue;
    using slice = codec.arena.take(codec.arena.bytesFree);
    assert(slice.offset >= offset + length && slice.offset + slice.length <= codec.memory.length);
  }
});

Deno.test("a range that is not in the memory is refused", () => {
  using codec = Codec.open({ arenaBytes: 0 });
  const end = codec.memory.length;
  for (const [offset, length] of [[-1, 1], [0, -1], [end, 1], [end - 10, 11]] as const) {
    assertThrows(() => codec.hash(offset, length, codec.scratch.offset), Error, "a range of the memory");
    using stream = codec.stream();
    assertThrows(() => stream.updateRange(offset, length), Error, "a range of the memory");
  }
});

Deno.test("streams are bounded, and a disposed one makes room", () => {
  using codec = Codec.open();
  const streams = Array.from({ length: 512 }, () => codec.stream());
  assertThrows(() => codec.stream(), Error, "at most 512");
  streams[7]![Symbol.dispose]();
  streams[7]![Symbol.dispose]();
  using again = codec.stream();
  assertEquals(again.digest().toHex(), "99aa06d3014798d86001c324468d497f");
  assertThrows(() => streams[7]!.digest(), Error, "disposed");
});
