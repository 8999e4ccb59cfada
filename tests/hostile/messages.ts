/** Frames, preambles and messages as `src/wire/PROTOCOL.md` and `schema.capnp` describe them, and nothing else. */
import { crc32 } from "node:zlib";
import { decodeStruct, encodeStruct, type Layout, type Values } from "./capnp.ts";

/** Kind of each frame, and where its fields lie: by the rules of the encoding, from the order in `schema.capnp`. */
export const messages = {
  hello: [1, {
    words: 11,
    pointers: 6,
    fields: {
      role: ["u16", 0],
      features: ["u64", 8],
      software: ["text", 0],
      streams: ["u32", 4],
      timeoutMs: ["u32", 16],
      mtimeResolutionNs: ["u32", 20],
      creditBytes: ["u32", 24],
      batchEntries: ["u32", 28],
      dryRun: ["bool", 16],
      session: ["data", 1],
      laneTokens: ["data", 2],
      form: ["u16", 32],
      name: ["data", 3],
      mode: ["u16", 34],
      mtimeNanos: ["u32", 36],
      mtimeSeconds: ["u64", 40],
      check: ["bool", 17],
      returnSecret: ["data", 4],
      returned: ["bool", 18],
      placedFiles: ["u64", 48],
      placedLinks: ["u64", 56],
      placedBytes: ["u64", 64],
      placedSum: ["data", 5],
      placedKept: ["u64", 72],
      placedPartial: ["u64", 80],
    },
  }],
  destination: [29, {
    words: 1,
    pointers: 3,
    fields: { wantsAll: ["bool", 0], nonce: ["data", 0], hash: ["data", 1], name: ["data", 2] },
  }],
  waiting: [30, { words: 0, pointers: 0, fields: {} }],
  join: [2, {
    words: 1,
    pointers: 2,
    fields: { session: ["data", 0], lane: ["u32", 0], token: ["data", 1] },
  }],
  joined: [24, { words: 0, pointers: 0, fields: {} }],
  manifest: [3, {
    words: 1,
    pointers: 11,
    fields: {
      batch: ["u32", 0],
      groupDirectories: ["u32s", 0],
      groupCounts: ["u32s", 1],
      kinds: ["u8s", 2],
      modes: ["u16s", 3],
      sizes: ["u64s", 4],
      mtimeSeconds: ["i64s", 5],
      mtimeNanos: ["u32s", 6],
      names: ["data", 7],
      linkTargets: ["data", 8],
      closed: ["u32s", 9],
      stamps: ["data", 10],
    },
  }],
  manifestEnd: [4, {
    words: 3,
    pointers: 0,
    fields: { batches: ["u32", 0], entries: ["u64", 8], bytes: ["u64", 16] },
  }],
  credit: [5, { words: 1, pointers: 0, fields: { bytes: ["u32", 0] } }],
  wants: [6, {
    words: 1,
    pointers: 3,
    fields: {
      batch: ["u32", 0],
      all: ["bool", 32],
      bitmap: ["data", 0],
      kept: ["u32s", 1],
      compared: ["u32s", 2],
    },
  }],
  extent: [7, {
    words: 2,
    pointers: 0,
    fields: { batch: ["u32", 0], entry: ["u32", 4], index: ["u32", 8] },
  }],
  patch: [34, {
    words: 2,
    pointers: 0,
    fields: { batch: ["u32", 0], entry: ["u32", 4], index: ["u32", 8], blocks: ["u32", 12] },
  }],
  blocks: [33, {
    words: 2,
    pointers: 1,
    fields: {
      batch: ["u32", 0],
      entry: ["u32", 4],
      first: ["u32", 8],
      hashes: ["data", 0],
      more: ["bool", 96],
    },
  }],
  bundle: [8, {
    words: 1,
    pointers: 2,
    fields: { batch: ["u32", 0], entries: ["u32s", 0], unsized: ["bool", 32], grown: ["u32s", 1] },
  }],
  // In a failure by entry `number` is the batch, in one by name (`which` is 1) the directory.
  failure: [9, {
    words: 2,
    pointers: 2,
    fields: {
      code: ["u16", 0],
      which: ["u16", 2],
      number: ["u32", 4],
      entry: ["u32", 8],
      text: ["text", 0],
      component: ["data", 1],
    },
  }],
  resend: [10, {
    words: 2,
    pointers: 0,
    fields: { batch: ["u32", 0], entry: ["u32", 4], extent: ["u32", 8] },
  }],
  batchSettled: [11, {
    words: 1,
    pointers: 3,
    fields: { batch: ["u32", 0], failed: ["u32s", 0], held: ["u32s", 1], skipped: ["u32s", 2] },
  }],
  heldSettled: [12, {
    words: 0,
    pointers: 3,
    fields: { batches: ["u32s", 0], entries: ["u32s", 1], failed: ["u8s", 2] },
  }],
  receipt: [13, {
    words: 12,
    pointers: 1,
    fields: {
      files: ["u64", 0],
      directories: ["u64", 8],
      links: ["u64", 16],
      bytes: ["u64", 24],
      skipped: ["u64", 32],
      failed: ["u64", 40],
      changed: ["u64", 48],
      treeCount: ["u64", 56],
      treeSum: ["data", 0],
      durable: ["bool", 512],
      grown: ["u64", 72],
      replaced: ["u64", 80],
      differing: ["u64", 88],
    },
  }],
  ping: [14, { words: 1, pointers: 0, fields: { id: ["u32", 0] } }],
  pong: [23, { words: 1, pointers: 0, fields: { id: ["u32", 0] } }],
  close: [15, { words: 1, pointers: 1, fields: { code: ["u16", 0], text: ["text", 0] } }],
  authStart: [16, {
    words: 1,
    pointers: 2,
    fields: { method: ["u16", 0], nonce: ["data", 0], publicKey: ["data", 1] },
  }],
  authProof: [18, { words: 0, pointers: 2, fields: { secret: ["data", 0], signature: ["data", 1] } }],
  laneRequest: [20, { words: 1, pointers: 0, fields: { count: ["u32", 0] } }],
  laneOffer: [21, {
    words: 1,
    pointers: 2,
    fields: { lane: ["u32", 0], token: ["data", 0], addresses: ["data", 1] },
  }],
  taken: [22, {
    words: 3,
    pointers: 0,
    fields: { lane: ["u32", 0], units: ["u64", 8], bytes: ["u64", 16] },
  }],
  piece: [25, { words: 0, pointers: 0, fields: {} }],
  hashes: [26, { words: 0, pointers: 1, fields: { hashes: ["data", 0] } }],
  fileVerified: [27, {
    words: 1,
    pointers: 1,
    fields: { batch: ["u32", 0], entry: ["u32", 4], hash: ["data", 0] },
  }],
  kept: [28, {
    words: 2,
    pointers: 2,
    fields: {
      batch: ["u32", 0],
      entry: ["u32", 4],
      first: ["u32", 8],
      bitmap: ["data", 0],
      hashes: ["data", 1],
      more: ["bool", 96],
      basis: ["bool", 97],
    },
  }],
  fileHashes: [31, {
    words: 1,
    pointers: 3,
    fields: { batch: ["u32", 0], entries: ["u32s", 0], hashes: ["data", 1], unread: ["u32s", 2] },
  }],
  compared: [32, {
    words: 1,
    pointers: 2,
    fields: { batch: ["u32", 0], equal: ["u32s", 0], different: ["u32s", 1] },
  }],
} as const satisfies Record<string, readonly [number, Layout]>;

export type Kind = keyof typeof messages;

/** What came: its kind, its fields, the bytes of its payload, and all bytes but those. */
export interface Arrived {
  kind: Kind;
  values: Values;
  payload: Uint8Array<ArrayBuffer>;
  frameBytes: number;
}

export type PreambleFor = "control" | "data";

/** Opens a connection. */
export function preamble(of: PreambleFor, lowest = 1, highest = 1): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.of(0x89, 0x52, 0x43, 0x50, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, lowest, true);
  view.setUint16(10, highest, true);
  bytes[12] = of === "control" ? 1 : 2;
  return bytes;
}

/** A frame that keeps to the page; what is wrong with it is in its values. */
export function frame(kind: Kind, values: Values = {}, payload = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const [number, layout] = messages[kind];
  return rawFrame(number, encodeStruct(layout, values), payload);
}

/** What a raw frame may say instead of the truth. */
export interface HeaderLies {
  messageBytes?: number;
  payloadBytes?: number;
  reserved?: number;
  crcFlip?: number;
}

/** A frame around any bytes at all, whose header may lie. */
export function rawFrame(
  kind: number,
  message: Uint8Array,
  payload: Uint8Array = new Uint8Array(0),
  lies: HeaderLies = {},
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 + message.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, lies.messageBytes ?? message.length, true);
  view.setUint32(4, lies.payloadBytes ?? payload.length, true);
  view.setUint16(8, kind, true);
  view.setUint16(10, lies.reserved ?? 0, true);
  bytes.set(message, 16);
  bytes.set(payload, 16 + message.length);
  const crc = crc32(bytes.subarray(16, 16 + message.length), crc32(bytes.subarray(0, 12)));
  view.setUint32(12, (crc ^ (lies.crcFlip ?? 0)) >>> 0, true);
  return bytes;
}

const kindOf = new Map<number, Kind>(
  Object.entries(messages).map(([name, [number]]) => [number, name as Kind]),
);

/** Reads what a correct end must have sent. @throws if it did not */
export function parseFrame(head: Uint8Array, message: Uint8Array, payload: Uint8Array<ArrayBuffer>): Arrived {
  const view = new DataView(head.buffer, head.byteOffset, 16);
  const kind = kindOf.get(view.getUint16(8, true));
  if (kind === undefined) throw new Error(`a frame of kind ${view.getUint16(8, true)}`);
  if (view.getUint16(10, true) !== 0) throw new Error("reserved bits are set");
  const crc = crc32(message, crc32(head.subarray(0, 12)));
  if (crc !== view.getUint32(12, true)) throw new Error(`the checksum of a ${kind} is wrong`);
  const table = new DataView(message.buffer, message.byteOffset, 8);
  if (table.getUint32(0, true) !== 0 || table.getUint32(4, true) * 8 + 8 !== message.length) {
    throw new Error(`the segment table of a ${kind} is wrong`);
  }
  const values = decodeStruct(messages[kind][1], message);
  return { kind, values, payload, frameBytes: 16 + message.length };
}
