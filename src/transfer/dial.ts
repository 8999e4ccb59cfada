/**
 * An end that dials: one session with the listener that answers. It opens the TCP connections, and so it has three more
 * roles: it is the TLS client, it is the prover of the handshake, and it requests data connections (`supply/requested.ts`).
 * Which side of the transfer it is plays no part.
 */
import { RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { dialOne } from "../net/dial.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello } from "../wire/hello.ts";
import { initiateHandshake } from "../meet/authenticate.ts";
import { type DialPlan, reach, type Reached } from "../meet/reach.ts";
import { LocalConnection } from "./lane/local_connection.ts";
import { RequestedLanes } from "./supply/requested.ts";
import type { TransferSummary } from "./session/events.ts";
import { LaneThreads } from "./thread/threads.ts";
import { sendJoin, withinHandshake } from "../meet/handshake.ts";
import { errorOfClose } from "./session/tasks.ts";
import type { Proposal, RunOptions, Side } from "./side.ts";

/** Connects, performs the handshake, and transfers. @throws {RcopyError} whatever ended the session without an agreed receipt */
export async function dialSession(side: Side, plan: DialPlan, run: RunOptions): Promise<TransferSummary> {
  const { engine, streams, emit, signal } = run;
  const reached = await reach(plan, run.signal);
  const { channel, proposal, answer, roundTripMs, lanes } = await agreeByAnyProof(reached, {
    side,
    plan,
    run,
  });
  const forwarded = reached.forwarded ? { forwarded: true as const } : {};
  emit({ type: "connected", peer: channel.peer });
  const session = proposal.begin(channel, answer);
  for (const [number, lane] of lanes.entries()) session.addLane(number, new LocalConnection(lane));
  const onNote = (message: string) => emit({ type: "note", level: "debug", message });
  const threads = new LaneThreads({ engine, onNote });
  const supply = new RequestedLanes({
    host: session,
    threads,
    address: channel.remote,
    onePort: reached.forwarded,
    transport: plan.transport,
    session: answer.session,
    streams: { ...streams, limit: Math.min(streams.limit, answer.streams) },
    roundTripMs,
    sharesMachine: channel.sharesMachine,
    signal,
    onNote,
  });
  session.useSupply(supply);
  try {
    const summary = { ...await session.run(), ...forwarded };
    emit({ type: "done", summary });
    return summary;
  } finally {
    await threads.end();
  }
}

/** What both ends have agreed on, and the connections that they have by then. */
interface Agreement {
  channel: Channel;
  proposal: Proposal;
  answer: Hello;
  roundTripMs: number;
  lanes: Channel[];
}

/** Comes again with the next credential where one is refused. */
async function agreeByAnyProof(
  reached: Reached,
  { side, plan, run }: { side: Side; plan: DialPlan; run: RunOptions },
): Promise<Agreement> {
  const credentials = [plan.credential, ...plan.otherCredentials ?? []];
  for (let i = 0;; i++) {
    const channel = i === 0 ? reached.channel : await reached.again();
    try {
      return await agree(channel, { side, plan: { ...plan, credential: credentials[i] }, run });
    } catch (error) {
      const isRefused = error instanceof RcopyError && error.code === "refused";
      if (!isRefused || credentials.length === 1) throw error;
      if (i + 1 < credentials.length) continue;
      const message = `none of ${credentials.length} SSH keys was accepted; of the last: ${error.message}`;
      throw new RcopyError("refused", message, { cause: error });
    }
  }
}

/** Everything up to the first data connections; what fails closes what it opened. */
async function agree(
  channel: Channel,
  { side, plan, run }: { side: Side; plan: DialPlan; run: RunOptions },
): Promise<Agreement> {
  const { signal } = run;
  const onAbort = () => channel.close();
  signal.addEventListener("abort", onAbort, { once: true });
  const lanes: Channel[] = [];
  try {
    const proposal = side.propose(run);
    const startedAt = performance.now();
    const answer = await withinHandshake(channel, () => handshakeWithListener(channel, plan, proposal.hello));
    const roundTripMs = performance.now() - startedAt;
    await plan.onAccepted?.();
    for (let lane = 0; lane * tokenBytes < answer.laneTokens.length; lane++) {
      lanes.push(await openLane(channel, { answer, lane, plan, signal }));
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

async function handshakeWithListener(
  channel: Channel,
  { credential }: DialPlan,
  hello: Hello,
): Promise<Hello> {
  const answer = await initiateHandshake(channel, credential, hello);
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
  control: Channel,
  to: { answer: Hello; lane: number; plan: DialPlan; signal: AbortSignal },
): Promise<Channel> {
  const { answer, lane, plan, signal } = to;
  const channel = await dialOne(control.remote, plan.transport, signal);
  try {
    const token = answer.laneTokens.slice(lane * tokenBytes, (lane + 1) * tokenBytes);
    await sendJoin(channel, { kind: "join", session: answer.session, lane, token });
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}
