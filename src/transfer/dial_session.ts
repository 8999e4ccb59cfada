/** An end that dials: one session with the listener that answers. Which side of the transfer it is plays no part. */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { TcpChannel } from "../net/channel.ts";
import { dialListeningPeer, dialOne, dialPeer, type PeerAddress } from "../net/dial.ts";
import type { DialTransport } from "../net/transport.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello } from "../wire/messages.ts";
import { type DialerProof, greet } from "./authenticate.ts";
import { DialedLanes } from "./dialed_lanes.ts";
import type { TransferSummary } from "./events.ts";
import { LaneWorkers } from "./lane_workers.ts";
import { sendJoin, withinHandshake } from "./opening.ts";
import { errorOfClose } from "./session_tasks.ts";
import type { Proposal, RunOptions, Side } from "./side.ts";

/** Whom to dial, how, and with what proof. */
export interface Route {
  addresses: readonly PeerAddress[];
  transport: DialTransport;
  /** What this end proves itself by; nothing on a plain channel. */
  proof?: DialerProof | undefined;
  /** What it proves itself by where that is refused, in order. */
  otherProofs?: readonly DialerProof[] | undefined;
  /** Called once the listener has let this end in. */
  onAccepted?: (() => Promise<void>) | undefined;
  /** The way around, to a peer that listens already and cannot be reached at any of the addresses; asked for once. */
  detour?: Detour | undefined;
}

/** Opens another way to the peer, told why there is none; gives the one address where it begins. */
export type Detour = (why: RcopyError) => Promise<PeerAddress>;

/** How long the addresses have to answer where there is a way around. */
const directMs = 5_000;

/** Connects, greets, and transfers. @throws {RcopyError} whatever ended the session without an agreed receipt */
export async function dialSession(side: Side, route: Route, run: RunOptions): Promise<TransferSummary> {
  const { engine, streams, emit, signal } = run;
  const reached = await reach(route, run.signal);
  const { channel, proposal, answer, roundTripMs, lanes } = await agreeByAnyProof(reached, {
    side,
    route,
    run,
  });
  const forwarded = reached.forwarded ? { forwarded: true as const } : {};
  emit({ type: "connected", peer: channel.peer });
  const session = proposal.begin(channel, answer);
  for (const [number, lane] of lanes.entries()) session.addLane(number, lane);
  const onNote = (message: string) => emit({ type: "note", level: "debug", message });
  const workers = new LaneWorkers({ engine, onNote });
  session.supply = new DialedLanes({
    host: session,
    workers,
    address: channel.remote,
    onePort: reached.forwarded,
    transport: route.transport,
    session: answer.session,
    streams: { ...streams, limit: Math.min(streams.limit, answer.streams) },
    roundTripMs,
    sharesMachine: channel.isLoopback,
    signal,
    onNote,
  });
  try {
    const summary = { ...await session.run(), ...forwarded };
    emit({ type: "done", summary });
    return summary;
  } finally {
    await workers.end();
  }
}

/** A connection, and how to make another. */
interface Reached {
  channel: TcpChannel;
  again: () => Promise<TcpChannel>;
  /** Whether it goes the way around. */
  forwarded: boolean;
}

/** Connects directly, or where that fails the way around. @throws {RcopyError} as {@linkcode dialPeer} and the detour */
async function reach({ addresses, transport, detour }: Route, signal: AbortSignal): Promise<Reached> {
  const directly = () => dialPeer(addresses, transport, signal);
  if (!detour) return { channel: await directly(), again: directly, forwarded: false };
  const limit = AbortSignal.timeout(directMs);
  try {
    const channel = await dialListeningPeer(addresses, transport, AbortSignal.any([signal, limit]));
    return { channel, again: directly, forwarded: false };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const isLate = thrown === limit.reason;
    const late = `none of its addresses answered within ${directMs / 1000} s`;
    const entrance = await detour(isLate ? new RcopyError("unreachable", late) : asRcopyError(thrown));
    const around = () => dialPeer([entrance], transport, signal);
    return { channel: await around(), again: around, forwarded: true };
  }
}

/** What both ends have agreed on, and the connections that they have by then. */
interface Agreement {
  channel: TcpChannel;
  proposal: Proposal;
  answer: Hello;
  roundTripMs: number;
  lanes: TcpChannel[];
}

/** Comes again with the next proof where one is refused. */
async function agreeByAnyProof(
  reached: Reached,
  { side, route, run }: { side: Side; route: Route; run: RunOptions },
): Promise<Agreement> {
  const proofs = [route.proof, ...route.otherProofs ?? []];
  for (let i = 0;; i++) {
    const channel = i === 0 ? reached.channel : await reached.again();
    try {
      return await agree(channel, { side, route: { ...route, proof: proofs[i] }, run });
    } catch (error) {
      const isRefused = error instanceof RcopyError && error.code === "refused";
      if (!isRefused || proofs.length === 1) throw error;
      if (i + 1 < proofs.length) continue;
      const message = `none of ${proofs.length} SSH keys was accepted; of the last: ${error.message}`;
      throw new RcopyError("refused", message, { cause: error });
    }
  }
}

/** Everything up to the first data connections; what fails closes what it opened. */
async function agree(
  channel: TcpChannel,
  { side, route, run }: { side: Side; route: Route; run: RunOptions },
): Promise<Agreement> {
  const { signal } = run;
  const onAbort = () => channel.close();
  signal.addEventListener("abort", onAbort, { once: true });
  const lanes: TcpChannel[] = [];
  try {
    const proposal = side.propose(run);
    const greetedAt = performance.now();
    const answer = await withinHandshake(channel, () => greetListener(channel, route, proposal.hello));
    const roundTripMs = performance.now() - greetedAt;
    await route.onAccepted?.();
    for (let lane = 0; lane * tokenBytes < answer.laneTokens.length; lane++) {
      lanes.push(await openLane(channel, { answer, lane, route, signal }));
    }
    return { channel, proposal, answer, roundTripMs, lanes };
  } catch (error) {
    channel.close();
    for (const lane of lanes) lane.close();
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function greetListener(channel: TcpChannel, { proof }: Route, hello: Hello): Promise<Hello> {
  const answer = await greet(channel, proof, hello);
  if (answer.kind === "close") throw errorOfClose(answer);
  if (answer.role === hello.role) {
    const [same, other] = hello.role === "receiver" ? ["receive", "send"] : ["send", "receive"];
    throw new RcopyError("refused", `both ends want to ${same}; run rcopy ${other} on one of them`);
  }
  const lanes = answer.laneTokens.length / tokenBytes;
  if (
    !Number.isInteger(lanes) || lanes < 1 || lanes > hello.streams || answer.session.length !== tokenBytes
  ) {
    throw new RcopyError(
      "protocol",
      `the ${answer.role} at ${channel.peer} offers ${lanes} data connections`,
    );
  }
  return answer;
}

async function openLane(
  control: TcpChannel,
  to: { answer: Hello; lane: number; route: Route; signal: AbortSignal },
): Promise<TcpChannel> {
  const { answer, lane, route, signal } = to;
  const channel = await dialOne(control.remote, route.transport, signal);
  try {
    const token = answer.laneTokens.slice(lane * tokenBytes, (lane + 1) * tokenBytes);
    await sendJoin(channel, { kind: "join", session: answer.session, lane, token });
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}
