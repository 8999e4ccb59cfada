/** The end of a connection: the close that tells the peer why, and the error that a close of the peer is here. */
import { settlesWithin } from "../base/deadline.ts";
import { type ErrorCode, RcopyError } from "../base/errors.ts";
import { showPeerText, textForPeer } from "../base/show.ts";
import type { Channel } from "../net/channel.ts";
import type { Close } from "../wire/closing.ts";
import { errorCodeOf, wireCodeOf } from "../wire/codes.ts";

/** How long a last message has to leave, and then the peer to hang up. */
const farewellMs = 2_000;

/** Reasons of the peer that hold at this end too. */
const sharedReasons: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "integrity",
  "protocol",
  "version",
  "refused",
  "busy",
  "no-space",
  "read-only",
  "destination",
  "same-place",
  "again",
]);

/** Reasons of a peer that did not mean to end the session: it lost this end, and may be met again. */
const losses: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["peer-lost", "timeout", "unreachable"]);

/** The close that tells the peer of an error of this end. */
export function closeOf(error: RcopyError): Close {
  return { kind: "close", code: wireCodeOf[error.code], text: textForPeer(error.message) };
}

/** The error at this end for a close of the peer. */
export function errorOfClose(close: Close): RcopyError {
  if (close.code === 0) {
    const said = close.text === "" ? "" : `: ${showPeerText(close.text)}`;
    return new RcopyError("peer-lost", `the peer ended the session without a receipt${said}`);
  }
  const reason = errorCodeOf(close.code);
  const code = sharedReasons.has(reason) ? reason : losses.has(reason) ? "peer-lost" : "peer-ended";
  const what = reason === "interrupted" ? "the other end was interrupted" : "the peer ended the session";
  return new RcopyError(code, `${what}: ${showPeerText(close.text || reason)}`);
}

/**
 * Closes a channel once its last message, which is being written, has left and the peer has hung up. Takes at most 4 s;
 * throws nothing.
 */
export async function closeAfter(channel: Channel, written: Promise<void>): Promise<void> {
  await settlesWithin(written, farewellMs);
  // Closing a socket with unread bytes would reset it, and the reset could overtake the message.
  await settlesWithin(drain(channel), farewellMs);
  channel.close();
}

async function drain(channel: Channel): Promise<void> {
  const sink = new Uint8Array(16 * 1024);
  while (await channel.read(sink) > 0);
}
