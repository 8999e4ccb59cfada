/** A receiver that dials: one session with the sender that answers. */
import { RcopyError } from "../base/errors.ts";
import type { Directory, Engine } from "../io/engine.ts";
import type { TcpChannel } from "../net/channel.ts";
import { dialOne, dialPeer, type PeerAddress } from "../net/dial.ts";
import type { DialTransport } from "../net/transport.ts";
import { FrameSplitter } from "../wire/frame.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello } from "../wire/messages.ts";
import { type DialerProof, greet } from "./authenticate.ts";
import { Control } from "./control.ts";
import { DestinationIdentity, isEmptyDirectory, readBootId } from "./destination.ts";
import type { EventSink, TransferSummary } from "./events.ts";
import { localHello } from "./greeting.ts";
import { sendJoin, withinHandshake } from "./opening.ts";
import type { ExistsPolicy } from "./plan.ts";
import { Receiver } from "./receiver.ts";
import { errorOfClose } from "./session_tasks.ts";

export interface FetchOptions {
  engine: Engine;
  addresses: readonly PeerAddress[];
  transport: DialTransport;
  /** What this end proves itself by; nothing on a plain channel. */
  proof?: DialerProof | undefined;
  /** What it proves itself by where that is refused, in order. */
  otherProofs?: readonly DialerProof[] | undefined;
  /** Called once the sender has let this end in. */
  onAccepted?: (() => Promise<void>) | undefined;
  /** Gives the destination, once there is a sender; absent only in a dry run. */
  destination: () => Directory | undefined;
  exists: ExistsPolicy;
  durable: boolean;
  dryRun: boolean;
  streams: number;
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

/** Connects, greets, and receives. @throws {RcopyError} whatever ended the session without an agreed receipt */
export async function fetchTree(options: FetchOptions): Promise<TransferSummary> {
  const { engine, timeoutMs, emit, signal } = options;
  let channel = await dialPeer(options.addresses, options.transport, signal);
  const onAbort = () => channel.close();
  signal.addEventListener("abort", onAbort, { once: true });
  let destination: Directory | undefined;
  let hello: Hello;
  let answer: Hello;
  const lanes: TcpChannel[] = [];
  try {
    destination = options.destination();
    hello = receiverHello(engine, destination, options);
    const proofs = [options.proof, ...options.otherProofs ?? []];
    for (let i = 0;; i++) {
      try {
        answer = await withinHandshake(channel, () => greetSender(channel, proofs[i], hello));
        break;
      } catch (error) {
        if (i + 1 === proofs.length || signal.aborted || !isRefusal(error)) throw refusalOfAll(error, i + 1);
      }
      channel.close();
      channel = await dialPeer(options.addresses, options.transport, signal);
    }
    await options.onAccepted?.();
    for (let lane = 0; lane * tokenBytes < answer.laneTokens.length; lane++) {
      lanes.push(await openLane(channel, { answer, lane, transport: options.transport, signal }));
    }
  } catch (error) {
    channel.close();
    for (const lane of lanes) lane.close();
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  emit({ type: "connected", peer: channel.peer });
  const receiver = new Receiver({
    control: new Control(channel, new FrameSplitter()),
    peer: answer,
    granted: hello,
    engine,
    destination,
    exists: options.exists,
    durable: options.durable,
    dryRun: options.dryRun,
    timeoutMs,
    emit,
    signal,
  });
  for (const [number, lane] of lanes.entries()) receiver.addLane(number, lane);
  const summary = await receiver.run();
  emit({ type: "done", summary });
  return summary;
}

function receiverHello(
  engine: Engine,
  destination: Directory | undefined,
  options: { streams: number; timeoutMs: number; dryRun: boolean },
): Hello {
  const hello = localHello("receiver", engine, options);
  if (!destination) return hello;
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const { device, inode } = engine.identityOf(destination);
  return {
    ...hello,
    wantsAll: !options.dryRun && isEmptyDirectory(engine, destination),
    destinationNonce: nonce,
    destinationHash: new DestinationIdentity(nonce, [readBootId()]).hash(device, inode),
  };
}

/** Whether another key may do. */
function isRefusal(error: unknown): boolean {
  return error instanceof RcopyError && error.code === "refused";
}

function refusalOfAll(error: unknown, tried: number): unknown {
  if (tried < 2 || !(error instanceof RcopyError) || error.code !== "refused") return error;
  return new RcopyError("refused", `none of ${tried} SSH keys was accepted; of the last: ${error.message}`, {
    cause: error,
  });
}

async function greetSender(
  channel: TcpChannel,
  proof: DialerProof | undefined,
  hello: Hello,
): Promise<Hello> {
  const answer = await greet(channel, proof, hello);
  if (answer.kind === "close") throw errorOfClose(answer);
  if (answer.role !== "sender") {
    throw new RcopyError("refused", "both ends want to receive; run rcopy send on one of them");
  }
  const lanes = answer.laneTokens.length / tokenBytes;
  if (
    !Number.isInteger(lanes) || lanes < 1 || lanes > hello.streams || answer.session.length !== tokenBytes
  ) {
    throw new RcopyError("protocol", `the sender at ${channel.peer} offers ${lanes} data connections`);
  }
  return answer;
}

async function openLane(
  control: TcpChannel,
  to: { answer: Hello; lane: number; transport: DialTransport; signal: AbortSignal },
): Promise<TcpChannel> {
  const { answer, lane } = to;
  const channel = await dialOne(control.remote, to.transport, to.signal);
  try {
    const token = answer.laneTokens.slice(lane * tokenBytes, (lane + 1) * tokenBytes);
    await sendJoin(channel, { kind: "join", session: answer.session, lane, token });
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}
