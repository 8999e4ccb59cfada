import { assert, assertEquals, assertThrows } from "@std/assert";
import { randomFrom, withSeed } from "../../tests/helpers/random.ts";
import { Codec } from "./codec.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

/** Hashes by Debian's xxhsum, the oracle; undefined where it is not installed. */
async function xxhsum(inputs: Uint8Array[]): Promise<string[] | undefined> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [i, input] of inputs.entries()) Deno.writeFileSync(`${directory}/${i}`, input);
    const args = ["-H2", ...inputs.keys().map((i) => `${directory}/${i}`)];
    const { stdout } = await new Deno.Command("xxhsum", { args }).output();
    return new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.slice(0, 32));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const isOracleHere = await xxhsum([new Uint8Array(0)]) !== undefined;
if (!isOracleHere && Deno.env.get("RCOPY_REQUIRE_ORACLES")) throw new Error("xxhsum is not installed");
const oracle = isOracleHere ? {} : { ignore: true, why: "needs xxhsum of the package xxhash" };

Deno.test({
  name: "hash() is xxhsum's for every length from 0 to 1,100 and some larger ones",
  ignore: "ignore" in oracle,
  fn: async () => {
    using codec = Codec.open();
    const lengths = [
      ...Array(1101).keys(),
      2047,
      2048,
      2049,
      4096,
      65_535,
      65_536,
      1_000_003,
      4 * 1024 * 1024,
    ];
    const inputs = lengths.map((length) => randomBytes(length, length + 1));
    const expected = await xxhsum(inputs);
    using slice = codec.arena.take(4 * 1024 * 1024 + 3);
    for (const [i, input] of inputs.entries()) {
      const at = i % 4; // no alignment is assumed
      slice.bytes.set(input, at < 4 && input.length + at <= slice.length ? at : 0);
      codec.hash(
        slice.offset + (input.length + at <= slice.length ? at : 0),
        input.length,
        codec.scratch.offset,
      );
      const got = codec.memory.slice(codec.scratch.offset, codec.scratch.offset + 16);
      assertEquals(hex(got), expected![i], `length ${input.length}`);
    }
  },
});

Deno.test("hash() gives the published sanity check values", () => {
  // The generator and the values of xxHash's own self-test (XSUM_sanityTest, XXH3_128bits with seed 0).
  using codec = Codec.open();
  const buffer = new Uint8Array(2367);
  let generator = 2654435761n;
  for (let i = 0; i < buffer.length; i++) {
    buffer[i] = Number(generator >> 56n);
    generator = generator * 11400714785074694797n & 0xffff_ffff_ffff_ffffn;
  }
  const published: [number, string][] = [
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
  for (const [length, expected] of published) {
    if (expected) {
      assertEquals(hex(codec.hashBytes(buffer.subarray(0, length))), expected, `length ${length}`);
    }
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
        if (random() < 0.1) assertEquals(hex(stream.digest()), hex(codec.hashBytes(input.subarray(0, at))));
      }
      assertEquals(hex(stream.digest()), hex(codec.hashBytes(input)), `length ${length}`);
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
    const expected = codec.hashBytes(slice.bytes.slice(i * 300, i * 301));
    assertEquals(hex(hashes.subarray(i * 16, i * 16 + 16)), hex(expected), `range ${i}`);
  }
});

Deno.test("the memory has its final size from the start", () => {
  using codec = Codec.open();
  const { buffer } = codec.memory;
  using slice = codec.arena.take(9 * 1024 * 1024);
  codec.hash(slice.offset, slice.length, codec.scratch.offset);
  codec.hashBytes(new Uint8Array(3_000_000));
  assert(
    codec.memory.buffer === buffer && buffer.byteLength === codec.memory.length,
    "the same, undetached buffer",
  );
});

Deno.test("streams are bounded, and a disposed one makes room", () => {
  using codec = Codec.open();
  const streams = Array.from({ length: 512 }, () => codec.stream());
  assertThrows(() => codec.stream(), Error, "at most 512");
  streams[7]![Symbol.dispose]();
  streams[7]![Symbol.dispose]();
  using again = codec.stream();
  assertEquals(hex(again.digest()), "99aa06d3014798d86001c324468d497f");
  assertThrows(() => streams[7]!.digest(), Error, "disposed");
});
