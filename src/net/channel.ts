/** What a channel is: an ordered stream of bytes to the peer, and a count of what went through it. */
import { RcopyError } from "../base/errors.ts";

/** One connection. It belongs to whoever opened or accepted it, who closes it. */
export interface Channel {
  /** Address and port of the other end, for messages. */
  readonly peer: string;
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

/** A data connection, as far as its session needs to know it: whoever moves its bytes, in whatever thread. */
export interface LaneConnection {
  /** Address and port of the other end, for messages. */
  readonly peer: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Closes at once; what is under way fails. Twice is harmless. */
  close(): void;
}

/** Address and port as people write them; IPv4-mapped IPv6 addresses as IPv4. */
export function showAddress(hostname: string, port: number): string {
  const host = hostname.startsWith("::ffff:") ? hostname.slice(7) : hostname;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A channel over TCP, as it is or inside TLS. */
export class TcpChannel implements Channel {
  readonly peer: string;
  bytesRead = 0;
  bytesWritten = 0;
  readCallMs = 0;
  readonly #connection: Deno.TcpConn | Deno.TlsConn;
  #closed = false;

  constructor(connection: Deno.TcpConn | Deno.TlsConn) {
    this.#connection = connection;
    this.peer = showAddress(connection.remoteAddr.hostname, connection.remoteAddr.port);
    // Control frames are small and must not wait for each other; data is written in large pieces anyway. Of a TLS
    // connection that was accepted only an engine with `SocketOptions` can say so.
    if ("setNoDelay" in connection) connection.setNoDelay(true);
  }

  /** Address of the other end without its port, to count connections by source. */
  get source(): string {
    return this.#connection.remoteAddr.hostname;
  }

  /** Where the other end is, to open a further connection to it. */
  get remote(): { host: string; port: number } {
    return { host: this.#connection.remoteAddr.hostname, port: this.#connection.remoteAddr.port };
  }

  /** Whether both ends of the connection have the same address: they are on one machine. */
  get isLoopback(): boolean {
    return this.#connection.localAddr.hostname === this.#connection.remoteAddr.hostname;
  }

  async read(target: Uint8Array<ArrayBuffer>): Promise<number> {
    try {
      const count = await this.#connection.read(target) ?? 0;
      this.bytesRead += count;
      return count;
    } catch (cause) {
      throw this.#lost(cause);
    }
  }

  async readAtLeast(target: Uint8Array<ArrayBuffer>, least: number): Promise<number> {
    try {
      let filled = 0;
      while (filled < least) {
        // What has arrived already is copied, and decrypted, within the call; the rest is waiting.
        const began = performance.now();
        const reading = this.#connection.read(target.subarray(filled));
        this.readCallMs += performance.now() - began;
        const count = await reading;
        if (count === null) break;
        filled += count;
        this.bytesRead += count;
      }
      return filled;
    } catch (cause) {
      throw this.#lost(cause);
    }
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      let written = await this.#connection.write(bytes);
      this.bytesWritten += written;
      while (written < bytes.length) {
        const count = await this.#connection.write(bytes.subarray(written));
        written += count;
        this.bytesWritten += count;
      }
    } catch (cause) {
      throw this.#lost(cause);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  #lost(cause: unknown): RcopyError {
    const reason = this.#closed
      ? "it was closed here"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    return new RcopyError("peer-lost", `lost the connection to ${this.peer}: ${reason}`, { cause });
  }
}
