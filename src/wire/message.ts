/**
 * Every message of the protocol: its number, its family, and how it is written and read. `PROTOCOL.md` says in words
 * what each means and when it may be sent.
 */
import { Message as CapnpMessage } from "./capnp.ts";
import { RcopyError } from "../base/errors.ts";
import { type Close, close, type Ping, ping, type Pong, pong } from "./closing.ts";
import { boundSegment } from "./column.ts";
import {
  type Blocks,
  blocks,
  type Bundle,
  bundle,
  type Compared,
  compared,
  type Extent,
  extent,
  type FileHashes,
  fileHashes,
  type FileVerified,
  fileVerified,
  type Hashes,
  hashes,
  type Kept,
  kept,
  type Patch,
  patch,
  type Piece,
  piece,
} from "./data.ts";
import type { MessageCodec } from "./fields.ts";
import {
  type Destination,
  destination,
  type Hello,
  hello,
  type Join,
  join,
  type Joined,
  joined,
  type Waiting,
  waiting,
} from "./hello.ts";
import { type LaneOffer, laneOffer, type LaneRequest, laneRequest } from "./lanes.ts";
import { segmentsMax } from "./limits.ts";
import {
  type Credit,
  credit,
  type Manifest,
  manifest,
  type ManifestEnd,
  manifestEnd,
  type Wants,
  wants,
} from "./manifest.ts";
import {
  type AuthChallenge,
  authChallenge,
  type AuthProof,
  authProof,
  type AuthStart,
  authStart,
} from "./proof.ts";
import {
  type BatchSettled,
  batchSettled,
  type Failure,
  failure,
  type HeldSettled,
  heldSettled,
  type Receipt,
  receipt,
  type Resend,
  resend,
  type Taken,
  taken,
} from "./settlement.ts";

/** Number of each message in the frame header. */
export const FrameKind = {
  hello: 1,
  join: 2,
  manifest: 3,
  manifestEnd: 4,
  credit: 5,
  wants: 6,
  extent: 7,
  bundle: 8,
  failure: 9,
  resend: 10,
  batchSettled: 11,
  heldSettled: 12,
  receipt: 13,
  ping: 14,
  close: 15,
  authStart: 16,
  authChallenge: 17,
  authProof: 18,
  laneRequest: 20,
  laneOffer: 21,
  taken: 22,
  pong: 23,
  joined: 24,
  piece: 25,
  hashes: 26,
  fileVerified: 27,
  kept: 28,
  destination: 29,
  waiting: 30,
  fileHashes: 31,
  compared: 32,
  blocks: 33,
  patch: 34,
} as const;
export type FrameKind = typeof FrameKind[keyof typeof FrameKind];

export type Message =
  | Hello
  | Join
  | Joined
  | Manifest
  | ManifestEnd
  | Credit
  | Wants
  | Extent
  | Bundle
  | Failure
  | Resend
  | BatchSettled
  | HeldSettled
  | Receipt
  | Ping
  | Pong
  | Close
  | AuthStart
  | AuthChallenge
  | AuthProof
  | LaneRequest
  | LaneOffer
  | Taken
  | Piece
  | Hashes
  | FileVerified
  | Kept
  | Destination
  | Waiting
  | FileHashes
  | Compared
  | Blocks
  | Patch;

/** The message of each kind. */
type MessageOf = { [M in Message as M["kind"]]: M };

/** How each message is written and read. */
const codecs: { readonly [K in keyof MessageOf]: MessageCodec<MessageOf[K]> } = {
  hello,
  join,
  joined,
  manifest,
  manifestEnd,
  credit,
  wants,
  extent,
  bundle,
  failure,
  resend,
  batchSettled,
  heldSettled,
  receipt,
  ping,
  pong,
  close,
  authStart,
  authChallenge,
  authProof,
  laneRequest,
  laneOffer,
  taken,
  piece,
  hashes,
  fileVerified,
  kept,
  destination,
  waiting,
  fileHashes,
  compared,
  blocks,
  patch,
};

const kindNames = new Map<number, Message["kind"]>(
  (Object.keys(codecs) as Message["kind"][]).map((name) => [FrameKind[name], name]),
);

/** The message of a frame kind; undefined for a number that is no kind. */
export function kindName(kind: number): Message["kind"] | undefined {
  return kindNames.get(kind);
}

/** A Cap'n Proto stream message (segment table and one segment). */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const capnp = new CapnpMessage();
  fill(capnp, message.kind, message);
  return new Uint8Array(capnp.toArrayBuffer());
}

function fill<K extends keyof MessageOf>(capnp: CapnpMessage, kind: K, message: MessageOf[K]): void {
  codecs[kind].encode(capnp, message);
}

/**
 * The message in a Cap'n Proto stream message, which must start at an offset of its buffer that is a multiple of 8.
 * @throws {RcopyError} `protocol`, whatever the parser throws; `name-unsafe`
 */
export function decodeCapnp(kind: FrameKind, bytes: Uint8Array<ArrayBuffer>): Message {
  checkSegmentTable(bytes);
  try {
    const message = new CapnpMessage(bytes.buffer, false);
    boundSegment(message, bytes.length - 8);
    return codecs[kindNames.get(kind)!].decode(message);
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
  if (segments !== segmentsMax) {
    throw new RcopyError("protocol", `a message has ${segments} segments instead of ${segmentsMax}`);
  }
  const words = view.getUint32(4, true);
  if (words * 8 + 8 !== bytes.length) {
    throw new RcopyError("protocol", `a message of ${bytes.length} bytes claims a segment of ${words} words`);
  }
}
