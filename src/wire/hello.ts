/** The first messages of a connection: `Hello`, `Destination` and `Waiting` on control, `Join` and `Joined` on a data connection. */
import { RcopyError } from "../base/errors.ts";
import { showName } from "../base/show.ts";
import { nameBytesMax, whyUnsafeName } from "../entry/name.ts";
import { readColumn, writeColumn } from "./column.ts";
import {
  assign,
  cappedText,
  clipped,
  count,
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

/** What a sender brings: the contents of one directory, one file, or several entries under their names. */
export type Form = "contents" | "file" | "several";

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
  /** Receiver: nothing is made and nothing wanted, no `wants` will come, and no content is due. */
  dryRun: boolean;
  /** This end wishes that content is compared; it is if either end does. */
  check: boolean;
  /** Offerer: 16 bytes that name the session. Requester: empty. */
  session: Uint8Array;
  /** Offerer: one token a data connection (`tokenBytes` each, concatenated). Requester: empty. */
  laneTokens: Uint8Array;
  /** Sender: what it brings. Receiver: `contents`. */
  form: Form;
  /** Sender: last component of the real path of the directory or file, a safe one; empty where it has none. Receiver: empty. */
  name: Uint8Array;
  /** Sender, of a directory whose contents it brings: its mode, at most 0o777, and its time. Otherwise 0. */
  mode: number;
  mtimeSeconds: bigint;
  mtimeNanos: number;
  /** Offerer: 16 random bytes by which the requester may come back. Requester: those of the session that it lost, or empty. */
  returnSecret: Uint8Array;
  /** Offerer: the secret was right, and the session goes on with the same transfer. Requester: false. */
  returned: boolean;
  /** Receiver: what the sessions of this transfer that were lost have placed. Sender: nothing. */
  placed: PlacedBefore;
}

/** Files and links that earlier sessions of a transfer placed; directories count in each session anew. */
export interface PlacedBefore {
  files: number;
  links: number;
  /** Content bytes of the files. */
  bytes: number;
  /** Of these bytes, those that were there from an earlier run. */
  kept: number;
  /** Content bytes that came for files which are not complete yet. */
  partial: number;
  /** Sum of the entry hashes of files and links, as in a receipt; empty where there are none. */
  sum: Uint8Array;
}

export const nothingPlaced: PlacedBefore = {
  files: 0,
  links: 0,
  bytes: 0,
  kept: 0,
  partial: 0,
  sum: new Uint8Array(0),
};

const forms = ["contents", "file", "several"] as const satisfies readonly Form[];
const modeMax = 0o777;
const nanosMax = 999_999_999;
const secondsMax = BigInt(Number.MAX_SAFE_INTEGER);

export const hello: MessageCodec<Hello> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Hello);
    const { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries } = message;
    assign(root, { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries });
    const { dryRun, check, mode, mtimeSeconds, mtimeNanos } = message;
    assign(root, { dryRun, check, mode, mtimeSeconds, mtimeNanos });
    root.role = message.role === "sender" ? schema.Role.SENDER : schema.Role.RECEIVER;
    root.software = clipped(message.software);
    root.form = forms.indexOf(message.form) as schema.Form;
    writeColumn(root._initName(message.name.length), message.name);
    writeColumn(root._initSession(message.session.length), message.session);
    writeColumn(root._initLaneTokens(message.laneTokens.length), message.laneTokens);
    writeColumn(root._initReturnSecret(message.returnSecret.length), message.returnSecret);
    root.returned = message.returned;
    const { files, links, bytes, kept, partial, sum } = message.placed;
    root.placedFiles = BigInt(files);
    root.placedLinks = BigInt(links);
    root.placedBytes = BigInt(bytes);
    root.placedKept = BigInt(kept);
    root.placedPartial = BigInt(partial);
    writeColumn(root._initPlacedSum(sum.length), sum);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Hello);
    const role = roleOf(root.role);
    checkNumbers(root, role);
    const laneTokens = readColumn(root.laneTokens, "u8", tokenBytes * streamsMax).slice();
    if (laneTokens.length % tokenBytes !== 0) throw outOfRange("laneTokens", laneTokens.length);
    const { features, streams, timeoutMs, mtimeResolutionNs, creditBytes, batchEntries } = root;
    const { dryRun, check } = root;
    const message: Hello = {
      kind: "hello",
      role,
      features,
      software: cappedText(root.software),
      streams,
      timeoutMs,
      mtimeResolutionNs,
      creditBytes,
      batchEntries,
      dryRun,
      check,
      session: emptyOr(root.session, tokenBytes),
      laneTokens,
      ...offerOf(root),
      returnSecret: emptyOr(root.returnSecret, tokenBytes),
      returned: root.returned,
      placed: {
        files: count(root.placedFiles),
        links: count(root.placedLinks),
        bytes: count(root.placedBytes),
        kept: count(root.placedKept),
        partial: count(root.placedPartial),
        sum: emptyOr(root.placedSum, hashBytes),
      },
    };
    checkRole(message);
    checkPlaced(message);
    return message;
  },
};

/** What a sender says of its files; of a receiver it is all empty. */
function offerOf(root: schema.Hello): Pick<Hello, "form" | "name" | "mode" | "mtimeSeconds" | "mtimeNanos"> {
  const { mode, mtimeSeconds, mtimeNanos } = root;
  const form = forms[root.form];
  if (form === undefined) throw outOfRange("form", root.form);
  if (mode > modeMax) throw outOfRange("mode", mode);
  if (mtimeNanos > nanosMax) throw outOfRange("mtimeNanos", mtimeNanos);
  if (mtimeSeconds > secondsMax || mtimeSeconds < -secondsMax) throw outOfRange("mtimeSeconds", mtimeSeconds);
  return { form, name: nameOrNone(root.name), mode, mtimeSeconds, mtimeNanos };
}

/** A copy of a name that is one path component, or of none. @throws {RcopyError} `name-unsafe` */
function nameOrNone(data: Parameters<typeof readColumn>[0]): Uint8Array {
  const name = readColumn(data, "u8", nameBytesMax).slice();
  const why = name.length === 0 ? undefined : whyUnsafeName(name);
  if (why === undefined) return name;
  throw new RcopyError(
    "name-unsafe",
    `refused name "${showName(name.subarray(0, 80))}" from the peer: ${why}`,
  );
}

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
  if (batchEntries < 1 || batchEntries > batchEntriesMax) throw outOfRange("batchEntries", batchEntries);
}

/** A receiver says nothing of files, and a sender grants nothing: a field of the other role is a peer that errs about its own. */
function checkRole(hello: Hello): void {
  const { role, form, name } = hello;
  const isContents = role === "sender" && form === "contents";
  const empty: Partial<Hello> = {
    ...(role === "sender"
      ? { creditBytes: 0, batchEntries: 0, dryRun: false }
      : { form: "contents" as const }),
    ...(isContents ? {} : { mode: 0, mtimeSeconds: 0n, mtimeNanos: 0 }),
  };
  for (const [field, value] of Object.entries(empty)) {
    const said = hello[field as keyof Hello];
    if (said !== value) {
      throw new RcopyError(
        "protocol",
        `the hello of a ${role} says ${field} ${said}, which is not its to say`,
      );
    }
  }
  const mayHaveName = role === "sender" && form !== "several";
  if (name.length > 0 ? !mayHaveName : role === "sender" && form === "file") {
    const what = name.length > 0 ? "a name, which is not its to say" : "that it brings a file, and no name";
    throw new RcopyError("protocol", `the hello of a ${role} says ${what}`);
  }
}

/** Only a receiver has placed anything, and what it says of that agrees with itself. */
function checkPlaced({ role, placed }: Hello): void {
  const { sum, ...counts } = placed;
  if (role === "receiver") {
    const { files, links, bytes, kept } = counts;
    if (kept <= bytes && (files > 0 || bytes === 0) && (files + links > 0) === (sum.length > 0)) return;
    throw new RcopyError("protocol", "the hello of a receiver says of what was placed what cannot be");
  }
  if (sum.length === 0 && Object.values(counts).every((number) => number === 0)) return;
  throw new RcopyError("protocol", "the hello of a sender says what was placed, which is not its to say");
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

/** The first message of a receiver behind its hello; the sender announces nothing before it. */
export interface Destination {
  kind: "destination";
  /** The destination is empty, everything is wanted, no `wants` will come. */
  wantsAll: boolean;
  /** 16 random bytes and the keyed hash of the destination's device, inode and boot id; both empty when unknown. */
  nonce: Uint8Array;
  hash: Uint8Array;
  /** The name under which the one file of the sender is to be announced; empty for its own. */
  name: Uint8Array;
}

export const destination: MessageCodec<Destination> = {
  encode(capnp, message) {
    const root = capnp.initRoot(schema.Destination);
    root.wantsAll = message.wantsAll;
    writeColumn(root._initNonce(message.nonce.length), message.nonce);
    writeColumn(root._initHash(message.hash.length), message.hash);
    writeColumn(root._initName(message.name.length), message.name);
  },
  decode(capnp) {
    const root = capnp.getRoot(schema.Destination);
    const nonce = emptyOr(root.nonce, hashBytes);
    const hash = emptyOr(root.hash, hashBytes);
    if (nonce.length !== hash.length) {
      throw new RcopyError("protocol", "a destination has a nonce or a hash, and not both");
    }
    return {
      kind: "destination",
      wantsAll: root.wantsAll,
      nonce,
      hash,
      name: nameOrNone(root.name),
    };
  },
};

/** A person is being asked at the receiver; a sign of life, and the reason why nothing moves. */
export interface Waiting {
  kind: "waiting";
}

export const waiting: MessageCodec<Waiting> = {
  encode(capnp) {
    capnp.initRoot(schema.Waiting);
  },
  decode() {
    return { kind: "waiting" };
  },
};
