/** The arena alone: slices taken and returned, in one piece and with holes between them. */
import { Arena, type Slice } from "../../src/codec/arena.ts";

const mebibyte = 1024 * 1024;

const roomy = new Arena(new Uint8Array(16 * mebibyte), 0);

Deno.bench("take and return 1 MiB of an empty arena", () => {
  roomy.take(mebibyte)[Symbol.dispose]();
});

/** Every second slice is out, so that the list of free ranges is long. */
const holey = new Arena(new Uint8Array(16 * mebibyte), 0);
const held = Array.from({ length: 256 }, () => holey.take(65_536));
for (let i = 0; i < held.length; i += 2) held[i]![Symbol.dispose]();

Deno.bench("take and return 64 KiB between 128 holes", () => {
  holey.take(65_536)[Symbol.dispose]();
});

const slices: Slice[] = [];
Deno.bench("take 64 slices, return them in another order", () => {
  for (let i = 0; i < 64; i++) slices.push(roomy.take(65_536));
  for (let i = 0; i < 64; i++) slices[(i * 37) % 64]![Symbol.dispose]();
  slices.length = 0;
});
