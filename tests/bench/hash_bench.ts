/** The codec alone: `deno bench` of its hashes, of the sizes that transfers use them with. */
import { Codec } from "../../src/codec/codec.ts";

const codec = Codec.open();
const slice = codec.arena.take(4 * 1024 * 1024);
crypto.getRandomValues(slice.bytes.subarray(0, 65_536));
for (let at = 65_536; at < slice.length; at += 65_536) slice.bytes.copyWithin(at, 0, 65_536);

const result = codec.scratch.offset;
for (const bytes of [64, 4096, 1024 * 1024, 4 * 1024 * 1024]) {
  Deno.bench(`hash ${bytes} bytes in place`, () => codec.hash(slice.offset, bytes, result));
}

const files = 256;
const table = codec.scratch.offset;
const rows = new Uint32Array(codec.memory.buffer, table, files * 2);

Deno.bench(`hashMany of ${files} files of 4 KiB, with its table`, () => {
  for (let i = 0; i < files; i++) {
    rows[2 * i] = slice.offset + i * 4096;
    rows[2 * i + 1] = 4096;
  }
  codec.hashMany(files, table, table + files * 8);
});

const stream = codec.stream();
Deno.bench("a stream takes 1 MiB in place", () => stream.updateRange(slice.offset, 1024 * 1024));

const text = new Uint8Array(100);
Deno.bench("hashBytes of 100 bytes from elsewhere", () => {
  codec.hashOf(text);
});

Deno.bench("take and return a slice of the arena", () => codec.arena.take(65_536)[Symbol.dispose]());
