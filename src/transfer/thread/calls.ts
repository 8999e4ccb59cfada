/** Messages between the main thread and a lane Worker. Everything is plain data that can be cloned. */
import { type ErrorCode, RcopyError } from "../../base/errors.ts";
import type { FileRead, FileWrite, Lent } from "../../io/contract/engine.ts";
import type { PeerAddress } from "../../net/address.ts";
import type { ClientTransport, ServerTransport } from "../../net/transport.ts";
import type { UnitHead } from "../../wire/data.ts";
import type { Join, Role } from "../../wire/hello.ts";
import type { ReadJob, WriteJob } from "./jobs.ts";
import type { ExtentRead, ReadRange, SentUnit, Turn } from "../lane/lane_io.ts";
import type { StageTimes } from "../session/events.ts";

/** An error of an entry or of a call. */
export interface PlainError {
  code: ErrorCode;
  message: string;
  errno: string | undefined;
}

/** What there is to say of a small file, which is not simply done: its row in the job, and what the engine filled in. */
export interface RowOutcome extends Partial<Omit<ReadOutcome, "error">>, Partial<Pick<FileWrite, "lacks">> {
  row: number;
  error?: PlainError | undefined;
}

type ReadOutcome = Pick<FileRead, "error" | "bytesRead" | "grownTo" | "isUnsized">;

/** A unit in a slice of a Worker's: its number there stands for the slice. */
export interface PlainUnit {
  unit: number;
  message: UnitHead;
  payloadBytes: number;
  hashes: Uint8Array;
  /** Of an extent: the hash of what has come. */
  hash: Uint8Array | undefined;
}

/** Methods of a Worker: argument and result of each. */
export interface LaneMethods {
  /** The first call: opens the engine. */
  start: [{ engine: "uring" | "deno" }, void];
  /** Opens a data connection and joins it to the session. */
  dial: [
    { role: Role; address: PeerAddress; transport: ClientTransport; join: Join },
    { peer: string },
  ];
  /** Opens a port of the Worker's own, for data connections of peers. */
  listen: [{ bind: string | undefined; local: boolean; transport: ServerTransport }, { port: number }];
  /** Makes a lane of a connection that has arrived at that port. */
  admit: [{ arrival: number; role: Role }, void];
  /** Closes a connection that has arrived at that port. */
  turnAway: [{ arrival: number }, void];
  readFiles: [{ turn: Turn; job: ReadJob }, { hashes: Uint8Array; outcomes: RowOutcome[] }];
  readExtent: [{ turn: Turn; file: Lent; range: ReadRange }, ExtentRead];
  write: [{ turn: Turn; unit: SentUnit }, void];
  /** Waits for the end of a connection that is written to, and says what ended it. */
  watch: [undefined, PlainError];
  next: [undefined, PlainUnit | undefined];
  placeFiles: [
    { unit: number; job: WriteJob; hashes: Uint8Array },
    { sound: Uint8Array; outcomes: RowOutcome[]; lacks: Uint8Array },
  ];
  writeExtent: [{ unit: number; file: Lent; offset: number }, void];
  patchExtent: [
    { unit: number; basis: Lent; file: Lent; offset: number; bytes: number; blocks: number },
    boolean,
  ];
  /** Closes the connection of a lane; what is under way there fails. */
  close: [undefined, void];
  /** The last call: lets go of everything. */
  end: [undefined, void];
}

export type LaneMethod = keyof LaneMethods;

/** A call. Lanes are numbered by the main thread; what is not about a lane names lane 0. */
export interface LaneRequest<Method extends LaneMethod = LaneMethod> {
  call: number;
  lane: number;
  method: Method;
  argument: LaneMethods[Method][0];
}

/** Counts of a lane: bytes of its connection so far, and the time of each stage since its last answer. */
export interface LaneCounts {
  bytesRead: number;
  bytesWritten: number;
  stages: StageTimes;
}

export type LaneAnswer =
  | { call: number; value: LaneMethods[LaneMethod][1]; counts: LaneCounts | undefined }
  | { call: number; error: PlainError; counts: LaneCounts | undefined };

/** A data connection that has arrived at the Worker's own port; the main thread answers with `admit` or `turnAway`. */
export interface LaneArrival {
  arrival: number;
  join: Join;
  peer: string;
}

export function plainOf({ code, message, errno }: RcopyError): PlainError {
  return { code, message, errno };
}

export function errorOf({ code, message, errno }: PlainError): RcopyError {
  return new RcopyError(code, message, errno === undefined ? {} : { errno });
}
