/**
 * Options of Deno's sockets that Deno itself has no call for.
 *
 * Deno cannot switch Nagle's algorithm off (`TCP_NODELAY`) for a TLS connection that it accepted: a small message
 * behind another one then waits until the peer's kernel acknowledges the first, which takes it up to 40 ms. On Linux a
 * connection has the option from the socket that it was accepted by.
 */
import { socketOption } from "../../../ffi/mod.ts";
import type { SystemCalls } from "./system_calls.ts";

/** Descriptors that are looked at. A port is opened early, and a descriptor is the lowest that is free. */
const descriptorsMax = 1024;
const { socket, tcp } = socketOption;

/** Finds the sockets that listen at `port` in this process, and has what they accept send small writes at once. */
export function sendAtOnce({ libc, fileLimit }: SystemCalls, port: number): void {
  for (let fd = 0; fd < Math.min(fileLimit, descriptorsMax); fd++) {
    if (libc.socketOption(fd, socket.level, socket.acceptsConnections) !== 1) continue;
    if (libc.portOf(fd) === port) libc.setSocketOption(fd, tcp.level, tcp.noDelay, 1);
  }
}
