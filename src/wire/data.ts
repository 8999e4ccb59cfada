/**
 * The messages that bring content. Content travels in units: an extent of a large file, a patch for one that the receiver has in
 * another version, or a bundle of small files. On a data connection a unit is a frame `Extent`, `Patch` or `Bundle`, whose payload
 * is the first piece, then a frame `Piece` for each further piece, then a frame `Hashes`. `FileVerified` goes over control, and so
 * does what need not be sent: `Kept`, `Blocks`, `FileHashes`, `Compared`.
 */
import { RcopyError } from "../base/errors.ts";
import { readColumn, writeColumn } from "./column.ts";
import { ascendingEntries, assign, entryNumber, exactly, type MessageCodec } from "./fields.ts";
import {
  blocksPerExtent,
  bundleFilesMax,
  comparedEntriesMax,
  hashBytes,
  keptExtentsMax,
  toldExtentsMax,
} from "./limits.ts";
import * as schema from "./schema.ts";

/** Begins a unit: part of a file above 4 MiB, on the grid of `extentBytes`; payload: its first piece. */
export interface Extent {
  kind: "extent";
  batch: number;
  entry: number;
  /** Offset is `index * extentBytes`. */
  index: number;
}

export const extent: MessageCodec<Extent> = {
  encode(capnp, { batch, entry, index }) {
    assign(capnp.initRoot(schema.Extent), { batch, entry, index });
  },
  decode(capnp) {
    const { batch, entry, index } = capnp.getRoot(schema.Extent);
    return { kind: "extent", batch, entry: entryNumber(entry), index };
  },
};

/**
 * Begins a unit: the blocks of an extent that are not as the receiver has them, one after the other; payload: its first piece,
 * which is empty where every block is.
 */
export interface Patch {
  kind: "patch";
  batch: number;
  entry: number;
  /** As that of an extent. */
  index: number;
  /** Bit i (least significant first) is block i of the extent; 1 for those that are in the unit. */
  blocks: number;
}

export const patch: MessageCodec<Patch> = {
  encode(capnp, { batch, entry, index, blocks }) {
    assign(capnp.initRoot(schema.Patch), { batch, entry, index, blocks });
  },
  decode(capnp) {
    const { batch, entry, index, blocks } = capnp.getRoot(schema.Patch);
    return { kind: "patch", batch, entry: entryNumber(entry), index, blocks };
  },
};

/** What begins a unit of a large file. */
export type ExtentHead = Extent | Patch;
/** What begins a unit. */
export type UnitHead = ExtentHead | Bundle;

/** Begins a unit: many small files, whole, one after the other; payload: the first piece of that. */
export interface Bundle {
  kind: "bundle";
  batch: number;
  /** Ascending entry numbers, at least one. The sizes are the manifest's, unless it is `unsized`. */
  entries: Uint32Array;
  /** Of one file only, which says another size than it has: it has as many bytes as the unit. */
  unsized?: boolean;
  /** Those of `entries`, ascending, that have grown since the scan; their content is what was there then. */
  grown?: Uint32Array;
}

export const bundle: MessageCodec<Bundle> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Bundle);
    root.batch = message.batch;
    writeColumn(root._initEntries(message.entries.length), message.entries);
    const { unsized = false, grown } = message;
    root.unsized = unsized;
    if (grown && grown.length > 0) writeColumn(root._initGrown(grown.length), grown);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Bundle);
    const entries = ascendingEntries(readColumn(root.entries, "u32", bundleFilesMax));
    if (entries.length === 0) throw new RcopyError("protocol", "a bundle has no files");
    const { batch, unsized } = root;
    if (unsized && entries.length > 1) {
      throw new RcopyError("protocol", "a bundle without sizes has more than one file");
    }
    const grown = ascendingEntries(readColumn(root.grown, "u32", bundleFilesMax));
    if (!grown.every((entry) => entries.includes(entry))) {
      throw new RcopyError("protocol", "a bundle says that a file has grown which it does not have");
    }
    return {
      kind: "bundle",
      batch,
      entries,
      ...(unsized ? { unsized } : {}),
      ...(grown.length > 0 ? { grown } : {}),
    };
  },
};

/** Goes on with a unit; payload: the next piece, not empty. */
export interface Piece {
  kind: "piece";
}

export const piece: MessageCodec<Piece> = {
  encode(capnp) {
    capnp.initRoot(schema.Piece);
  },
  decode() {
    return { kind: "piece" };
  },
};

/** Ends a unit. */
export interface Hashes {
  kind: "hashes";
  /** XXH3-128 in canonical (big-endian) form, 16 bytes: of the extent, or of each file of the bundle in its order. */
  hashes: Uint8Array;
}

export const hashes: MessageCodec<Hashes> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Hashes);
    writeColumn(root._initHashes(message.hashes.length), message.hashes);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Hashes);
    return { kind: "hashes", hashes: readColumn(root.hashes, "u8", bundleFilesMax * hashBytes) };
  },
};

/** The sender has read every extent of a large file and then found it unchanged, or grown; once a file, on control. */
export interface FileVerified {
  kind: "fileVerified";
  batch: number;
  entry: number;
  /** The file hash: XXH3-128 of the hashes of the extents in order. */
  hash: Uint8Array;
  /** It has grown since the scan; its content is what was there then. */
  grown?: boolean;
}

export const fileVerified: MessageCodec<FileVerified> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.FileVerified);
    assign(root, { batch: message.batch, entry: message.entry, grown: message.grown ?? false });
    writeColumn(root._initHash(message.hash.length), message.hash);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.FileVerified);
    const hash = exactly(root.hash, hashBytes);
    const { batch, grown } = root;
    return {
      kind: "fileVerified",
      batch,
      entry: entryNumber(root.entry),
      hash,
      ...(grown ? { grown } : {}),
    };
  },
};

/** Extents of a large file that the receiver has from an earlier run, and their hashes; receiver to sender, on control. */
export interface Kept {
  kind: "kept";
  batch: number;
  entry: number;
  /** The extent of bit 0. */
  first: number;
  /** Bit i (least significant first) is extent `first + i`. */
  bitmap: Uint8Array;
  /** 16 bytes for each bit that is 1, in order. */
  hashes: Uint8Array;
  /** Another `Kept` of this file follows. */
  more: boolean;
  /**
   * There is an older version of the file. In the last one: `Blocks` follow, and no extent is sent before they have come to it.
   * Of a compared file: if it is another one, the sender says so and waits.
   */
  basis?: boolean;
}

export const kept: MessageCodec<Kept> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Kept);
    const { batch, entry, first, more, basis = false } = message;
    assign(root, { batch, entry, first, more, basis });
    writeColumn(root._initBitmap(message.bitmap.length), message.bitmap);
    writeColumn(root._initHashes(message.hashes.length), message.hashes);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Kept);
    const { batch, first, more, basis } = root;
    const bitmap = readColumn(root.bitmap, "u8", keptExtentsMax / 8).slice();
    const hashes = readColumn(root.hashes, "u8", keptExtentsMax * hashBytes).slice();
    const extents = bitmap.reduce((sum, byte) => sum + bitsOf(byte), 0);
    if (hashes.length !== extents * hashBytes) {
      throw new RcopyError("protocol", `kept has ${hashes.length} bytes of hashes for ${extents} extents`);
    }
    if (more && extents === 0) {
      throw new RcopyError("protocol", "kept tells of nothing, and has more to tell");
    }
    const rest = { first, bitmap, hashes, more, ...(basis ? { basis } : {}) };
    return { kind: "kept", batch, entry: entryNumber(root.entry), ...rest };
  },
};

/** What the blocks of an older version of a large file hash to; receiver to sender, on control. */
export interface Blocks {
  kind: "blocks";
  batch: number;
  entry: number;
  /** The extent that the hashes begin with. */
  first: number;
  /** 16 bytes for each block of the extents from `first` on, as the new version has them. */
  hashes: Uint8Array;
  /** Other `Blocks` of this file follow. */
  more: boolean;
}

export const blocks: MessageCodec<Blocks> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Blocks);
    const { batch, entry, first, more } = message;
    assign(root, { batch, entry, first, more });
    writeColumn(root._initHashes(message.hashes.length), message.hashes);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Blocks);
    const { batch, first, more } = root;
    const hashes = readColumn(root.hashes, "u8", toldExtentsMax * blocksPerExtent * hashBytes).slice();
    if (hashes.length % hashBytes !== 0) {
      throw new RcopyError("protocol", `${hashes.length} bytes of hashes of blocks are no whole hashes`);
    }
    if (more && hashes.length === 0) {
      throw new RcopyError("protocol", "a message with hashes of blocks has none, and more to tell");
    }
    return { kind: "blocks", batch, entry: entryNumber(root.entry), first, hashes, more };
  },
};

/** Hashes of small files that the receiver has, to be compared with the sender's; receiver to sender. */
export interface FileHashes {
  kind: "fileHashes";
  batch: number;
  /** Ascending. */
  entries: Uint32Array;
  /** 16 bytes for each of `entries`. */
  hashes: Uint8Array;
  /** Those that could not be read: there is nothing to compare with, and they are wanted. Ascending. */
  unread: Uint32Array;
}

export const fileHashes: MessageCodec<FileHashes> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.FileHashes);
    assign(root, { batch: message.batch });
    writeColumn(root._initEntries(message.entries.length), message.entries);
    writeColumn(root._initHashes(message.hashes.length), message.hashes);
    writeColumn(root._initUnread(message.unread.length), message.unread);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.FileHashes);
    const entries = ascendingEntries(readColumn(root.entries, "u32", bundleFilesMax).slice());
    const unread = ascendingEntries(readColumn(root.unread, "u32", bundleFilesMax).slice());
    const hashes = readColumn(root.hashes, "u8", bundleFilesMax * hashBytes).slice();
    if (hashes.length !== entries.length * hashBytes) {
      throw new RcopyError("protocol", `${hashes.length} bytes of hashes came for ${entries.length} files`);
    }
    if (entries.length + unread.length === 0) {
      throw new RcopyError("protocol", "a message with hashes of files tells of none");
    }
    return { kind: "fileHashes", batch: root.batch, entries, hashes, unread };
  },
};

/** What came of comparing files; sender to receiver. */
export interface Compared {
  kind: "compared";
  batch: number;
  /** Their content is what the receiver has. Ascending. */
  equal: Uint32Array;
  /** Their content is another: in a dry run, or, where the receiver has something of them, before it says what. Ascending. */
  different: Uint32Array;
}

export const compared: MessageCodec<Compared> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Compared);
    assign(root, { batch: message.batch });
    writeColumn(root._initEqual(message.equal.length), message.equal);
    writeColumn(root._initDifferent(message.different.length), message.different);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Compared);
    const equal = ascendingEntries(readColumn(root.equal, "u32", comparedEntriesMax).slice());
    const different = ascendingEntries(readColumn(root.different, "u32", comparedEntriesMax).slice());
    if (equal.length + different.length === 0) {
      throw new RcopyError("protocol", "a comparison has no result");
    }
    return { kind: "compared", batch: root.batch, equal, different };
  },
};

/** How many bits of a byte are 1. */
function bitsOf(byte: number): number {
  let bits = 0;
  for (; byte !== 0; byte &= byte - 1) bits++;
  return bits;
}
