/**
 * The I/O of a lane moves the bytes of one data connection: it has the connection, a codec with two slices, and an engine.
 *  send     read or take from the cache, hash in place, write as a unit
 *  receive  read a unit, hash in place, create files or write an extent
 * It decides nothing: `send/lane.ts` and `receive/lane.ts` do, in the main thread, where batches, plan and placement are. An I/O
 * is in the same thread (`lane/local_send_io.ts`, `lane/local_receive_io.ts`) or in a Worker (`thread/remote_io.ts`,
 * `thread/worker.ts`).
 */
import type {
  Engine,
  FileRead,
  FileWrite,
  Pending,
  SourceFile,
  TargetFile,
} from "../../io/contract/engine.ts";
import type { RcopyError } from "../../base/errors.ts";
import type { LaneConnection } from "../../net/channel.ts";
import type { UnitHead } from "../../wire/data.ts";
import type { StageAccount } from "../session/stage_account.ts";

/** Slices of an I/O: one is filled while the other is emptied. */
export type Turn = 0 | 1;

/** What is to be read of a large file. */
export interface ReadRange {
  offset: number;
  bytes: number;
  there?: Uint8Array | undefined;
}

/** A unit whose content lies in a slice of a sender. */
export interface SentUnit {
  message: UnitHead;
  /** Bytes of content, from the start of the slice's content on. */
  payloadBytes: number;
  /** 16 bytes of an extent, whole or patched, 16 a file of a bundle. */
  hashes: Uint8Array;
}

/** A range of a large file that was read into a slice of a sender. */
export interface ExtentRead {
  /** Its hash. */
  hash: Uint8Array;
  /** The blocks that are not as they are at the receiver: they alone are in the slice, one after the other. Without it all of it is. */
  blocks?: number;
}

/** The sending side of a data connection. One read and one write of a slice at a time, each slice in its turn. */
export interface SendIo extends LaneConnection {
  /** Whether it works in the main thread, which the scan shares with it. */
  readonly isInMainThread: boolean;
  /** Directories that the files of one bundle may have. */
  readonly directoriesMax: number;
  /** Resolves with what has ended the connection, also while nothing is written: it is lost, or the peer wrote to it. */
  readonly broken: Promise<RcopyError>;
  /**
   * Starts to read small files, one after the other, into a slice. Sets `error` of those that fail, and closes their gaps.
   * @returns the hashes of the files that did not fail, 16 bytes each, in their order
   */
  readFiles(turn: Turn, files: FileRead[]): Pending<Uint8Array>;
  /**
   * Starts to read a range of a large file into a slice; `there` is what its blocks hash to at the receiver, where that is known.
   * @throws {RcopyError} in `finish`: `changed`, `io`
   */
  readExtent(turn: Turn, file: SourceFile, range: ReadRange): Pending<ExtentRead>;
  /**
   * Queues a unit, which leaves as its frames. The slice is free once it resolves.
   * @throws {RcopyError} `peer-lost`
   */
  write(turn: Turn, unit: SentUnit): Promise<void>;
}

/** An extent to be made of a patch. */
export interface PatchedExtent {
  /** The older version. */
  basis: SourceFile;
  file: TargetFile;
  offset: number;
  bytes: number;
  /** Blocks that are in the patch. */
  blocks: number;
}

/** A unit whose content lies in a slice until the unit after the next is asked for. */
export interface ArrivedUnit {
  readonly message: UnitHead;
  readonly payloadBytes: number;
  /** Hashes that the sender says: 16 bytes of an extent, 16 a file of a bundle. */
  readonly hashes: Uint8Array;
  /** Hash of an extent as it arrived; `undefined` of a bundle or a patch, which are hashed when they are placed. */
  readonly hash: Uint8Array | undefined;
  /**
   * Starts to create those small files of a bundle whose content has the expected hash; `offset` of each counts from the
   * start of the content, `error` is set as the engine does it.
   * @returns for each file 1, or 0 where the hash is another and nothing was created
   */
  placeFiles(files: FileWrite[], hashes: Uint8Array): Pending<Uint8Array>;
  /** Starts to write the content of an extent into its file. @throws {RcopyError} in `finish` */
  writeExtent(file: TargetFile, offset: number): Pending;
  /**
   * Starts to make an extent of a patch and of what the older version has there, and to write it into its file, if it has the hash
   * that the sender says.
   * @returns whether it has, and was written; also false where the older version cannot be read any more
   * @throws {RcopyError} in `finish`: what the write ended with
   */
  patchExtent(patched: PatchedExtent): Pending<boolean>;
}

/** The receiving side of a data connection. */
export interface ReceiveIo extends LaneConnection {
  /** The next unit; `undefined` at the end of the stream between two units. @throws {RcopyError} `protocol`, `peer-lost` */
  next(): Promise<ArrivedUnit | undefined>;
}

/** Content of small files that is in memory already. */
export interface ContentCache {
  /**
   * Copies the content of a file to `file.offset` of `memory`.
   * @returns whether the content is there; false where the file was not read, or was another one then
   */
  take(file: FileRead, memory: Uint8Array): boolean;
}

/** What a session lends to the I/O of each of its lanes. */
export interface LaneContext {
  engine: Engine;
  account: StageAccount;
  /** Content that need not be read from the file system; only lanes of the main thread look there. */
  cache?: ContentCache | undefined;
}

/** A data connection that no lane uses yet. The side that takes it makes its own I/O out of it, one and once. */
export interface DataConnection {
  toSendIo(context: LaneContext): SendIo;
  toReceiveIo(context: LaneContext): ReceiveIo;
  /** Closes a connection that no side takes. */
  close(): void;
}
