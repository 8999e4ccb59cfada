/** The states of one session, seen from each role: which message may come when. Pure. */
import { RcopyError } from "../../base/errors.ts";
import type { Role } from "../../wire/hello.ts";
import type { Message } from "../../wire/message.ts";

/**
 * `greeted`: the receiver has not said yet where it lands. `open`: the manifest is being written. `listed`: it is complete. `receipted`: everything is settled and
 * the receipt is on its way or here. `closed`: nothing may follow.
 */
export type SessionState = "greeted" | "open" | "listed" | "receipted" | "closed";

/** Messages of control after the hello. */
export type ControlKind = Exclude<
  Message["kind"],
  | "hello"
  | "join"
  | "joined"
  | "extent"
  | "patch"
  | "bundle"
  | "piece"
  | "hashes"
  | "authStart"
  | "authChallenge"
  | "authProof"
>;

type Row = Readonly<Partial<Record<ControlKind, SessionState>>>;

/** What may reach the receiver in each state, and the state that follows. */
const reachesReceiver = {
  greeted: {
    ping: "greeted",
    pong: "greeted",
    laneRequest: "greeted",
    laneOffer: "greeted",
    close: "closed",
  },
  open: {
    manifest: "open",
    failure: "open",
    fileVerified: "open",
    compared: "open",
    manifestEnd: "listed",
    ping: "open",
    pong: "open",
    laneRequest: "open",
    laneOffer: "open",
    close: "closed",
  },
  listed: {
    failure: "listed",
    fileVerified: "listed",
    compared: "listed",
    ping: "listed",
    pong: "listed",
    laneRequest: "listed",
    laneOffer: "listed",
    close: "closed",
  },
  // The sender may say of a file that is settled here that it is verified, or gone when it was to be sent again.
  receipted: {
    failure: "receipted",
    fileVerified: "receipted",
    ping: "receipted",
    pong: "receipted",
    laneRequest: "receipted",
    laneOffer: "receipted",
    close: "closed",
  },
  closed: {},
} as const satisfies Record<SessionState, Row>;

/** What may reach the sender; it is `listed` once it has sent the end of its manifest. */
const reachesSender = {
  greeted: {
    destination: "open",
    waiting: "greeted",
    ping: "greeted",
    pong: "greeted",
    laneRequest: "greeted",
    laneOffer: "greeted",
    close: "closed",
  },
  open: {
    credit: "open",
    wants: "open",
    kept: "open",
    blocks: "open",
    fileHashes: "open",
    failure: "open",
    resend: "open",
    batchSettled: "open",
    heldSettled: "open",
    ping: "open",
    pong: "open",
    laneRequest: "open",
    laneOffer: "open",
    taken: "open",
    waiting: "open",
    close: "closed",
  },
  listed: {
    credit: "listed",
    wants: "listed",
    kept: "listed",
    blocks: "listed",
    fileHashes: "listed",
    failure: "listed",
    resend: "listed",
    batchSettled: "listed",
    heldSettled: "listed",
    receipt: "receipted",
    ping: "listed",
    pong: "listed",
    laneRequest: "listed",
    laneOffer: "listed",
    taken: "listed",
    waiting: "listed",
    close: "closed",
  },
  receipted: {
    ping: "receipted",
    pong: "receipted",
    laneRequest: "receipted",
    laneOffer: "receipted",
    close: "closed",
  },
  closed: {},
} as const satisfies Record<SessionState, Row>;

/** The kinds that a table lets through in any state. */
type KindsOf<Table> = { [State in keyof Table]: keyof Table[State] }[keyof Table];
/** Messages that may reach a role in some state: each needs a handler there. */
type ReachingKind<R extends Role> = R extends "receiver" ? KindsOf<typeof reachesReceiver>
  : KindsOf<typeof reachesSender>;
export type MessageTo<R extends Role> = Message & { kind: ReachingKind<R> };
/** Those of them that a sender or a receiver handles itself: pings and pongs are the session's. */
export type SideMessage<R extends Role> = Exclude<MessageTo<R>, { kind: "ping" | "pong" }>;

/**
 * The state after a message of `kind` reached `role`.
 * @throws {RcopyError} `protocol` when that message has no business there
 */
export function afterMessage(role: Role, state: SessionState, kind: Message["kind"]): SessionState {
  const row: Row = role === "receiver" ? reachesReceiver[state] : reachesSender[state];
  const next = row[kind as ControlKind];
  if (next === undefined) {
    throw new RcopyError("protocol", `the peer sent ${kind} to the ${role}, whose session is ${state}`);
  }
  return next;
}
