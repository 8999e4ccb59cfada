/** What a channel is: an ordered stream of bytes to the peer, and a count of what went through it. */
import type { PeerAddress } from "./address.ts";

/** One connection. The code that opened or accepted it owns it, and closes it. */
export interface Channel {
  /** Address and port of the other end, for messages. */
  readonly peer: string;
  /** Address of the other end without its port, by which connections are counted and keys are judged. */
  readonly source: string;
  /** Address of the other end, at which a further connection may be opened if that end listens there. */
  readonly remote: PeerAddress;
  /** Whether both ends of the connection have one address, and so are on one machine. */
  readonly sharesMachine: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Milliseconds that `readAtLeast` has spent in the system's calls, and not in waiting for bytes. */
  readonly readCallMs: number;
  /**
   * Reads at least one byte into `target`, at most fills it.
   * @returns the count, or 0 at the end of the stream
   * @throws {RcopyError} `peer-lost` when the connection broke or was closed from this side
   */
  read(target: Uint8Array<ArrayBuffer>): Promise<number>;
  /**
   * Reads until `target` holds `least` bytes, or the stream ends; what has come beyond that is read too. One call
   * instead of many: TLS gives at most 16 KiB at a time, and a promise for each costs as much as the bytes.
   * @returns the count
   * @throws {RcopyError} `peer-lost`
   */
  readAtLeast(target: Uint8Array<ArrayBuffer>, least: number): Promise<number>;
  /**
   * Writes all of `bytes`, which must not be touched before the promise settles.
   * @throws {RcopyError} `peer-lost`
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Closes at once; reads and writes under way fail. Twice is harmless. */
  close(): void;
}

/** The part of a data connection that its session needs to know; its bytes may be moved in another thread. */
export interface LaneConnection {
  /** Address and port of the other end, for messages. */
  readonly peer: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Closes at once; what is under way fails. Twice is harmless. */
  close(): void;
}
