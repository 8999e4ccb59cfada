/** The messages of the protocol as values. `PROTOCOL.md` says in words what each means and when it may be sent. */

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
  framesTaken: 22,
} as const;
export type FrameKind = typeof FrameKind[keyof typeof FrameKind];

/** Who has the files, and who wants them. */
export type Role = "sender" | "receiver";

/** First message on control, from each end: the dialer first, the listener answers. */
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
  /** Receiver: 16 random bytes and the keyed hash of its destination's device, inode and boot id; both empty when unknown. */
  destinationNonce: Uint8Array;
  destinationHash: Uint8Array;
  /** Listener: 16 bytes that name the session. Dialer: empty. */
  session: Uint8Array;
  /** Listener: one token a data connection (`tokenBytes` each, concatenated). Dialer: empty. */
  laneTokens: Uint8Array;
}

/** First and only message on a data connection from the dialer. */
export interface Join {
  kind: "join";
  session: Uint8Array;
  lane: number;
  token: Uint8Array;
}

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
}

/** The scan is over; sender to receiver. */
export interface ManifestEnd {
  kind: "manifestEnd";
  batches: number;
  entries: number;
  /** Sum of the sizes of all files. */
  bytes: bigint;
}

/** More manifest bytes may be sent; receiver to sender. */
export interface Credit {
  kind: "credit";
  bytes: number;
}

/** Which files and links of a batch are wanted; receiver to sender, one a batch, never when the hello said `wantsAll`. */
export interface Wants {
  kind: "wants";
  batch: number;
  /** Bit i (least significant first) is entry i. Empty: none. */
  bitmap: Uint8Array;
  /** Everything in the batch is wanted; `bitmap` is empty. */
  all: boolean;
}

/** A piece of a file above 4 MiB, on the grid of `extentBytes`; payload: its bytes. */
export interface Extent {
  kind: "extent";
  batch: number;
  entry: number;
  /** Offset is `index * extentBytes`. */
  index: number;
  /** XXH3-128 of the payload, canonical (big-endian) form, 16 bytes. */
  hash: Uint8Array;
  /** The sender has read all extents of the file and found it unchanged; set on the extent that was read last. */
  fileVerified: boolean;
}

/** Many small files, whole; payload: their contents, one after the other. */
export interface Bundle {
  kind: "bundle";
  batch: number;
  /** Ascending entry numbers. */
  entries: Uint32Array;
  /** 16 bytes each: XXH3-128 of the content. The sizes are the manifest's. */
  hashes: Uint8Array;
}

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

/** Send an extent (or, with `extent` 0, a small file) again; receiver to sender. */
export interface Resend {
  kind: "resend";
  batch: number;
  entry: number;
  extent: number;
}

/** All entries of a batch are placed, skipped or failed, except those held; receiver to sender, once a batch. */
export interface BatchSettled {
  kind: "batchSettled";
  batch: number;
  /** Entries that failed. */
  failed: Uint32Array;
  /** Entries whose settlement comes later: directories, links, large files under way. */
  held: Uint32Array;
}

/** Held entries that are now placed or failed; receiver to sender. */
export interface HeldSettled {
  kind: "heldSettled";
  batches: Uint32Array;
  entries: Uint32Array;
  /** 1 where it failed. */
  failed: Uint8Array;
}

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
  /** Entries in the tree hash, and their sum modulo 2^128 (16 bytes, big-endian). */
  treeCount: number;
  treeSum: Uint8Array;
  durable: boolean;
}

/** Nothing but a sign of life; either direction. Never answered. */
export interface Ping {
  kind: "ping";
}

/** The end of the session; code 0 after a receipt that agrees, else the reason. */
export interface Close {
  kind: "close";
  code: number;
  text: string;
}

/** How the dialer means to prove itself; first on control inside TLS. */
export interface AuthStart {
  kind: "authStart";
  method: "ticket" | "ssh";
  /** `ssh`: `authNonceBytes` random bytes. `ticket`: empty. */
  nonce: Uint8Array;
  /** `ssh`: the dialer's key as OpenSSH encodes it, at most `authKeyBytesMax`. `ticket`: empty. */
  publicKey: Uint8Array;
}

/** What the dialer must sign; listener to dialer, for `ssh`. */
export interface AuthChallenge {
  kind: "authChallenge";
  /** `authNonceBytes` random bytes. */
  nonce: Uint8Array;
}

/** The dialer's proof; its hello follows. */
export interface AuthProof {
  kind: "authProof";
  /** `ticket`: `authSecretBytes`. `ssh`: empty. */
  secret: Uint8Array;
  /** `ssh`: at most `authSignatureBytesMax`. `ticket`: empty. */
  signature: Uint8Array;
}

/** More data connections are wanted; dialer to listener. */
export interface LaneRequest {
  kind: "laneRequest";
  /** 1 to `streamsMax`. */
  count: number;
}

/** A data connection that the dialer may open; listener to dialer, at most one for each that was asked for. */
export interface LaneOffer {
  kind: "laneOffer";
  lane: number;
  /** Where: a port of the listener's own machine, or 0 for the port of control, which takes this lane in any case. */
  port: number;
  /** `tokenBytes`. */
  token: Uint8Array;
}

/** How many frames of a data connection have been read and are settled or under way; receiver to sender. */
export interface FramesTaken {
  kind: "framesTaken";
  lane: number;
  /** Since the connection was opened; never smaller than before. */
  frames: number;
}

export type Message =
  | Hello
  | Join
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
  | Close
  | AuthStart
  | AuthChallenge
  | AuthProof
  | LaneRequest
  | LaneOffer
  | FramesTaken;
