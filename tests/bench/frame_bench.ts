/**
 * Frames alone: encode and decode, of the sizes that sessions send; and manifest batches as the largest of
 * them.
 */
import { EntryColumns } from "../../src/entry/columns.ts";
import { EntryKind } from "../../src/entry/metadata.ts";
import { decodeMessage, encodeDataHead, encodeFrame, parseHeader } from "../../src/wire/frame.ts";
import { batchEntriesMax, headerBytes } from "../../src/wire/limits.ts";
import type { Bundle, Extent, Hashes } from "../../src/wire/data.ts";
import type { Manifest } from "../../src/wire/manifest.ts";

const extent: Extent = { kind: "extent", batch: 3, entry: 5, index: 9 };
const filesOfBundle = 256;
const bundle: Bundle = {
  kind: "bundle",
  batch: 3,
  entries: Uint32Array.from({ length: filesOfBundle }, (_, i) => i),
};
const hashes: Hashes = { kind: "hashes", hashes: new Uint8Array(filesOfBundle * 16).fill(7) };

function decode(frame: Uint8Array, context: "control" | "data"): void {
  decodeMessage(parseHeader(frame, context), frame);
}

/** As many entries as a batch may have and as fit its message, in one directory. */
function manifestOf(entries: number): Manifest {
  const columns = new EntryColumns(entries);
  const encoder = new TextEncoder();
  for (let i = 0; i < entries; i++) {
    columns.append(encoder.encode(`file-${i}.txt`), {
      kind: EntryKind.file,
      mode: 0o644,
      special: 0,
      size: 4096 + i,
      mtimeSeconds: 1_700_000_000 + i,
      mtimeNanos: i,
      device: 1,
      inode: BigInt(i),
      ctimeNs: 0n,
    });
  }
  return {
    kind: "manifest",
    batch: 0,
    groupDirectories: Uint32Array.of(0),
    groupCounts: Uint32Array.of(entries),
    kinds: columns.kinds.subarray(0, entries),
    modes: columns.modes.subarray(0, entries),
    sizes: BigUint64Array.from(columns.sizes.subarray(0, entries), BigInt),
    mtimeSeconds: BigInt64Array.from(columns.mtimeSeconds.subarray(0, entries), BigInt),
    mtimeNanos: columns.mtimeNanos.subarray(0, entries),
    names: columns.names.subarray(0, columns.nameBytes),
    linkTargets: new Uint8Array(0),
    closed: new Uint32Array(0),
    stamps: new Uint8Array(0),
  };
}

const extentFrame = encodeDataHead(extent, 0);
Deno.bench("encode the head of an extent", () => {
  encodeDataHead(extent, 4 * 1024 * 1024);
});
Deno.bench("decode the head of an extent", () => decode(extentFrame, "data"));

const bundleFrame = encodeDataHead(bundle, 0);
Deno.bench(`encode the head of a bundle of ${filesOfBundle} files`, () => {
  encodeDataHead(bundle, 1024 * 1024);
});
Deno.bench(`decode the head of a bundle of ${filesOfBundle} files`, () => decode(bundleFrame, "data"));

const hashesFrame = encodeFrame(hashes);
Deno.bench(`encode the hashes of a bundle of ${filesOfBundle} files`, () => {
  encodeFrame(hashes);
});
Deno.bench(`decode the hashes of a bundle of ${filesOfBundle} files`, () => decode(hashesFrame, "data"));

const ping = encodeFrame({ kind: "ping", id: 1 });
Deno.bench("encode a ping", () => {
  encodeFrame({ kind: "ping", id: 1 });
});
Deno.bench("decode a ping", () => decode(ping, "control"));

for (const entries of [256, batchEntriesMax]) {
  const manifest = manifestOf(entries);
  const frame = encodeFrame(manifest);
  const kib = Math.round((frame.length - headerBytes) / 1024);
  Deno.bench(`encode a manifest of ${entries} entries (${kib} KiB)`, () => {
    encodeFrame(manifest);
  });
  Deno.bench(
    `decode and check a manifest of ${entries} entries (${kib} KiB)`,
    () => decode(frame, "control"),
  );
}
