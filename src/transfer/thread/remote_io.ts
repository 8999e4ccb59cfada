/** The I/O of a data connection that is in a Worker, seen from the main thread. */
import type {
  Engine,
  FileRead,
  FileWrite,
  Pending,
  SourceFile,
  TargetFile,
} from "../../io/contract/engine.ts";
import { asRcopyError, type RcopyError } from "../../base/errors.ts";
import type { LaneConnection } from "../../net/channel.ts";
import type { UnitHead } from "../../wire/data.ts";
import {
  errorOf,
  type LaneCounts,
  type LaneMethod,
  type LaneMethods,
  type PlainUnit,
  type RowOutcome,
} from "./calls.ts";
import { pickHashes } from "../../codec/hash.ts";
import { hashBytes } from "../../wire/limits.ts";
import { lendReads, lendWrites } from "./jobs.ts";
import type {
  ArrivedUnit,
  ExtentRead,
  LaneContext,
  PatchedExtent,
  ReadRange,
  ReceiveIo,
  SendIo,
  SentUnit,
  Turn,
} from "../lane/lane_io.ts";
import type { RemoteLane } from "./remote_lane.ts";

/** The connection, the calls and the counts that both directions have. */
abstract class RemoteIo implements LaneConnection {
  bytesRead = 0;
  bytesWritten = 0;
  /** Of the main thread: it lends what the Worker's engine uses. */
  readonly engine: Engine;
  readonly #account: LaneContext["account"];
  readonly #lane: RemoteLane;

  constructor(lane: RemoteLane, { engine, account }: LaneContext) {
    this.#lane = lane;
    this.engine = engine;
    this.#account = account;
  }

  get peer(): string {
    return this.#lane.peer;
  }

  close(): void {
    this.#lane.close();
  }

  call<Method extends LaneMethod>(
    method: Method,
    argument: LaneMethods[Method][0],
  ): Promise<LaneMethods[Method][1]> {
    return this.#lane.call(method, argument, this.#onCounts);
  }

  readonly #onCounts = ({ bytesRead, bytesWritten, stages }: LaneCounts): void => {
    this.bytesRead = bytesRead;
    this.bytesWritten = bytesWritten;
    this.#account.merge(stages);
  };
}

export class RemoteSendIo extends RemoteIo implements SendIo {
  readonly isInMainThread = false;
  readonly broken: Promise<RcopyError>;

  constructor(lane: RemoteLane, context: LaneContext) {
    super(lane, context);
    this.broken = this.call("watch", undefined).then(errorOf, asRcopyError);
  }

  get directoriesMax(): number {
    return this.engine.lentDirectoriesMax;
  }

  readFiles(turn: Turn, files: FileRead[]): Pending<Uint8Array> {
    return started(this.#readFiles(turn, files));
  }

  readExtent(turn: Turn, file: SourceFile, range: ReadRange): Pending<ExtentRead> {
    return started(this.call("readExtent", { turn, file: this.engine.lendSource(file), range }));
  }

  write(turn: Turn, unit: SentUnit): Promise<void> {
    return this.call("write", { turn, unit });
  }

  async #readFiles(turn: Turn, files: FileRead[]): Promise<Uint8Array> {
    const lending = lendReads(this.engine, files);
    try {
      if (lending.rows.length === 0) return new Uint8Array(0);
      const { hashes, outcomes } = await this.call("readFiles", { turn, job: lending.job });
      fillIn(files, lending.rows, outcomes);
      return hashes;
    } finally {
      lending.end();
    }
  }
}

export class RemoteReceiveIo extends RemoteIo implements ReceiveIo {
  async next(): Promise<ArrivedUnit | undefined> {
    const unit = await this.call("next", undefined);
    return unit && new RemoteUnit(unit, this);
  }
}

/** A unit in a slice of the Worker's. */
class RemoteUnit implements ArrivedUnit {
  readonly message: UnitHead;
  readonly payloadBytes: number;
  readonly hashes: Uint8Array;
  readonly hash: Uint8Array | undefined;
  readonly #number: number;
  readonly #io: RemoteReceiveIo;

  constructor({ unit, message, payloadBytes, hashes, hash }: PlainUnit, io: RemoteReceiveIo) {
    this.message = message;
    this.payloadBytes = payloadBytes;
    this.hashes = hashes;
    this.hash = hash;
    this.#number = unit;
    this.#io = io;
  }

  placeFiles(files: FileWrite[], hashes: Uint8Array): Pending<Uint8Array> {
    return started(this.#placeFiles(files, hashes));
  }

  writeExtent(file: TargetFile, offset: number): Pending {
    const lent = this.#io.engine.lendTarget(file);
    return started(this.#io.call("writeExtent", { unit: this.#number, file: lent, offset }));
  }

  patchExtent({ basis, file, ...place }: PatchedExtent): Pending<boolean> {
    const { engine } = this.#io;
    const lent = { basis: engine.lendSource(basis), file: engine.lendTarget(file) };
    return started(this.#io.call("patchExtent", { unit: this.#number, ...lent, ...place }));
  }

  /** A peer may put files of any number of directories into a bundle: few are lent at a time. */
  async #placeFiles(files: FileWrite[], hashes: Uint8Array): Promise<Uint8Array> {
    const sound = new Uint8Array(files.length);
    for (let start = 0; start < files.length;) {
      const end = endOfRun(files, start, this.#io.engine.lentDirectoriesMax);
      const expected = hashes.subarray(start * hashBytes, end * hashBytes);
      sound.set(await this.#placeRun(files.slice(start, end), expected), start);
      start = end;
    }
    return sound;
  }

  async #placeRun(files: FileWrite[], hashes: Uint8Array): Promise<Uint8Array> {
    // 1 for a file whose directory cannot be lent: it has failed, and must not be asked for again as if it were damaged.
    const sound = new Uint8Array(files.length).fill(1);
    const lending = lendWrites(this.#io.engine, files);
    const { job, rows } = lending;
    try {
      if (rows.length === 0) return sound;
      const part = await this.#io.call("placeFiles", {
        unit: this.#number,
        job,
        hashes: pickHashes(hashes, rows),
      });
      fillIn(files, rows, part.outcomes);
      for (const [i, row] of rows.entries()) {
        sound[row] = part.sound[i]!;
        files[row]!.lacks = part.lacks[i]!;
      }
      return sound;
    } finally {
      lending.end();
    }
  }
}

/** Where the files from `start` on begin to need more directories than may be lent. */
function endOfRun(files: readonly FileWrite[], start: number, directoriesMax: number): number {
  const directories = new Set<unknown>();
  let end = start;
  for (; end < files.length; end++) {
    directories.add(files[end]!.directory);
    if (directories.size > directoriesMax) break;
  }
  return end;
}

/** Fills in what the Worker's engine did. `rows` are the files of the job, whose own rows the outcomes name. */
function fillIn(
  files: readonly (FileRead | FileWrite)[],
  rows: readonly number[],
  outcomes: readonly RowOutcome[],
): void {
  for (const { row, error, ...rest } of outcomes) {
    Object.assign(files[rows[row]!]!, rest, { error: error && errorOf(error) });
  }
}

/** A call under way, as something to be finished. */
function started<T>(promise: Promise<T>): Pending<T> {
  promise.catch(() => {}); // `finish` gives the error
  return { finish: () => promise };
}
