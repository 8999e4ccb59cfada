/** The first messages of a connection: `Hello` on control, `Join` and `Joined` on a data connection. */
import { RcopyError } from "../base/errors.ts";
import { readColumn, writeColumn } from "./column.ts";
import {
  assign,
  cappedText,
  clipped,
  emptyOr,
  exactly,
  laneNumber,
  type MessageCodec,
  outOfRange,
} from "./fields.ts";
import {
  batchEntriesMax,
  creditBytesMax,
  creditBytesMin,
  hashBytes,
  streamsMax,
  tokenBytes,
} from "./limits.ts";
import * as schema from "./schema.ts";

/** Who has the files, and who wants them. */
export type Role = "sender" | "receiver";

/** First message on control, from each end: the opener first, the acceptor answers. */
export interface Hello {
  kind: "hello";
  role: Role;
  /** Bit set of optional features; unknown bits are ignored, a feature is used when both ends announce it. */
  features: bigint;
  /** What the peer calls itself; at most `textBytesMax`. */
  software: string;
  /** Most data connections this end accepts, 1 to `streamsMax`; the smaller of both ends' counts. */
  streams: number;
  /** Milliseconds without a byte after which this end gives up; pings go every third of the smaller one. */
  timeoutMs: number;
  /** Step of file times in nanoseconds that this end can keep. */
  mtimeResolutionNs: number;
  /** Receiver: manifest bytes granted at first, `creditBytesMin` to `creditBytesMax`. Sender: 0. */
  creditBytes: number;
  /** Receiver: most entries in a batch, 1 to `batchEntriesMax`. Sender: 0. */
  batchEntries: number;
  /** Receiver: the destination is empty, everything is wanted, no `wants` will come. */
  wantsAll: boolean;
  /** Receiver: nothing is made and nothing wanted, no `wants` will come, and no content is due. */
  dryRun: boolean;
  /** Receiver: 16 random bytes and the keyed hash of its destination's device, inode and boot id; both empty when unknown. */
  destinationNonce: Uint8Array;
  destinationHash: Uint8Array;
  /** Offerer: 16 bytes that name the session. Requester: empty. */
  session: Uint8Array;
  /** Offerer: one token a data connection (`tokenBytes` each, concatenated). Requester: empty. */
  laneTokens: Uint8Array;
}

export const hello: MessageCodec<Hello> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Hello);
    const { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries, wantsAll, dryRun } =
      message;
    assign(root, {
      features,
      streams,
      timeoutMs,
      mtimeResolutionNs,
      creditBytes,
      batchEntries,
      wantsAll,
      dryRun,
    });
    root.role = message.role === "sender" ? schema.Role.SENDER : schema.Role.RECEIVER;
    root.software = clipped(message.software);
    writeColumn(root._initDestinationNonce(message.destinationNonce.length), message.destinationNonce);
    writeColumn(root._initDestinationHash(message.destinationHash.length), message.destinationHash);
    writeColumn(root._initSession(message.session.length), message.session);
    writeColumn(root._initLaneTokens(message.laneTokens.length), message.laneTokens);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Hello);
    const role = roleOf(root.role);
    checkNumbers(root, role);
    const laneTokens = readColumn(root.laneTokens, "u8", tokenBytes * streamsMax).slice();
    if (laneTokens.length % tokenBytes !== 0) throw outOfRange("laneTokens", laneTokens.length);
    const { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries, wantsAll, dryRun } =
      root;
    return {
      kind: "hello",
      role,
      features,
      software: cappedText(root.software),
      streams,
      timeoutMs,
      mtimeResolutionNs,
      creditBytes,
      batchEntries,
      wantsAll,
      dryRun,
      destinationNonce: emptyOr(root.destinationNonce, hashBytes),
      destinationHash: emptyOr(root.destinationHash, hashBytes),
      session: emptyOr(root.session, tokenBytes),
      laneTokens,
    };
  },
};

function roleOf(role: schema.Role): Role {
  if (role === schema.Role.SENDER) return "sender";
  if (role === schema.Role.RECEIVER) return "receiver";
  throw outOfRange("role", role);
}

function checkNumbers(root: schema.Hello, role: Role): void {
  const { streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries } = root;
  if (streams < 1 || streams > streamsMax) throw outOfRange("streams", streams);
  if (timeoutMs < 1) throw outOfRange("timeoutMs", timeoutMs);
  if (mtimeResolutionNs < 1) throw outOfRange("mtimeResolutionNs", mtimeResolutionNs);
  if (role === "sender") return;
  if (creditBytes < creditBytesMin || creditBytes > creditBytesMax) {
    throw outOfRange("creditBytes", creditBytes);
  }
  if (root.wantsAll && root.dryRun) {
    throw new RcopyError("protocol", "a receiver wants everything in a dry run");
  }
  if (batchEntries < 1 || batchEntries > batchEntriesMax) throw outOfRange("batchEntries", batchEntries);
}

/** First message of the opener on a data connection. */
export interface Join {
  kind: "join";
  session: Uint8Array;
  lane: number;
  token: Uint8Array;
}

export const join: MessageCodec<Join> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Join);
    root.lane = message.lane;
    writeColumn(root._initSession(message.session.length), message.session);
    writeColumn(root._initToken(message.token.length), message.token);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Join);
    return {
      kind: "join",
      session: exactly(root.session, tokenBytes),
      lane: laneNumber(root.lane),
      token: exactly(root.token, tokenBytes),
    };
  },
};

/** The acceptor's first message on a data connection: its `join` is accepted. */
export interface Joined {
  kind: "joined";
}

export const joined: MessageCodec<Joined> = {
  encode(capnp) {
    capnp.initRoot(schema.Joined);
  },
  decode() {
    return { kind: "joined" };
  },
};
