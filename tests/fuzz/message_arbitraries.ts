/** Arbitrary messages of the protocol, valid ones. */
import fc from "fast-check";
import { wireCodeOf } from "../../src/wire/codes.ts";
import * as limits from "../../src/wire/limits.ts";
import type { Manifest } from "../../src/wire/manifest.ts";
import type { Message } from "../../src/wire/message.ts";

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const entry = fc.nat(limits.batchEntriesMax - 1);
const count = fc.nat(Number.MAX_SAFE_INTEGER);
const hash = fc.uint8Array({ minLength: 16, maxLength: 16 });
const emptyOrHash = fc.oneof(fc.constant(new Uint8Array(0)), hash);
/** Text that survives UTF-8 and the cut at the limit. */
const text = fc.string({ unit: "grapheme", maxLength: 100 }).map((value) => value.toWellFormed())
  .filter((value) => new TextEncoder().encode(value).length <= limits.textBytesMax);
const name = fc.uint8Array({ minLength: 1, maxLength: 254 }).map((bytes) =>
  // A letter in front keeps it from being ".", ".." or reserved.
  Uint8Array.from([97, ...bytes.map((byte) => byte === 0 || byte === 0x2f ? 0x2d : byte)]).subarray(0, 255)
);

function ascending(max: number, lengthMax: number): fc.Arbitrary<Uint32Array> {
  return fc.uniqueArray(fc.nat(max), { maxLength: lengthMax })
    .map((values) => Uint32Array.from(values.sort((a, b) => a - b)));
}

function terminated(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part, 0]));
}

const manifestEntry = fc.record({
  kind: fc.constantFrom(1, 2, 3),
  mode: fc.nat(0o777),
  size: fc.bigInt(0n, BigInt(limits.fileBytesMax)),
  seconds: fc.bigInt(-(2n ** 53n) + 1n, 2n ** 53n - 1n),
  nanos: fc.nat(999_999_999),
  name,
  link: fc.uint8Array({ minLength: 1, maxLength: 50, min: 1 }),
  stamp: hash,
});

const manifest: fc.Arbitrary<Manifest> = fc.record({
  batch: u32,
  groups: fc.array(
    fc.record({ directory: u32, entries: fc.array(manifestEntry, { minLength: 1, maxLength: 8 }) }),
    {
      maxLength: 6,
    },
  ),
  closed: fc.array(u32, { maxLength: 5 }),
}).map(({ batch, groups, closed }) => {
  const entries = groups.flatMap((group) => group.entries);
  return {
    kind: "manifest",
    batch,
    groupDirectories: Uint32Array.from(groups, (group) => group.directory),
    groupCounts: Uint32Array.from(groups, (group) => group.entries.length),
    kinds: Uint8Array.from(entries, (one) => one.kind),
    modes: Uint16Array.from(entries, (one) => one.mode),
    sizes: BigUint64Array.from(entries, (one) => one.kind === 1 ? one.size : 0n),
    mtimeSeconds: BigInt64Array.from(entries, (one) => one.seconds),
    mtimeNanos: Uint32Array.from(entries, (one) => one.nanos),
    names: terminated(entries.map((one) => one.name)),
    linkTargets: terminated(entries.filter((one) => one.kind === 3).map((one) => one.link)),
    closed: Uint32Array.from(closed),
    stamps: Uint8Array.from(
      entries.filter((one) => one.kind === 1 && one.size > limits.extentBytes).flatMap((
        one,
      ) => [...one.stamp]),
    ),
  };
});

const anyHello = fc.record({
  kind: fc.constant("hello" as const),
  role: fc.constantFrom("sender" as const, "receiver" as const),
  features: fc.bigInt(0n, 2n ** 64n - 1n),
  software: text,
  streams: fc.integer({ min: 1, max: limits.streamsMax }),
  timeoutMs: fc.integer({ min: 1, max: 0xffff_ffff }),
  mtimeResolutionNs: fc.integer({ min: 1, max: 0xffff_ffff }),
  creditBytes: fc.integer({ min: limits.creditBytesMin, max: limits.creditBytesMax }),
  batchEntries: fc.integer({ min: 1, max: limits.batchEntriesMax }),
  dryRun: fc.boolean(),
  check: fc.boolean(),
  session: emptyOrHash,
  form: fc.constantFrom("contents" as const, "file" as const, "several" as const),
  name: fc.oneof(fc.constant(new Uint8Array(0)), name),
  mode: fc.nat(0o777),
  mtimeSeconds: fc.bigInt(-(2n ** 53n) + 1n, 2n ** 53n - 1n),
  mtimeNanos: fc.nat(999_999_999),
  laneTokens: fc.nat(4).chain((lanes) => fc.uint8Array({ minLength: 16 * lanes, maxLength: 16 * lanes })),
  returnSecret: emptyOrHash,
  returned: fc.boolean(),
  placed: fc.record({
    files: count,
    links: count,
    bytes: count,
    kept: count,
    partial: count,
    sum: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }).map((one) => {
    const bytes = one.files > 0 ? one.bytes : 0;
    const sum = one.files + one.links > 0 ? one.sum : new Uint8Array(0);
    return { ...one, bytes, kept: Math.min(one.kept, bytes), sum };
  }),
});

/** Each role says what is its to say. */
const hello = anyHello.map((one) => {
  const nothing = { mode: 0, mtimeSeconds: 0n, mtimeNanos: 0 };
  const noName = new Uint8Array(0);
  if (one.role === "receiver") return { ...one, ...nothing, form: "contents" as const, name: noName };
  const placed = { files: 0, links: 0, bytes: 0, kept: 0, partial: 0, sum: new Uint8Array(0) };
  const sender = { ...one, creditBytes: 0, batchEntries: 0, dryRun: false, placed };
  if (one.form === "contents") return sender;
  const fileName = one.name.length > 0 ? one.name : Uint8Array.of(97);
  return { ...sender, ...nothing, name: one.form === "file" ? fileName : noName };
});

const port = fc.integer({ min: 1, max: 65_535 });
const listedAddress = fc.oneof(
  fc.record({
    host: fc.constantFrom("192.0.2.7", "2001:db8::1", "nas.example"),
    port: fc.option(port, { nil: undefined }),
  }),
  fc.record({ host: fc.constant(undefined), port }),
);

const nothing = fc.constant(new Uint8Array(0));
const nonce = fc.uint8Array({ minLength: limits.authNonceBytes, maxLength: limits.authNonceBytes });

const authMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant("authStart" as const),
    method: fc.constant("ticket" as const),
    nonce: nothing,
    publicKey: nothing,
  }),
  fc.record({
    kind: fc.constant("authStart" as const),
    method: fc.constant("ssh" as const),
    nonce,
    publicKey: fc.uint8Array({ minLength: 1, maxLength: limits.authKeyBytesMax }),
  }),
  fc.record({ kind: fc.constant("authChallenge" as const), nonce }),
  fc.record({ kind: fc.constant("authProof" as const), secret: hash, signature: nothing }),
  fc.record({
    kind: fc.constant("authProof" as const),
    secret: nothing,
    signature: fc.uint8Array({ minLength: 1, maxLength: limits.authSignatureBytesMax }),
  }),
);

const kept = fc.record({
  batch: u32,
  entry,
  first: u32,
  bitmap: fc.uint8Array({ maxLength: 20 }),
  more: fc.boolean(),
  isBasis: fc.boolean(),
}).chain(({ more, isBasis, ...others }) => {
  const rest = { ...others, ...(isBasis ? { basis: true } : {}) };
  const extents = rest.bitmap.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  return fc.uint8Array({ minLength: 16 * extents, maxLength: 16 * extents })
    .map((hashes) => ({ kind: "kept" as const, ...rest, hashes, more: more && extents > 0 }));
});

const blocks = fc.record({ batch: u32, entry, first: u32, more: fc.boolean(), count: fc.nat(100) })
  .chain(({ more, count, ...rest }) =>
    fc.uint8Array({ minLength: 16 * count, maxLength: 16 * count })
      .map((hashes) => ({ kind: "blocks" as const, ...rest, hashes, more: more && count > 0 }))
  );

const someEntries = ascending(limits.batchEntriesMax - 1, 50);
const comparison: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ batch: u32, entries: someEntries, unread: someEntries })
    .filter(({ entries, unread }) => entries.length + unread.length > 0)
    .chain(({ entries, ...rest }) =>
      fc.uint8Array({ minLength: 16 * entries.length, maxLength: 16 * entries.length })
        .map((hashes) => ({ kind: "fileHashes" as const, entries, ...rest, hashes }))
    ),
  fc.record({
    kind: fc.constant("compared" as const),
    batch: u32,
    equal: someEntries,
    different: someEntries,
  }).filter(({ equal, different }) => equal.length + different.length > 0),
);

/** Every kind of message, on control or in the handshake. */
export const controlMessage: fc.Arbitrary<Message> = fc.oneof(
  hello,
  fc.record({
    kind: fc.constant("join" as const),
    session: hash,
    lane: fc.nat(limits.lanesMax - 1),
    token: hash,
  }),
  fc.record({
    kind: fc.constant("laneRequest" as const),
    count: fc.integer({ min: 1, max: limits.streamsMax }),
  }),
  fc.record({
    kind: fc.constant("laneOffer" as const),
    lane: fc.nat(limits.lanesMax - 1),
    token: hash,
    addresses: fc.array(listedAddress, { maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant("taken" as const),
    lane: fc.nat(limits.lanesMax - 1),
    units: count,
    bytes: count,
  }),
  fc.record({ kind: fc.constant("fileVerified" as const), batch: u32, entry, hash }),
  kept,
  blocks,
  fc.record({
    kind: fc.constant("fileVerified" as const),
    batch: u32,
    entry,
    hash,
    grown: fc.constant(true),
  }),
  comparison,
  manifest,
  fc.record({
    kind: fc.constant("manifestEnd" as const),
    batches: u32,
    entries: count,
    bytes: fc.bigInt(0n, 2n ** 64n - 1n),
  }),
  fc.record({
    kind: fc.constant("credit" as const),
    bytes: fc.integer({ min: 1, max: limits.creditBytesMax }),
  }),
  fc.record({
    kind: fc.constant("wants" as const),
    batch: u32,
    all: fc.constant(false),
    bitmap: fc.uint8Array({ maxLength: limits.batchEntriesMax / 8 }),
    kept: ascending(limits.batchEntriesMax - 1, 50),
    compared: ascending(limits.batchEntriesMax - 1, 50),
  }),
  fc.record({
    kind: fc.constant("wants" as const),
    batch: u32,
    all: fc.constant(true),
    bitmap: fc.constant(new Uint8Array(0)),
    kept: ascending(limits.batchEntriesMax - 1, 50),
    compared: ascending(limits.batchEntriesMax - 1, 50),
  }),
  fc.record({
    kind: fc.constant("failure" as const),
    place: fc.oneof(
      fc.record({ of: fc.constant("entry" as const), batch: u32, entry }),
      fc.record({
        of: fc.constant("name" as const),
        directory: u32,
        name: fc.uint8Array({ maxLength: 300 }),
      }),
    ),
    code: fc.integer({ min: 1, max: 0xffff }),
    text,
  }).filter(({ place, code }) => place.of === "name" || code !== wireCodeOf["not-sent"]),
  fc.record({ kind: fc.constant("resend" as const), batch: u32, entry, extent: u32 }),
  fc.record({
    kind: fc.constant("batchSettled" as const),
    batch: u32,
    failed: ascending(limits.batchEntriesMax - 1, 50),
    held: ascending(limits.batchEntriesMax - 1, 50),
    skipped: ascending(limits.batchEntriesMax - 1, 50),
  }),
  fc.array(fc.record({ batch: u32, entry, outcome: fc.constantFrom(0, 1, 2) }), { maxLength: 40 }).map((
    rows,
  ) => ({
    kind: "heldSettled" as const,
    batches: Uint32Array.from(rows, (row) => row.batch),
    entries: Uint32Array.from(rows, (row) => row.entry),
    outcomes: Uint8Array.from(rows, (row) => row.outcome),
  })),
  fc.record({
    kind: fc.constant("receipt" as const),
    files: count,
    directories: count,
    links: count,
    bytes: fc.bigInt(0n, 2n ** 64n - 1n),
    skipped: count,
    failed: count,
    changed: count,
    grown: count,
    replaced: count,
    differing: count,
    treeCount: count,
    treeSum: hash,
    durable: fc.boolean(),
  }),
  fc.constant({ kind: "joined" as const }),
  fc.constant({ kind: "waiting" as const }),
  fc.record({
    kind: fc.constant("destination" as const),
    wantsAll: fc.boolean(),
    nonce: emptyOrHash,
    hash: emptyOrHash,
    name: fc.oneof(fc.constant(new Uint8Array(0)), name),
  }).filter(({ nonce, hash }) => nonce.length === hash.length),
  fc.record({ kind: fc.constantFrom("ping" as const, "pong" as const), id: u32 }),
  fc.record({ kind: fc.constant("close" as const), code: u16, text }),
  authMessage,
);

/** Messages of data connections that a payload follows. */
export const dataMessage = fc.oneof(
  fc.record({ kind: fc.constant("extent" as const), batch: u32, entry, index: u32 }),
  fc.record({ kind: fc.constant("patch" as const), batch: u32, entry, index: u32, blocks: u32 }),
  fc.record({
    kind: fc.constant("bundle" as const),
    batch: u32,
    entries: ascending(limits.batchEntriesMax - 1, 60).filter((entries) => entries.length > 0),
  }),
  fc.record({
    kind: fc.constant("bundle" as const),
    batch: u32,
    entries: ascending(limits.batchEntriesMax - 1, 1).filter((entries) => entries.length > 0),
    unsized: fc.constant(true),
  }),
  fc.record({
    kind: fc.constant("bundle" as const),
    batch: u32,
    entries: ascending(limits.batchEntriesMax - 1, 60).filter((entries) => entries.length > 0),
  }).map((bundle) => ({ ...bundle, grown: bundle.entries.filter((_, at) => at % 2 === 0) })),
  fc.record({ kind: fc.constant("piece" as const) }),
);

/** What ends a unit. */
export const hashesMessage = fc.record({
  kind: fc.constant("hashes" as const),
  hashes: fc.nat(60).chain((files) => fc.uint8Array({ minLength: 16 * files, maxLength: 16 * files })),
});
