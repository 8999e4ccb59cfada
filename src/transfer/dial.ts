/**
 * An end that dials: one session with the listener that answers. It opens the TCP connections, and so it has three more
 * roles: it is the TLS client, it is the prover of the handshake, and it requests data connections (`supply/requested.ts`).
 * Which side of the transfer it is plays no part.
 */
import { asRcopyError, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import { dialOne } from "../net/dial.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello } from "../wire/hello.ts";
import { openHandshake } from "../meet/authenticate.ts";
import { type DialPlan, reach, type Reached } from "../meet/reach.ts";
import { LocalConnection } from "./lane/local_connection.ts";
import { RequestedLanes } from "./supply/requested.ts";
import type { TransferSummary } from "./session/events.ts";
import { LaneThreads } from "./thread/threads.ts";
import { sendJoin, withinHandshake, writeFrames } from "../meet/handshake.ts";
import { closeAfter, closeOf, errorOfClose } from "../meet/farewell.ts";
import type { Proposal, RunOptions, Session, Side } from "./side.ts";

/** Connects, performs the handshake, and transfers. @throws {RcopyError} whatever ended the session without an agreed receipt */
export async function dialSession(side: Side, plan: DialPlan, run: RunOptions): Promise<TransferSummary> {
  const { engine, streams, emit, signal } = run;
  const reached = await reach(plan, signal);
  const { session, channel, answer, roundTripMs } = await agreeByAnyCredential(reached, { side, plan, run });
  const onNote = (message: string) => emit({ type: "note", level: "debug", message });
  const threads = new LaneThreads({ engine, onNote });
  session.useSupply(
    new RequestedLanes({
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
    }),
  );
  try {
    const forwarded = reached.forwarded ? { forwarded: true as const } : {};
    const summary = { ...await session.run(), ...forwarded };
    emit({ type: "done", summary });
    return summary;
  } finally {
    await threads.end();
  }
}

/** A session that both ends have agreed on, with its first data connections. */
interface Agreement {
  session: Session;
  channel: Channel;
  answer: Hello;
  roundTripMs: number;
}

/** The ends of an agreement: what this one does, how the peer is dialled, and the run. */
interface Ends {
  side: Side;
  plan: DialPlan;
  run: RunOptions;
}

/** Dials again with the next credential if one is refused. */
async function agreeByAnyCredential(reached: Reached, { side, plan, run }: Ends): Promise<Agreement> {
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

/** Everything up to the first data connections. A failure closes what was opened, and the peer is told of it. */
async function agree(channel: Channel, { side, plan, run }: Ends): Promise<Agreement> {
  const { signal } = run;
  const onAbort = () => channel.close();
  signal.addEventListener("abort", onAbort, { once: true });
  let canTell = false;
  try {
    const proposal = side.propose(run);
    const { hello } = proposal;
    const startedAt = performance.now();
    const answer = await withinHandshake(
      channel,
      () => openHandshake(channel, { credential: plan.credential, hello, onPreamble: () => canTell = true }),
    );
    if (answer.kind === "close") {
      canTell = false;
      throw errorOfClose(answer);
    }
    const roundTripMs = performance.now() - startedAt;
    checkAnswer(answer, { hello, channel });
    await plan.onAccepted?.();
    const session = await begin(proposal, { channel, answer, plan, run });
    return { session, channel, answer, roundTripMs };
  } catch (thrown) {
    if (canTell && !signal.aborted) {
      const close = closeOf(asRcopyError(thrown));
      await closeAfter(channel, writeFrames(channel, undefined, close));
    } else channel.close();
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** @throws {RcopyError} `refused` for an end that does the same as this one, `protocol` */
function checkAnswer(answer: Hello, { hello, channel }: { hello: Hello; channel: Channel }): void {
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
}

/** Where a session begins: its control connection, and the answer that brought the tokens of its lanes. */
interface Beginning {
  channel: Channel;
  answer: Hello;
  plan: DialPlan;
  run: RunOptions;
}

/** Opens the first data connections and begins the session. */
async function begin(proposal: Proposal, { channel, answer, plan, run }: Beginning): Promise<Session> {
  const lanes: Channel[] = [];
  try {
    for (let lane = 0; lane * tokenBytes < answer.laneTokens.length; lane++) {
      lanes.push(await openLane(channel, { answer, lane, plan, signal: run.signal }));
    }
    run.emit({ type: "connected", peer: channel.peer });
    const session = proposal.begin(channel, answer);
    for (const [number, lane] of lanes.entries()) {
      session.addLane(number, new LocalConnection(lane, { isOpener: true }));
    }
    return session;
  } catch (error) {
    for (const lane of lanes) lane.close();
    throw error;
  }
}

async function openLane(
  control: Channel,
  to: { answer: Hello; lane: number; plan: DialPlan; signal: AbortSignal },
): Promise<Channel> {
  const { answer, lane, plan, signal } = to;
  const channel = await dialOne(control.remote, { transport: plan.transport, signal });
  try {
    const token = answer.laneTokens.slice(lane * tokenBytes, (lane + 1) * tokenBytes);
    await sendJoin(channel, { kind: "join", session: answer.session, lane, token });
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}
