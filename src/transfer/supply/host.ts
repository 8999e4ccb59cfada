/** A session, as the supply of data connections sees it. */
import type { RcopyError } from "../../base/errors.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import type { Role } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { DataConnection } from "../lane/lane_io.ts";
import type { SessionLoad } from "../session/session_run.ts";

/** Descriptors that must be left before another data connection is opened: for itself, its files and directories. */
export const laneDescriptors = 48;

/** A sender or a receiver. */
export interface LaneHost {
  readonly role: Role;
  readonly load: SessionLoad;
  readonly engine: Engine;
  /** A directory of the tree; absent in a dry run. */
  readonly root: Directory | undefined;
  /** Uses a data connection, which belongs to the session from now on. */
  addLane(number: number, connection: DataConnection): void;
  send(message: LaneRequest | LaneOffer): void;
  /** Ends the session. */
  fail(error: RcopyError): void;
}
