/** What a session is for whoever brings it data connections. */
import { RcopyError } from "../../base/errors.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { Channel } from "../../net/channel.ts";
import type { Role } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { RemoteReceiveIo, RemoteSendIo } from "../thread/remote_io.ts";

/** How far a session is and how busy its thread. */
export interface SessionLoad {
  /** In bytes; each file counts as {@linkcode fileWork} more. */
  workDone: number;
  workLeft: number;
  /** The scan is not over. */
  growing: boolean;
  /** Milliseconds so far in which the main thread worked, and in which its lanes waited. */
  busyMs: number;
  waitingMs: number;
  /** Data connections that work. */
  lanes: number;
  hasEnded: boolean;
}

/** What a file costs beside its bytes, as bytes that would take as long. */
export const fileWork = 16 * 1024;

/** Descriptors that must be left before another data connection is opened: for itself, its files and directories. */
export const laneDescriptors = 48;

/** A sender or a receiver. */
export interface LaneHost {
  readonly role: Role;
  readonly load: SessionLoad;
  readonly engine: Engine;
  /** A directory of the tree; absent in a dry run. */
  readonly root: Directory | undefined;
  /** A connection that the main thread moves; it belongs to the session from now on. */
  addLane(number: number, channel: Channel): void;
  /** One that a Worker moves. */
  addRemoteLane(number: number, io: RemoteSendIo | RemoteReceiveIo): void;
  send(message: LaneRequest | LaneOffer): void;
}

/** Who brings data connections to a session: at the dialer's end it asks and opens, at the listener's it offers. */
export interface LaneSupply {
  /** @throws {RcopyError} `protocol` for a message that is not for this end */
  onMessage(message: LaneRequest | LaneOffer): void;
  /** The session has ended: nothing more is brought. */
  end(): void;
}

/** Gives a message about data connections to who brings them. @throws {RcopyError} `protocol` where nobody does */
export function tellSupply(supply: LaneSupply | undefined, message: LaneRequest | LaneOffer): void {
  if (!supply) throw new RcopyError("protocol", `the peer sent ${message.kind}, which nobody asked for`);
  supply.onMessage(message);
}
