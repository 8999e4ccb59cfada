/** How a connection begins: preamble, then hello (control) or join (data). See `src/wire/PROTOCOL.md`. */
import { RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { decodeMessage, encodeFrame, parseHeader } from "../wire/frame.ts";
import { handshakeMs, headerBytes, preambleBytes } from "../wire/limits.ts";
import type { Close, Hello, Join, Message } from "../wire/messages.ts";
import { describeStranger, encodePreamble, negotiate, parsePreamble } from "../wire/version.ts";

/** What a listener reads first on a connection. */
export type Opening = { of: "control"; hello: Hello } | { of: "data"; join: Join };

/** Runs `opening` under the handshake's absolute deadline; past it the channel is closed. */
export async function withinHandshake<T>(channel: Channel, opening: () => Promise<T>): Promise<T> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    channel.close();
  }, handshakeMs);
  try {
    return await opening();
  } catch (error) {
    if (!isLate) throw error;
    const message = `${channel.peer} did not complete its greeting within ${handshakeMs / 1000} s`;
    throw new RcopyError("timeout", message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** The dialer's first words on a connection. */
export async function sendOpening(channel: Channel, message: Hello | Join): Promise<void> {
  await channel.write(
    joined(encodePreamble(message.kind === "hello" ? "control" : "data"), encodeFrame(message)),
  );
}

/** The listener's answer to a hello: its own, or a close with the reason. */
export async function answerOpening(channel: Channel, message: Hello | Close): Promise<void> {
  await channel.write(joined(encodePreamble("control"), encodeFrame(message)));
}

/** What a dialer has sent. @throws {RcopyError} `protocol` (also strangers), `version`, `peer-lost` */
export async function readOpening(channel: Channel): Promise<Opening> {
  const connection = await readPreamble(channel);
  const message = await readMessage(channel);
  if (connection === "control" && message.kind === "hello") return { of: "control", hello: message };
  if (connection === "data" && message.kind === "join") return { of: "data", join: message };
  throw new RcopyError("protocol", `${channel.peer} opened a ${connection} connection with ${message.kind}`);
}

/** The listener's hello, or its close. */
export async function readAnswer(channel: Channel): Promise<Hello | Close> {
  if (await readPreamble(channel) !== "control") {
    throw new RcopyError("protocol", `${channel.peer} answered with a data connection`);
  }
  const message = await readMessage(channel);
  if (message.kind === "hello" || message.kind === "close") return message;
  throw new RcopyError("protocol", `${channel.peer} answered a hello with ${message.kind}`);
}

async function readPreamble(channel: Channel): Promise<"control" | "data"> {
  const bytes = new Uint8Array(preambleBytes);
  await readExactly(channel, bytes, (count) => describeStranger(bytes.subarray(0, count)));
  const { low, high, connection } = parsePreamble(bytes);
  negotiate(low, high);
  return connection;
}

async function readMessage(channel: Channel): Promise<Message> {
  const head = new Uint8Array(headerBytes);
  await readExactly(channel, head);
  const header = parseHeader(head, "opening");
  const frame = new Uint8Array(headerBytes + header.messageBytes);
  frame.set(head);
  await readExactly(channel, frame.subarray(headerBytes));
  return decodeMessage(header, frame);
}

/** Fills `target`; nothing beyond it is read, so that whoever takes over the channel finds it at a frame's start. */
async function readExactly(
  channel: Channel,
  target: Uint8Array<ArrayBuffer>,
  describe?: (count: number) => string | undefined,
): Promise<void> {
  for (let filled = 0; filled < target.length;) {
    const count = await channel.read(target.subarray(filled));
    if (count === 0) {
      const what = describe?.(filled);
      throw new RcopyError(
        "peer-lost",
        `${channel.peer} hung up during the greeting${what ? ` (${what})` : ""}`,
      );
    }
    filled += count;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
