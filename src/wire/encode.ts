/** From messages to Cap'n Proto. */
import { Message as CapnpMessage, type Struct } from "./capnp.ts";
import { textBytesMax } from "./limits.ts";
import type { Message } from "./messages.ts";
import * as schema from "./schema.ts";
import { writeColumn } from "./column.ts";

/** A Cap'n Proto stream message (segment table and one segment). */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const capnp = new CapnpMessage();
  fill(capnp, message);
  return new Uint8Array(capnp.toArrayBuffer());
}

function fill(capnp: CapnpMessage, message: Message): void {
  switch (message.kind) {
    case "hello":
      return fillHello(capnp.initRoot(schema.Hello), message);
    case "join": {
      const root = capnp.initRoot(schema.Join);
      root.lane = message.lane;
      writeColumn(root._initSession(message.session.length), message.session);
      writeColumn(root._initToken(message.token.length), message.token);
      return;
    }
    case "manifest":
      return fillManifest(capnp.initRoot(schema.Manifest), message);
    case "manifestEnd":
      return assign(capnp.initRoot(schema.ManifestEnd), {
        batches: message.batches,
        entries: BigInt(message.entries),
        bytes: message.bytes,
      });
    case "credit":
      return assign(capnp.initRoot(schema.Credit), { bytes: message.bytes });
    case "wants": {
      const root = capnp.initRoot(schema.Wants);
      assign(root, { batch: message.batch, all: message.all });
      writeColumn(root._initBitmap(message.bitmap.length), message.bitmap);
      return;
    }
    case "extent": {
      const root = capnp.initRoot(schema.Extent);
      const { batch, entry, index, fileVerified } = message;
      assign(root, { batch, entry, index, fileVerified });
      writeColumn(root._initHash(message.hash.length), message.hash);
      return;
    }
    case "bundle": {
      const root = capnp.initRoot(schema.Bundle);
      root.batch = message.batch;
      writeColumn(root._initEntries(message.entries.length), message.entries);
      writeColumn(root._initHashes(message.hashes.length), message.hashes);
      return;
    }
    case "failure":
      return fillFailure(capnp.initRoot(schema.Failure), message);
    case "resend":
      return assign(capnp.initRoot(schema.Resend), {
        batch: message.batch,
        entry: message.entry,
        extent: message.extent,
      });
    case "batchSettled": {
      const root = capnp.initRoot(schema.BatchSettled);
      root.batch = message.batch;
      writeColumn(root._initFailed(message.failed.length), message.failed);
      writeColumn(root._initHeld(message.held.length), message.held);
      return;
    }
    case "heldSettled": {
      const root = capnp.initRoot(schema.HeldSettled);
      writeColumn(root._initBatches(message.batches.length), message.batches);
      writeColumn(root._initEntries(message.entries.length), message.entries);
      writeColumn(root._initFailed(message.failed.length), message.failed);
      return;
    }
    case "receipt":
      return fillReceipt(capnp.initRoot(schema.Receipt), message);
    case "ping":
      capnp.initRoot(schema.Ping);
      return;
    case "close":
      return assign(capnp.initRoot(schema.Close), { code: message.code, text: clipped(message.text) });
    case "laneRequest":
      return assign(capnp.initRoot(schema.LaneRequest), { count: message.count });
    case "laneOffer": {
      const root = capnp.initRoot(schema.LaneOffer);
      assign(root, { lane: message.lane, port: message.port });
      writeColumn(root._initToken(message.token.length), message.token);
      return;
    }
    case "framesTaken":
      return assign(capnp.initRoot(schema.FramesTaken), {
        lane: message.lane,
        frames: BigInt(message.frames),
      });
    case "authStart": {
      const root = capnp.initRoot(schema.AuthStart);
      root.method = message.method === "ssh" ? schema.AuthMethod.SSH : schema.AuthMethod.TICKET;
      writeColumn(root._initNonce(message.nonce.length), message.nonce);
      writeColumn(root._initPublicKey(message.publicKey.length), message.publicKey);
      return;
    }
    case "authChallenge":
      return writeColumn(
        capnp.initRoot(schema.AuthChallenge)._initNonce(message.nonce.length),
        message.nonce,
      );
    case "authProof": {
      const root = capnp.initRoot(schema.AuthProof);
      writeColumn(root._initSecret(message.secret.length), message.secret);
      writeColumn(root._initSignature(message.signature.length), message.signature);
      return;
    }
  }
}

function fillHello(root: schema.Hello, message: Message & { kind: "hello" }): void {
  assign(root, {
    role: message.role === "sender" ? schema.Role.SENDER : schema.Role.RECEIVER,
    features: message.features,
    software: clipped(message.software),
    streams: message.streams,
    timeoutMs: message.timeoutMs,
    mtimeResolutionNs: message.mtimeResolutionNs,
    creditBytes: message.creditBytes,
    batchEntries: message.batchEntries,
    wantsAll: message.wantsAll,
  });
  writeColumn(root._initDestinationNonce(message.destinationNonce.length), message.destinationNonce);
  writeColumn(root._initDestinationHash(message.destinationHash.length), message.destinationHash);
  writeColumn(root._initSession(message.session.length), message.session);
  writeColumn(root._initLaneTokens(message.laneTokens.length), message.laneTokens);
}

function fillManifest(root: schema.Manifest, message: Message & { kind: "manifest" }): void {
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
}

function fillFailure(root: schema.Failure, message: Message & { kind: "failure" }): void {
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
}

function fillReceipt(root: schema.Receipt, message: Message & { kind: "receipt" }): void {
  assign(root, {
    files: BigInt(message.files),
    directories: BigInt(message.directories),
    links: BigInt(message.links),
    bytes: message.bytes,
    skipped: BigInt(message.skipped),
    failed: BigInt(message.failed),
    changed: BigInt(message.changed),
    treeCount: BigInt(message.treeCount),
    durable: message.durable,
  });
  writeColumn(root._initTreeSum(message.treeSum.length), message.treeSum);
}

function assign<T extends Struct>(root: T, values: Partial<T>): void {
  Object.assign(root, values);
}

/** Text cut so that its UTF-8 keeps within the protocol's limit, never inside a character. */
function clipped(text: string): string {
  const bytes = new Uint8Array(textBytesMax);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read).toWellFormed();
}
