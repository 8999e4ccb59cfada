/** The messages of a data connection that carry content: `Extent` and `Bundle`. */
import { RcopyError } from "../base/errors.ts";
import { readColumn, writeColumn } from "./column.ts";
import { ascendingEntries, assign, entryNumber, exactly, type MessageCodec } from "./fields.ts";
import { bundleFilesMax, hashBytes } from "./limits.ts";
import * as schema from "./schema.ts";

/** A piece of a file above 4 MiB, on the grid of `extentBytes`; payload: its bytes. */
export interface Extent {
  kind: "extent";
  batch: number;
  entry: number;
  /** Offset is `index * extentBytes`. */
  index: number;
  /** XXH3-128 of the payload, canonical (big-endian) form, 16 bytes. */
  hash: Uint8Array;
  /** The sender has read all extents of the file and found it unchanged; set on the extent that was read last. */
  fileVerified: boolean;
}

export const extent: MessageCodec<Extent> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Extent);
    const { batch, entry, index, fileVerified } = message;
    assign(root, { batch, entry, index, fileVerified });
    writeColumn(root._initHash(message.hash.length), message.hash);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Extent);
    const { batch, index, fileVerified } = root;
    const hash = exactly(root.hash, hashBytes);
    return { kind: "extent", batch, entry: entryNumber(root.entry), index, hash, fileVerified };
  },
};

/** Many small files, whole; payload: their contents, one after the other. */
export interface Bundle {
  kind: "bundle";
  batch: number;
  /** Ascending entry numbers. */
  entries: Uint32Array;
  /** 16 bytes each: XXH3-128 of the content. The sizes are the manifest's. */
  hashes: Uint8Array;
}

export const bundle: MessageCodec<Bundle> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Bundle);
    root.batch = message.batch;
    writeColumn(root._initEntries(message.entries.length), message.entries);
    writeColumn(root._initHashes(message.hashes.length), message.hashes);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Bundle);
    const entries = ascendingEntries(readColumn(root.entries, "u32", bundleFilesMax));
    const hashes = readColumn(root.hashes, "u8", bundleFilesMax * hashBytes);
    if (entries.length === 0 || hashes.length !== entries.length * hashBytes) {
      throw new RcopyError(
        "protocol",
        `a bundle has ${entries.length} files and ${hashes.length} bytes of hashes`,
      );
    }
    return { kind: "bundle", batch: root.batch, entries, hashes };
  },
};
