/** The parts of a handshake: preambles, frames, and the deadline for all of it. See `src/wire/PROTOCOL.md`. */
import { concat } from "../base/bytes.ts";
import { settlesWithin } from "../base/deadline.ts";
import { RcopyError } from "../base/errors.ts";
import { showPeerText } from "../base/show.ts";
import type { Channel } from "../net/channel.ts";
import { reasonOf } from "../net/reason.ts";
import { decodeMessage, encodeFrame, parseHeader } from "../wire/frame.ts";
import { handshakeMs, headerBytes, preambleBytes } from "../wire/limits.ts";
import type { Join } from "../wire/hello.ts";
import type { Message } from "../wire/message.ts";
import { describeStranger, encodePreamble, isTlsAlert, negotiate, parsePreamble } from "../wire/version.ts";

/**
 * Runs `handshake` under the handshake's absolute deadline, of which `leftMs` are left; past it the channel is closed.
 * @throws {RcopyError} `timeout`; whatever `handshake` throws
 */
export async function withinHandshake<T>(
  channel: Channel,
  handshake: () => Promise<T>,
  leftMs: number = handshakeMs,
): Promise<T> {
  const running = handshake();
  if (await settlesWithin(running, leftMs)) return await running;
  channel.close();
  const cause = await running.catch((thrown) => thrown);
  const message = `${channel.peer} did not complete its handshake within ${handshakeMs / 1000} s`;
  throw new RcopyError("timeout", message, { cause });
}

/** Writes all that the opener of a data connection writes before data. */
export async function sendJoin(channel: Channel, join: Join): Promise<void> {
  await writeFrames(channel, encodePreamble("data"), join);
}

/** Writes a preamble, if it is due, and frames, in one call. */
export async function writeFrames(
  channel: Channel,
  preamble: Uint8Array | undefined,
  ...messages: Message[]
): Promise<void> {
  const parts = messages.map(encodeFrame);
  await channel.write(preamble ? concat(preamble, ...parts) : concat(...parts));
}

/**
 * Reads the answer to a join. It is the first thing that comes on the connection, and nothing has to wait for it.
 * @throws {RcopyError} `peer-lost` where the join was refused or not answered in time, or the peer hung up; `protocol`, `version`
 */
export async function readJoined(channel: Channel, leftMs: number = handshakeMs): Promise<void> {
  const reading = readJoinAnswer(channel);
  if (await settlesWithin(reading, leftMs)) return await reading;
  channel.close();
  reading.catch(() => {});
  throw new RcopyError(
    "peer-lost",
    `${channel.peer} did not answer a data connection within ${handshakeMs / 1000} s`,
  );
}

async function readJoinAnswer(channel: Channel): Promise<void> {
  const { connection, low, high } = await readPreamble(channel);
  negotiate(low, high);
  const answer = await readMessage(channel);
  if (answer.kind === "close") {
    throw new RcopyError(
      "peer-lost",
      `${channel.peer} refused a data connection: ${showPeerText(answer.text)}`,
    );
  }
  if (connection === "data" && answer.kind === "joined") return;
  throw new RcopyError("protocol", `${channel.peer} sent ${answer.kind} where joined was due`);
}

/** Contents of a peer's preamble. */
export interface PeerPreamble {
  connection: "control" | "data";
  /** Lowest and highest protocol version that the peer speaks. */
  low: number;
  high: number;
}

/** Reads the peer's preamble. @throws {RcopyError} `protocol` (also strangers), `refused`, `peer-lost` */
export async function readPreamble(channel: Channel): Promise<PeerPreamble> {
  const bytes = new Uint8Array(preambleBytes);
  await readExactly(channel, bytes, (count) => {
    const received = bytes.subarray(0, count);
    if (isTlsAlert(received)) throw wantsTls(channel);
    return describeStranger(received);
  });
  if (isTlsAlert(bytes)) throw wantsTls(channel);
  return parsePreamble(bytes);
}

/** Reads the next frame of a handshake. @throws {RcopyError} `protocol`, `peer-lost` */
export async function readMessage(channel: Channel): Promise<Message> {
  const head = new Uint8Array(headerBytes);
  await readExactly(channel, head);
  const header = parseHeader(head, "handshake");
  const frame = new Uint8Array(headerBytes + header.messageBytes);
  frame.set(head);
  await readExactly(channel, frame.subarray(headerBytes));
  return decodeMessage(header, frame);
}

/** The error for a TLS alert in answer to a plain handshake: the peer listens for TLS. */
function wantsTls({ peer }: Channel): RcopyError {
  return new RcopyError(
    "refused",
    `${peer} takes secure connections only: use the ticket that it printed, or say --insecure at both ends`,
  );
}

/** Whether TLS found, at either end, that bytes were altered. */
function isTampering(error: unknown): boolean {
  return error instanceof RcopyError && reasonOf(error).kind === "altered";
}

/** The error for an altered handshake: it may have been altered to make both ends agree on less. */
function tampered({ peer }: Channel, cause: unknown): RcopyError {
  return new RcopyError(
    "refused",
    `the handshake of this end and ${peer} was changed on the way; somebody or something between them ` +
      "alters connections: take another network",
    { cause },
  );
}

/** Fills `target` and reads nothing beyond it, so that the channel can be handed on at a frame's start. */
async function readExactly(
  channel: Channel,
  target: Uint8Array<ArrayBuffer>,
  describe?: (count: number) => string | undefined,
): Promise<void> {
  let count: number;
  try {
    count = await channel.readAtLeast(target, target.length);
  } catch (error) {
    throw isTampering(error) ? tampered(channel, error) : error;
  }
  if (count === target.length) return;
  const what = describe?.(count);
  throw new RcopyError(
    "peer-lost",
    `${channel.peer} hung up during the handshake${what ? ` (${what})` : ""}`,
  );
}
