/** The messages about what became of entries: `Failure`, `Resend`, settlements, `Taken`, `Receipt`. */
import { RcopyError } from "../base/errors.ts";
import { readColumn, writeColumn } from "./column.ts";
import {
  ascendingEntries,
  assign,
  cappedText,
  clipped,
  count,
  entryNumber,
  exactly,
  laneNumber,
  type MessageCodec,
  outOfRange,
} from "./fields.ts";
import { batchEntriesMax, failureNameBytesMax, hashBytes, settlementEntriesMax } from "./limits.ts";
import { wireCodeOf } from "./codes.ts";
import * as schema from "./schema.ts";

/** An entry that is not copied, and why; either direction. */
export interface Failure {
  kind: "failure";
  /** `entry`: number of an entry of `batch`. `name`: a component in directory `directory` that the manifest does not list. */
  place: { of: "entry"; batch: number; entry: number } | { of: "name"; directory: number; name: Uint8Array };
  /** Number of the error code (`wireCodeOf`). */
  code: number;
  /** At most `textBytesMax`. */
  text: string;
}

export const failure: MessageCodec<Failure> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Failure);
    assign(root, { code: message.code, text: clipped(message.text) });
    const { place } = message;
    const union = root._initPlace();
    if (place.of === "entry") {
      assign(union._initEntry(), { batch: place.batch, index: place.entry });
      return;
    }
    const group = union._initName();
    group.directory = place.directory;
    writeColumn(group._initComponent(place.name.length), place.name);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Failure);
    const { code } = root;
    const place = placeOf(root.place);
    if (code === 0) throw outOfRange("the code of a failure", code);
    if (place.of === "entry" && code === wireCodeOf["not-sent"]) {
      throw new RcopyError("protocol", "an entry of the manifest is reported as one that is left out of it");
    }
    return { kind: "failure", place, code, text: cappedText(root.text) };
  },
};

function placeOf(place: schema.Failure_Place): Failure["place"] {
  switch (place.which()) {
    case schema.Failure_Place.ENTRY: {
      const { batch, index } = place.entry;
      return { of: "entry", batch, entry: entryNumber(index) };
    }
    case schema.Failure_Place.NAME: {
      const { directory } = place.name;
      // Only shown, escaped, and never used as a name: any bytes will do.
      const name = readColumn(place.name.component, "u8", failureNameBytesMax).slice();
      return { of: "name", directory, name };
    }
    default:
      throw new RcopyError("protocol", "a failure names neither an entry nor a name");
  }
}

/** Send an extent (or, with `extent` 0, a small file) again; receiver to sender. */
export interface Resend {
  kind: "resend";
  batch: number;
  entry: number;
  extent: number;
}

export const resend: MessageCodec<Resend> = {
  encode(capnp, { batch, entry, extent }) {
    assign(capnp.initRoot(schema.Resend), { batch, entry, extent });
  },
  decode(capnp) {
    const { batch, entry, extent } = capnp.getRoot(schema.Resend);
    return { kind: "resend", batch, entry: entryNumber(entry), extent };
  },
};

/** All entries of a batch are placed, skipped or failed, except those held; receiver to sender, once a batch. */
export interface BatchSettled {
  kind: "batchSettled";
  batch: number;
  /** Entries that failed. */
  failed: Uint32Array;
  /** Entries whose settlement comes later: directories, links, large files under way. */
  held: Uint32Array;
  /** Wanted entries that were there, of the same size and time, when they were about to be placed. */
  skipped: Uint32Array;
}

export const batchSettled: MessageCodec<BatchSettled> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.BatchSettled);
    root.batch = message.batch;
    writeColumn(root._initFailed(message.failed.length), message.failed);
    writeColumn(root._initHeld(message.held.length), message.held);
    writeColumn(root._initSkipped(message.skipped.length), message.skipped);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.BatchSettled);
    return {
      kind: "batchSettled",
      batch: root.batch,
      failed: ascendingEntries(readColumn(root.failed, "u32", batchEntriesMax)),
      held: ascendingEntries(readColumn(root.held, "u32", batchEntriesMax)),
      skipped: ascendingEntries(readColumn(root.skipped, "u32", batchEntriesMax)),
    };
  },
};

/** What became of a held entry. `skipped`: it was there, of the same size and time, when it was about to be placed. */
export const HeldOutcome = { placed: 0, failed: 1, skipped: 2 } as const;

/** Held entries that are now settled; receiver to sender. */
export interface HeldSettled {
  kind: "heldSettled";
  batches: Uint32Array;
  entries: Uint32Array;
  /** {@linkcode HeldOutcome} of each. */
  outcomes: Uint8Array;
}

export const heldSettled: MessageCodec<HeldSettled> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.HeldSettled);
    writeColumn(root._initBatches(message.batches.length), message.batches);
    writeColumn(root._initEntries(message.entries.length), message.entries);
    writeColumn(root._initOutcomes(message.outcomes.length), message.outcomes);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.HeldSettled);
    const batches = readColumn(root.batches, "u32", settlementEntriesMax);
    const entries = readColumn(root.entries, "u32", settlementEntriesMax);
    const outcomes = readColumn(root.outcomes, "u8", settlementEntriesMax);
    if (entries.length !== batches.length || outcomes.length !== batches.length) {
      throw new RcopyError("protocol", "a settlement has columns of different lengths");
    }
    entries.forEach(entryNumber);
    for (const one of outcomes) {
      if (one > HeldOutcome.skipped) throw outOfRange("a settlement's outcome", one);
    }
    return { kind: "heldSettled", batches, entries, outcomes };
  },
};

/** What of a data connection has been read and is settled or under way; receiver to sender. */
export interface Taken {
  kind: "taken";
  lane: number;
  /** Whole units and their content bytes, since the connection was opened; never smaller than before. */
  units: number;
  bytes: number;
}

export const taken: MessageCodec<Taken> = {
  encode(capnp, { lane, units, bytes }) {
    assign(capnp.initRoot(schema.Taken), { lane, units: BigInt(units), bytes: BigInt(bytes) });
  },
  decode(capnp) {
    const { lane, units, bytes } = capnp.getRoot(schema.Taken);
    return { kind: "taken", lane: laneNumber(lane), units: count(units), bytes: count(bytes) };
  },
};

/** Everything is settled and placed; receiver to sender, last but one. */
export interface Receipt {
  kind: "receipt";
  files: number;
  directories: number;
  links: number;
  bytes: bigint;
  skipped: number;
  failed: number;
  changed: number;
  /** Files that were placed as they were at the scan, and had grown since. */
  grown: number;
  /** Files and links that took the place of others, in all sessions of the transfer; after `dryRun`, that would. */
  replaced: number;
  /** After `dryRun`: files whose content was compared, and is another. */
  differing: number;
  /** Entries in the tree hash, and their sum modulo 2^128 (16 bytes, big-endian). */
  treeCount: number;
  treeSum: Uint8Array;
  durable: boolean;
}

export const receipt: MessageCodec<Receipt> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Receipt);
    assign(root, {
      files: BigInt(message.files),
      directories: BigInt(message.directories),
      links: BigInt(message.links),
      bytes: message.bytes,
      skipped: BigInt(message.skipped),
      failed: BigInt(message.failed),
      changed: BigInt(message.changed),
      grown: BigInt(message.grown),
      replaced: BigInt(message.replaced),
      differing: BigInt(message.differing),
      treeCount: BigInt(message.treeCount),
      durable: message.durable,
    });
    writeColumn(root._initTreeSum(message.treeSum.length), message.treeSum);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Receipt);
    return {
      kind: "receipt",
      files: count(root.files),
      directories: count(root.directories),
      links: count(root.links),
      bytes: root.bytes,
      skipped: count(root.skipped),
      failed: count(root.failed),
      changed: count(root.changed),
      grown: count(root.grown),
      replaced: count(root.replaced),
      differing: count(root.differing),
      treeCount: count(root.treeCount),
      treeSum: exactly(root.treeSum, hashBytes),
      durable: root.durable,
    };
  },
};
