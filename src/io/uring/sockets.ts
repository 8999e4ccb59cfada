/**
 * Sockets of Deno's, as far as Deno leaves something out.
 *
 * Of a TLS connection that was accepted Deno gives no way to switch Nagle's algorithm off (`TCP_NODELAY`): a small message
 * behind another one then waits until the peer's kernel acknowledges the first, which takes it up to 40 ms. On Linux a
 * connection has the option from the socket that it was accepted by.
 */
import { socketOption } from "../../../ffi/mod.ts";
import type { Calls } from "./calls.ts";

/** Descriptors that are looked at. A port is opened early, and a descriptor is the lowest that is free. */
const descriptorsMax = 1024;
const { socket, tcp } = socketOption;

/** Finds the sockets that listen at `port` in this process, and has what they accept send small writes at once. */
export function sendAtOnce({ libc, fileLimit }: Calls, port: number): void {
  for (let fd = 0; fd < Math.min(fileLimit, descriptorsMax); fd++) {
    if (libc.socketOption(fd, socket.level, socket.acceptsConnections) !== 1) continue;
    if (libc.portOf(fd) === port) libc.setSocketOption(fd, tcp.level, tcp.noDelay, 1);
  }
}
