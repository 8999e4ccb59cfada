/** The messages about the tree: `Manifest`, `ManifestEnd`, the `Credit` for them, and what is wanted of them (`Wants`). */
import { RcopyError } from "../base/errors.ts";
import { wideNumbers } from "../base/wide_numbers.ts";
import { showName } from "../base/show.ts";
import { EntryKind } from "../entry/metadata.ts";
import { endOfSafeName, whyUnsafeName } from "../entry/name.ts";
import { readColumn, writeColumn } from "./column.ts";
import { ascendingEntries, assign, count, type MessageCodec, outOfRange } from "./fields.ts";
import {
  batchEntriesMax,
  controlMessageBytesMax,
  creditBytesMax,
  extentBytes,
  fileBytesMax,
  linkTargetBytesMax,
  stampBytes,
} from "./limits.ts";
import * as schema from "./schema.ts";

const nanosMax = 999_999_999;
const modeMax = 0o777;

/** Entries found by the scan, as columns; sender to receiver. */
export interface Manifest {
  kind: "manifest";
  /** 0, 1, 2, … in the order of sending. */
  batch: number;
  /** Runs of entries: `groupDirectories[i]` holds the next `groupCounts[i]` entries. Directory 0 is the destination. */
  groupDirectories: Uint32Array;
  groupCounts: Uint32Array;
  /** 1 file, 2 directory, 3 link. Each directory entry gets the next directory number (1, 2, …), in order. */
  kinds: Uint8Array;
  modes: Uint16Array;
  /** Checked to be at most `fileBytesMax`. */
  sizes: BigUint64Array;
  mtimeSeconds: BigInt64Array;
  mtimeNanos: Uint32Array;
  /** One component each, followed by a NUL byte. */
  names: Uint8Array;
  /** Text of each link of the batch in order, followed by a NUL byte. */
  linkTargets: Uint8Array;
  /** Directories that are complete: no later entry names them. */
  closed: Uint32Array;
  /** 16 bytes for each large file of the batch in order: other bytes mean another version of the file. */
  stamps: Uint8Array;
}

export const manifest: MessageCodec<Manifest> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Manifest);
    root.batch = message.batch;
    writeColumn(root._initGroupDirectories(message.groupDirectories.length), message.groupDirectories);
    writeColumn(root._initGroupCounts(message.groupCounts.length), message.groupCounts);
    writeColumn(root._initKinds(message.kinds.length), message.kinds);
    writeColumn(root._initModes(message.modes.length), message.modes);
    writeColumn(root._initSizes(message.sizes.length), message.sizes);
    writeColumn(root._initMtimeSeconds(message.mtimeSeconds.length), message.mtimeSeconds);
    writeColumn(root._initMtimeNanos(message.mtimeNanos.length), message.mtimeNanos);
    writeColumn(root._initNames(message.names.length), message.names);
    writeColumn(root._initLinkTargets(message.linkTargets.length), message.linkTargets);
    writeColumn(root._initClosed(message.closed.length), message.closed);
    writeColumn(root._initStamps(message.stamps.length), message.stamps);
  },
  /** The batch, as views of the message; its columns agree, and every value is one that a file system can have. */
  decode(capnp) {
    const root = capnp.getRoot(schema.Manifest);
    const message: Manifest = {
      kind: "manifest",
      batch: root.batch,
      groupDirectories: readColumn(root.groupDirectories, "u32", batchEntriesMax),
      groupCounts: readColumn(root.groupCounts, "u32", batchEntriesMax),
      kinds: readColumn(root.kinds, "u8", batchEntriesMax),
      modes: readColumn(root.modes, "u16", batchEntriesMax),
      sizes: readColumn(root.sizes, "u64", batchEntriesMax),
      mtimeSeconds: readColumn(root.mtimeSeconds, "i64", batchEntriesMax),
      mtimeNanos: readColumn(root.mtimeNanos, "u32", batchEntriesMax),
      names: readColumn(root.names, "u8", controlMessageBytesMax),
      linkTargets: readColumn(root.linkTargets, "u8", controlMessageBytesMax),
      closed: readColumn(root.closed, "u32", controlMessageBytesMax / 4),
      stamps: readColumn(root.stamps, "u8", batchEntriesMax * stampBytes),
    };
    checkColumns(message);
    checkEntries(message);
    checkNames(message);
    checkLinkTargets(message);
    checkStamps(message);
    return message;
  },
};

function refuse(manifest: Manifest, what: string): never {
  throw new RcopyError("protocol", `batch ${manifest.batch} of the manifest ${what}`);
}

function checkColumns(manifest: Manifest): void {
  const { kinds, modes, sizes, mtimeSeconds, mtimeNanos, groupDirectories, groupCounts } = manifest;
  const count = kinds.length;
  const lengths = [modes.length, sizes.length, mtimeSeconds.length, mtimeNanos.length];
  if (lengths.some((length) => length !== count) || groupDirectories.length !== groupCounts.length) {
    refuse(manifest, "has columns of different lengths");
  }
  let grouped = 0;
  for (const entries of groupCounts) {
    if (entries === 0) refuse(manifest, "has an empty group");
    grouped += entries;
  }
  if (grouped !== count) refuse(manifest, `has ${count} entries and groups of ${grouped}`);
}

function checkEntries(manifest: Manifest): void {
  const { kinds, modes, mtimeNanos } = manifest;
  // What is beyond safe integers comes out as a number beyond them, though not exactly.
  const sizes = wideNumbers(manifest.sizes);
  const mtimeSeconds = wideNumbers(manifest.mtimeSeconds);
  const secondsMax = Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i]!;
    if (kind < EntryKind.file || kind > EntryKind.link) refuse(manifest, `has an entry of kind ${kind}`);
    if (modes[i]! > modeMax) refuse(manifest, `has an entry of mode 0${modes[i]!.toString(8)}`);
    if (mtimeNanos[i]! > nanosMax) refuse(manifest, `has a time with ${mtimeNanos[i]} nanoseconds`);
    const seconds = mtimeSeconds[i]!;
    if (seconds > secondsMax || seconds < -secondsMax) {
      refuse(manifest, `has a time of ${manifest.mtimeSeconds[i]} seconds`);
    }
    const size = sizes[i]!;
    if (size > fileBytesMax) refuse(manifest, `has a file of ${manifest.sizes[i]} bytes`);
    if (size !== 0 && kind !== EntryKind.file) refuse(manifest, "has a directory or link with a size");
  }
}

function checkNames(manifest: Manifest): void {
  const { names, kinds } = manifest;
  let start = 0;
  for (let i = 0; i < kinds.length; i++) {
    const end = endOfSafeName(names, start);
    // A view of the name is made only where it may be refused.
    const stop = end >= 0 ? end : names.indexOf(0, start);
    if (stop < 0) refuse(manifest, `has fewer names than entries (${i} of ${kinds.length})`);
    const why = end >= 0 ? undefined : whyUnsafeName(names.subarray(start, stop));
    if (why !== undefined) {
      const name = showName(names.subarray(start, Math.min(stop, start + 80)));
      throw new RcopyError("name-unsafe", `refused name "${name}" from the peer: ${why}`);
    }
    start = stop + 1;
  }
  if (start !== names.length) refuse(manifest, "has more names than entries");
}

function checkLinkTargets(manifest: Manifest): void {
  const { kinds, linkTargets } = manifest;
  let start = 0;
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] !== EntryKind.link) continue;
    const end = linkTargets.indexOf(0, start);
    if (end <= start || end - start > linkTargetBytesMax) {
      refuse(manifest, `has a link text of ${Math.max(end - start, 0)} bytes`);
    }
    start = end + 1;
  }
  if (start !== linkTargets.length) refuse(manifest, "has more link texts than links");
}

function checkStamps(manifest: Manifest): void {
  const { sizes, stamps } = manifest;
  const smallMax = BigInt(extentBytes);
  let large = 0;
  for (let i = 0; i < sizes.length; i++) if (sizes[i]! > smallMax) large++;
  if (stamps.length !== large * stampBytes) {
    refuse(manifest, `has ${stamps.length} bytes of stamps for ${large} large files`);
  }
}

/** The scan is over; sender to receiver. */
export interface ManifestEnd {
  kind: "manifestEnd";
  batches: number;
  entries: number;
  /** Sum of the sizes of all files. */
  bytes: bigint;
}

export const manifestEnd: MessageCodec<ManifestEnd> = {
  encode(capnp, { batches, entries, bytes }) {
    assign(capnp.initRoot(schema.ManifestEnd), { batches, entries: BigInt(entries), bytes });
  },
  decode(capnp) {
    const { batches, entries, bytes } = capnp.getRoot(schema.ManifestEnd);
    return { kind: "manifestEnd", batches, entries: count(entries), bytes };
  },
};

/** More manifest bytes may be sent; receiver to sender. */
export interface Credit {
  kind: "credit";
  bytes: number;
}

export const credit: MessageCodec<Credit> = {
  encode(capnp, message) {
    capnp.initRoot(schema.Credit).bytes = message.bytes;
  },
  decode(capnp) {
    const { bytes } = capnp.getRoot(schema.Credit);
    if (bytes === 0 || bytes > creditBytesMax) throw outOfRange("credit", bytes);
    return { kind: "credit", bytes };
  },
};

/** Which files and links of a batch are wanted; receiver to sender, one a batch, never when the hello said `wantsAll`. */
export interface Wants {
  kind: "wants";
  batch: number;
  /** Bit i (least significant first) is entry i. Empty: none. */
  bitmap: Uint8Array;
  /** Everything in the batch is wanted; `bitmap` is empty. */
  all: boolean;
  /** Large files that are wanted and of which something is there already: a `Kept` of each follows. Ascending. */
  kept: Uint32Array;
  /** Files that are wanted unless their content is what is there: their hashes follow. Ascending. */
  compared: Uint32Array;
}

export const wants: MessageCodec<Wants> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Wants);
    assign(root, { batch: message.batch, all: message.all });
    writeColumn(root._initBitmap(message.bitmap.length), message.bitmap);
    writeColumn(root._initKept(message.kept.length), message.kept);
    writeColumn(root._initCompared(message.compared.length), message.compared);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Wants);
    const bitmap = readColumn(root.bitmap, "u8", batchEntriesMax / 8).slice();
    if (root.all && bitmap.length > 0) {
      throw new RcopyError("protocol", "wants has a bitmap though it wants all");
    }
    const kept = ascendingEntries(readColumn(root.kept, "u32", batchEntriesMax).slice());
    const compared = ascendingEntries(readColumn(root.compared, "u32", batchEntriesMax).slice());
    return { kind: "wants", batch: root.batch, all: root.all, bitmap, kept, compared };
  },
};
