/** What an engine may be able to do beside files. */

/** Options of Deno's sockets that Deno itself has no call for. */
export interface SocketOptions {
  /** Has TLS connections that are accepted at a port of this process send small writes at once. A matter of speed alone. */
  sendAtOnce(port: number): void;
}
