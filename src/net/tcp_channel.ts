/** A channel over TCP. */
import { RcopyError } from "../base/errors.ts";
import { type PeerAddress, plainHost, showAddress } from "./address.ts";
import type { Channel } from "./channel.ts";
import { reasonOf } from "./reason.ts";

/** A channel over TCP, as it is or inside TLS. */
export class TcpChannel implements Channel {
  readonly peer: string;
  readonly source: string;
  readonly remote: PeerAddress;
  readonly sharesMachine: boolean;
  bytesRead = 0;
  bytesWritten = 0;
  readCallMs = 0;
  readonly #connection: Deno.TcpConn | Deno.TlsConn;
  #closed = false;

  /** `dialed`: the host that was connected to. The system forgets the zone of a link-local address, without which nothing leads there. */
  constructor(connection: Deno.TcpConn | Deno.TlsConn, dialed?: string) {
    this.#connection = connection;
    const { localAddr, remoteAddr } = connection;
    this.source = plainHost(remoteAddr.hostname);
    const zone = dialed === undefined ? "" : /%[\w.-]+$/.exec(dialed)?.[0] ?? "";
    this.remote = { host: `${this.source}${zone}`, port: remoteAddr.port };
    this.peer = showAddress(this.remote);
    this.sharesMachine = plainHost(localAddr.hostname) === this.source;
    // Control frames are small and must not wait for each other; data is written in large pieces anyway. Of a TLS
    // connection that was accepted only an engine with `SocketOptions` can say so.
    if ("setNoDelay" in connection) connection.setNoDelay(true);
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
    const reason = this.#closed ? "it was closed here" : reasonOf(cause).words;
    return new RcopyError("peer-lost", `lost the connection to ${this.peer}: ${reason}`, { cause });
  }
}
