/**
 * What a side of a transfer is for those who connect it: `serve.ts` where this end listens, `dial.ts` where it dials.
 * Neither of these knows which side it runs.
 *  sending_side.ts    has the files
 *  receiving_side.ts  has the destination
 */
import type { Engine } from "../io/contract/engine.ts";
import type { Channel } from "../net/channel.ts";
import type { Form, Hello, Role } from "../wire/hello.ts";
import type { EventSink, TransferSummary } from "./session/events.ts";
import type { LaneSupply } from "./session/session_run.ts";
import type { Transfer } from "./session/transfer.ts";
import type { Streams } from "./supply/growth.ts";
import type { LaneHost } from "./supply/host.ts";

/** What a session needs of the run that it is a part of. */
export interface RunOptions {
  engine: Engine;
  streams: Streams;
  timeoutMs: number;
  /** This end wishes that the content of files is compared, not their size and time. */
  check: boolean;
  /** How long a session that was lost is looked for again. */
  patienceMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

/** A sender or a receiver, ready to run. */
export interface Session extends LaneHost {
  /** Has it get data connections beside those that it gets at first. */
  useSupply(supply: LaneSupply): void;
  /** Of a sender: whether the receiver has said where this lands. */
  readonly hasBegun?: boolean;
  /** Whether the peer is heard of within so long. */
  answersWithin(ms: number): Promise<boolean>;
  /** Ends the session as one that is lost; {@linkcode run} says so. */
  abandon(why: string): void;
  /** @throws {RcopyError} whatever ended the session without an agreed receipt */
  run(): Promise<TransferSummary>;
}

/** One session that is about to be agreed on. */
export interface Proposal {
  /** What this end says of itself; session and tokens are the listener's to add. */
  hello: Hello;
  /** The session with a peer that has said this of itself. */
  begin(channel: Channel, peer: Hello): Session;
}

/** What a sender brings, for people. */
export interface DescribedOffer {
  form: Form;
  /** Absent where it has none that can be printed. */
  name?: string;
}

/** One side of a transfer. */
export interface Side {
  readonly role: Role;
  /** What it brings, for the event that says where it listens. */
  readonly described?: DescribedOffer;
  /** A session of `transfer`. @throws {RcopyError} where files or destination are not to be had */
  propose(run: RunOptions, transfer: Transfer): Proposal;
  /** Uses the time until a peer comes, and ends early when one does or nobody will. Throws nothing. */
  prepare?(engine: Engine): Preparation;
}

/** Work that goes on until a peer comes. */
export interface Preparation extends AsyncDisposable {
  /** Ends the work soon. */
  stop(): void;
}
