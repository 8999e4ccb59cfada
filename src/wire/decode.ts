/** From Cap'n Proto to messages. Nothing is believed before it has been checked against `limits.ts`. */
import { Message as CapnpMessage } from "./capnp.ts";
import { RcopyError } from "../base/errors.ts";
import { boundSegment, readColumn } from "./column.ts";
import { decodeManifest } from "./decode_manifest.ts";
import * as limits from "./limits.ts";
import { FrameKind, type Message } from "./messages.ts";
import * as schema from "./schema.ts";

const { batchEntriesMax, bundleFilesMax, tokenBytes, textBytesMax } = limits;
const hashBytes = 16;
const encoder = new TextEncoder();
/** Where a text must fit. */
const textRoom = new Uint8Array(textBytesMax);

/**
 * The message in a Cap'n Proto stream message, which must start at an offset of its buffer that is a multiple of 8.
 * @throws {RcopyError} `protocol`, whatever the parser throws
 */
export function decodeCapnp(kind: FrameKind, bytes: Uint8Array<ArrayBuffer>): Message {
  checkSegmentTable(bytes);
  try {
    const message = new CapnpMessage(bytes.buffer, false);
    boundSegment(message, bytes.length - 8);
    return decodeRoot(kind, message);
  } catch (cause) {
    if (cause instanceof RcopyError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RcopyError("protocol", `the peer sent a damaged message: ${reason.slice(0, 200)}`, { cause });
  }
}

/** One segment, which fills the message. */
function checkSegmentTable(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteOffset !== 0 || bytes.byteLength !== bytes.buffer.byteLength || bytes.length < 16) {
    throw new RcopyError("protocol", `a message has ${bytes.length} bytes`);
  }
  const segments = view.getUint32(0, true) + 1;
  if (segments !== limits.segmentsMax) {
    throw new RcopyError("protocol", `a message has ${segments} segments instead of ${limits.segmentsMax}`);
  }
  const words = view.getUint32(4, true);
  if (words * 8 + 8 !== bytes.length) {
    throw new RcopyError("protocol", `a message of ${bytes.length} bytes claims a segment of ${words} words`);
  }
}

function decodeRoot(kind: FrameKind, capnp: CapnpMessage): Message {
  switch (kind) {
    case FrameKind.hello:
      return decodeHello(capnp.getRoot(schema.Hello));
    case FrameKind.join: {
      const root = capnp.getRoot(schema.Join);
      return {
        kind: "join",
        session: exactly(root.session, tokenBytes),
        lane: laneNumber(root.lane),
        token: exactly(root.token, tokenBytes),
      };
    }
    case FrameKind.manifest:
      return decodeManifest(capnp.getRoot(schema.Manifest));
    case FrameKind.manifestEnd: {
      const root = capnp.getRoot(schema.ManifestEnd);
      return { kind: "manifestEnd", batches: root.batches, entries: count(root.entries), bytes: root.bytes };
    }
    case FrameKind.credit: {
      const { bytes } = capnp.getRoot(schema.Credit);
      if (bytes === 0 || bytes > limits.creditBytesMax) throw outOfRange("credit", bytes);
      return { kind: "credit", bytes };
    }
    case FrameKind.wants: {
      const root = capnp.getRoot(schema.Wants);
      const bitmap = readColumn(root.bitmap, "u8", batchEntriesMax / 8).slice();
      if (root.all && bitmap.length > 0) {
        throw new RcopyError("protocol", "wants has a bitmap though it wants all");
      }
      return { kind: "wants", batch: root.batch, all: root.all, bitmap };
    }
    case FrameKind.extent: {
      const root = capnp.getRoot(schema.Extent);
      const { batch, index, fileVerified } = root;
      return {
        kind: "extent",
        batch,
        entry: entryNumber(root.entry),
        index,
        hash: exactly(root.hash, hashBytes),
        fileVerified,
      };
    }
    case FrameKind.bundle:
      return decodeBundle(capnp.getRoot(schema.Bundle));
    case FrameKind.failure:
      return decodeFailure(capnp.getRoot(schema.Failure));
    case FrameKind.resend: {
      const root = capnp.getRoot(schema.Resend);
      return { kind: "resend", batch: root.batch, entry: entryNumber(root.entry), extent: root.extent };
    }
    case FrameKind.batchSettled: {
      const root = capnp.getRoot(schema.BatchSettled);
      return {
        kind: "batchSettled",
        batch: root.batch,
        failed: ascendingEntries(readColumn(root.failed, "u32", batchEntriesMax)),
        held: ascendingEntries(readColumn(root.held, "u32", batchEntriesMax)),
      };
    }
    case FrameKind.heldSettled:
      return decodeHeldSettled(capnp.getRoot(schema.HeldSettled));
    case FrameKind.receipt:
      return decodeReceipt(capnp.getRoot(schema.Receipt));
    case FrameKind.ping:
      return { kind: "ping" };
    case FrameKind.close: {
      const root = capnp.getRoot(schema.Close);
      return { kind: "close", code: root.code, text: cappedText(root.text) };
    }
    case FrameKind.laneRequest: {
      const lanes = capnp.getRoot(schema.LaneRequest).count;
      if (lanes < 1 || lanes > limits.streamsMax) throw outOfRange("the number of data connections", lanes);
      return { kind: "laneRequest", count: lanes };
    }
    case FrameKind.laneOffer: {
      const root = capnp.getRoot(schema.LaneOffer);
      return {
        kind: "laneOffer",
        lane: laneNumber(root.lane),
        port: root.port,
        token: exactly(root.token, limits.tokenBytes),
      };
    }
    case FrameKind.framesTaken: {
      const root = capnp.getRoot(schema.FramesTaken);
      return { kind: "framesTaken", lane: laneNumber(root.lane), frames: count(root.frames) };
    }
    case FrameKind.authStart:
      return decodeAuthStart(capnp.getRoot(schema.AuthStart));
    case FrameKind.authChallenge: {
      const { nonce } = capnp.getRoot(schema.AuthChallenge);
      return { kind: "authChallenge", nonce: exactly(nonce, limits.authNonceBytes) };
    }
    case FrameKind.authProof: {
      const root = capnp.getRoot(schema.AuthProof);
      const secret = emptyOr(root.secret, limits.authSecretBytes);
      const signature = readColumn(root.signature, "u8", limits.authSignatureBytesMax).slice();
      if ((secret.length > 0) === (signature.length > 0)) {
        throw new RcopyError("protocol", "a proof is a secret or a signature, one of them");
      }
      return { kind: "authProof", secret, signature };
    }
  }
}

function decodeHello(root: schema.Hello): Message {
  if (root.role !== schema.Role.SENDER && root.role !== schema.Role.RECEIVER) {
    throw outOfRange("role", root.role);
  }
  const isReceiver = root.role === schema.Role.RECEIVER;
  const { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries, wantsAll } = root;
  if (streams < 1 || streams > limits.streamsMax) throw outOfRange("streams", streams);
  if (timeoutMs < 1) throw outOfRange("timeoutMs", timeoutMs);
  if (mtimeResolutionNs < 1) throw outOfRange("mtimeResolutionNs", mtimeResolutionNs);
  if (isReceiver) {
    if (creditBytes < limits.creditBytesMin || creditBytes > limits.creditBytesMax) {
      throw outOfRange("creditBytes", creditBytes);
    }
    if (batchEntries < 1 || batchEntries > batchEntriesMax) throw outOfRange("batchEntries", batchEntries);
  }
  const laneTokens = readColumn(root.laneTokens, "u8", tokenBytes * limits.streamsMax).slice();
  if (laneTokens.length % tokenBytes !== 0) throw outOfRange("laneTokens", laneTokens.length);
  return {
    kind: "hello",
    role: isReceiver ? "receiver" : "sender",
    features,
    software: cappedText(root.software),
    streams,
    timeoutMs,
    mtimeResolutionNs,
    creditBytes,
    batchEntries,
    wantsAll,
    destinationNonce: emptyOr(root.destinationNonce, hashBytes),
    destinationHash: emptyOr(root.destinationHash, hashBytes),
    session: emptyOr(root.session, tokenBytes),
    laneTokens,
  };
}

function decodeAuthStart(root: schema.AuthStart): Message {
  const isSsh = root.method === schema.AuthMethod.SSH;
  if (!isSsh && root.method !== schema.AuthMethod.TICKET) {
    throw outOfRange("the method of proof", root.method);
  }
  const nonce = emptyOr(root.nonce, limits.authNonceBytes);
  const publicKey = readColumn(root.publicKey, "u8", limits.authKeyBytesMax).slice();
  if ((nonce.length > 0) !== isSsh || (publicKey.length > 0) !== isSsh) {
    throw new RcopyError("protocol", "a nonce and a key belong to a proof by signature, and to no other");
  }
  return { kind: "authStart", method: isSsh ? "ssh" : "ticket", nonce, publicKey };
}

function decodeBundle(root: schema.Bundle): Message {
  const entries = ascendingEntries(readColumn(root.entries, "u32", bundleFilesMax));
  const hashes = readColumn(root.hashes, "u8", bundleFilesMax * hashBytes);
  if (entries.length === 0 || hashes.length !== entries.length * hashBytes) {
    throw new RcopyError(
      "protocol",
      `a bundle has ${entries.length} files and ${hashes.length} bytes of hashes`,
    );
  }
  return { kind: "bundle", batch: root.batch, entries, hashes };
}

function decodeFailure(root: schema.Failure): Message {
  const { code, place } = root;
  const text = cappedText(root.text);
  switch (place.which()) {
    case schema.Failure_Place.ENTRY: {
      const { batch, index } = place.entry;
      return { kind: "failure", place: { of: "entry", batch, entry: entryNumber(index) }, code, text };
    }
    case schema.Failure_Place.NAME: {
      const { directory } = place.name;
      // Only shown, escaped, and never used as a name: any bytes will do.
      const name = readColumn(place.name.component, "u8", limits.failureNameBytesMax).slice();
      return { kind: "failure", place: { of: "name", directory, name }, code, text };
    }
    default:
      throw new RcopyError("protocol", "a failure names neither an entry nor a name");
  }
}

function decodeHeldSettled(root: schema.HeldSettled): Message {
  const batches = readColumn(root.batches, "u32", limits.settlementEntriesMax);
  const entries = readColumn(root.entries, "u32", limits.settlementEntriesMax);
  const failed = readColumn(root.failed, "u8", limits.settlementEntriesMax);
  if (entries.length !== batches.length || failed.length !== batches.length) {
    throw new RcopyError("protocol", "a settlement has columns of different lengths");
  }
  entries.forEach(entryNumber);
  for (const flag of failed) if (flag > 1) throw outOfRange("a settlement's outcome", flag);
  return { kind: "heldSettled", batches, entries, failed };
}

function decodeReceipt(root: schema.Receipt): Message {
  return {
    kind: "receipt",
    files: count(root.files),
    directories: count(root.directories),
    links: count(root.links),
    bytes: root.bytes,
    skipped: count(root.skipped),
    failed: count(root.failed),
    changed: count(root.changed),
    treeCount: count(root.treeCount),
    treeSum: exactly(root.treeSum, hashBytes),
    durable: root.durable,
  };
}

// ---- checks

function outOfRange(what: string, value: number | bigint): RcopyError {
  return new RcopyError("protocol", `${what} is ${value}, which is out of range`);
}

function count(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw outOfRange("a count", value);
  return Number(value);
}

function entryNumber(entry: number): number {
  if (entry >= batchEntriesMax) throw outOfRange("an entry number", entry);
  return entry;
}

function laneNumber(lane: number): number {
  if (lane >= limits.lanesMax) throw outOfRange("lane", lane);
  return lane;
}

function ascendingEntries(entries: Uint32Array): Uint32Array {
  for (let i = 0; i < entries.length; i++) {
    entryNumber(entries[i]!);
    if (i > 0 && entries[i]! <= entries[i - 1]!) {
      throw new RcopyError("protocol", "entry numbers do not ascend");
    }
  }
  return entries;
}

function exactly(data: schema.Join["session"], bytes: number): Uint8Array {
  const column = readColumn(data, "u8", bytes).slice();
  if (column.length !== bytes) throw outOfRange("the length of a hash or token", column.length);
  return column;
}

function emptyOr(data: schema.Join["session"], bytes: number): Uint8Array {
  const column = readColumn(data, "u8", bytes).slice();
  if (column.length !== 0 && column.length !== bytes) {
    throw outOfRange("the length of a hash or token", column.length);
  }
  return column;
}

/** Text within the limit of the protocol; bytes that are not UTF-8 count as the character that stands for them. */
function cappedText(text: string): string {
  const { read } = encoder.encodeInto(text, textRoom);
  if (read < text.length) throw outOfRange("the length of a text", text.length);
  return text;
}
