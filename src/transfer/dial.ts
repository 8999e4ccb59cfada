/**
 * An end that dials: one session with the listener that answers, and where that is lost another, until its patience is over.
 * It opens the TCP connections, and so it has three more roles: it is the TLS client, it is the prover of the handshake, and
 * it requests data connections (`supply/requested.ts`). Which side of the transfer it is plays no part.
 */
import { sameBytes } from "../base/bytes.ts";
import { asRcopyError, RcopyError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { formatDuration } from "../base/units.ts";
import type { Channel } from "../net/channel.ts";
import { dialOne } from "../net/dial.ts";
import type { ClientTransport } from "../net/transport.ts";
import { tokenBytes } from "../wire/limits.ts";
import { type Hello, nothingPlaced } from "../wire/hello.ts";
import { type Credential, openHandshake } from "../meet/authenticate.ts";
import { type DialPlan, reach, type Reached } from "../meet/reach.ts";
import { LocalConnection } from "./lane/local_connection.ts";
import { lossCodes } from "./loss.ts";
import { RedialSchedule } from "./redial.ts";
import { RequestedLanes } from "./supply/requested.ts";
import type { TransferSummary } from "./session/events.ts";
import { Transfer } from "./session/transfer.ts";
import { LaneThreads } from "./thread/threads.ts";
import { sendJoin, withinHandshake, writeFrames } from "../meet/handshake.ts";
import { closeAfter, closeOf, errorOfClose } from "../meet/farewell.ts";
import type { Proposal, RunOptions, Session, Side } from "./side.ts";

/** Connects, performs the handshake, and transfers. @throws {RcopyError} whatever ended the transfer without an agreed receipt */
export async function dialSession(side: Side, plan: DialPlan, run: RunOptions): Promise<TransferSummary> {
  return await new Dialer(side, plan, run).run();
}

/** Sessions of a transfer that a receiver may ask for, for what was put off. */
const againMax = 8;

/** A session that both ends have agreed on, with its first data connections. */
interface Agreement {
  session: Session;
  channel: Channel;
  answer: Hello;
  roundTripMs: number;
}

class Dialer {
  readonly #side: Side;
  readonly #plan: DialPlan;
  readonly #run: RunOptions;
  readonly #transfer = new Transfer();
  readonly #schedule: RedialSchedule;
  /** Of those of the plan, the one that was accepted. */
  #credential: Credential | undefined;
  /** Sessions that a receiver has asked for. */
  #agains = 0;
  /** By which this end comes back. */
  #secret: Uint8Array = new Uint8Array(0);

  constructor(side: Side, plan: DialPlan, run: RunOptions) {
    this.#side = side;
    this.#plan = plan;
    this.#run = { ...run, emit: this.#transfer.numbered(run.emit) };
    this.#schedule = new RedialSchedule(run.patienceMs);
  }

  async run(): Promise<TransferSummary> {
    const { emit, signal } = this.#run;
    const reached = await reach(this.#plan, signal);
    let agreement = await this.#agreeByAnyCredential(reached);
    for (;;) {
      try {
        const summary = await this.#transferBy(agreement, reached.forwarded);
        emit({ type: "done", summary });
        return summary;
      } catch (thrown) {
        const error = asRcopyError(thrown);
        const isAgain = error.code === "again" && ++this.#agains <= againMax;
        if (signal.aborted || !isAgain && !lossCodes.has(error.code)) throw error;
        agreement = isAgain ? await this.#agreeOnceMore(reached) : await this.#agreeAgain(error, reached);
      }
    }
  }

  async #transferBy(agreement: Agreement, forwarded: boolean): Promise<TransferSummary> {
    const { engine, streams, emit, signal } = this.#run;
    const { session, channel, answer, roundTripMs } = agreement;
    const onNote = (message: string) => emit({ type: "note", level: "debug", message });
    const threads = new LaneThreads({ engine, onNote });
    session.useSupply(
      new RequestedLanes({
        host: session,
        threads,
        address: channel.remote,
        onePort: forwarded,
        transport: this.#plan.transport,
        session: answer.session,
        firstLane: answer.laneTokens.length / tokenBytes,
        streams: { ...streams, limit: Math.min(streams.limit, answer.streams) },
        roundTripMs,
        sharesMachine: channel.sharesMachine,
        signal,
        onNote,
      }),
    );
    try {
      return { ...await session.run(), ...forwarded ? { forwarded: true as const } : {} };
    } finally {
      await threads.end();
    }
  }

  /** Dials again with the next credential if one is refused. */
  async #agreeByAnyCredential(reached: Reached): Promise<Agreement> {
    const { credential, otherCredentials = [], onAccepted } = this.#plan;
    const credentials = [credential, ...otherCredentials];
    for (let i = 0;; i++) {
      const channel = i === 0 ? reached.channel : await reached.again();
      this.#credential = credentials[i];
      try {
        return await this.#agree(channel, onAccepted);
      } catch (error) {
        const isRefused = error instanceof RcopyError && error.code === "refused";
        if (!isRefused || credentials.length === 1) throw error;
        if (i + 1 < credentials.length) continue;
        const message = `none of ${credentials.length} SSH keys was accepted; of the last: ${error.message}`;
        throw new RcopyError("refused", message, { cause: error });
      }
    }
  }

  /** The peer is there, and another session is due. @throws {RcopyError} as `#agreeAgain`, where it is lost by now */
  async #agreeOnceMore(reached: Reached): Promise<Agreement> {
    try {
      return await this.#agree(await this.#reachAgain(reached));
    } catch (thrown) {
      const error = asRcopyError(thrown);
      if (this.#run.signal.aborted || !lossCodes.has(error.code)) throw error;
      return await this.#agreeAgain(error, reached);
    }
  }

  /** Looks for a peer that was lost. @throws {RcopyError} `loss` when patience is over; what ends the run sooner */
  async #agreeAgain(loss: RcopyError, reached: Reached): Promise<Agreement> {
    const { emit, signal, patienceMs } = this.#run;
    const now = performance.now();
    this.#schedule.onLost(now, this.#transfer.hasAdvanced());
    const patience = formatDuration(patienceMs);
    emit({ type: "session-lost", message: `${loss.message}; trying to connect again for ${patience}` });
    let last: RcopyError | undefined;
    for (;;) {
      const delayMs = this.#schedule.next(performance.now());
      if (delayMs === undefined) throw givenUp(loss, { last, patience });
      await pause(delayMs, signal);
      try {
        return await this.#agree(await this.#reachAgain(reached));
      } catch (thrown) {
        last = asRcopyError(thrown);
        if (signal.aborted) throw signal.reason;
        if (!lossCodes.has(last.code)) throw last;
        emit({ type: "note", level: "debug", message: `no connection yet: ${last.message}` });
      }
    }
  }

  /** Whoever else answers at an address of the peer, in the network that this machine is in now, is not the peer. */
  async #reachAgain(reached: Reached): Promise<Channel> {
    try {
      return await reached.again();
    } catch (thrown) {
      const error = asRcopyError(thrown);
      if (this.#run.signal.aborted || error.code === "permission-flag") throw thrown;
      throw new RcopyError("unreachable", error.message, { cause: error });
    }
  }

  /** Everything up to the first data connections. A failure closes what was opened, and the peer is told of it. */
  async #agree(channel: Channel, onAccepted?: () => Promise<void>): Promise<Agreement> {
    const { signal } = this.#run;
    const onAbort = () => channel.close();
    signal.addEventListener("abort", onAbort, { once: true });
    let canTell = false;
    try {
      const proposal = this.#side.propose(this.#run, this.#transfer);
      const hello = { ...proposal.hello, returnSecret: this.#secret };
      const startedAt = performance.now();
      const answer = await withinHandshake(
        channel,
        () =>
          openHandshake(channel, { credential: this.#credential, hello, onPreamble: () => canTell = true }),
      );
      if (answer.kind === "close") {
        canTell = false;
        throw errorOfClose(answer);
      }
      const roundTripMs = performance.now() - startedAt;
      checkAnswer(answer, { hello, channel });
      await onAccepted?.();
      const session = await this.#begin(proposal, channel, answer);
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

  /** Opens the first data connections and begins the session. */
  async #begin(proposal: Proposal, channel: Channel, answer: Hello): Promise<Session> {
    const { emit, signal } = this.#run;
    const { transport } = this.#plan;
    const lanes: Channel[] = [];
    try {
      for (let lane = 0; lane * tokenBytes < answer.laneTokens.length; lane++) {
        lanes.push(await openLane(channel, { answer, lane, transport, signal }));
      }
      // Where the listener knows nothing of the transfer, neither end counts what was placed in it.
      if (!answer.returned) this.#transfer.resumeWith(nothingPlaced);
      const placed = answer.returned ? answer.placed : nothingPlaced;
      emit({ type: "connected", peer: channel.peer, ...answer.returned ? { returned: true as const } : {} });
      if (this.#secret.length > 0) {
        const message = `connected again to ${channel.peer}, and the copy goes on`;
        emit({ type: "note", level: "info", message });
      }
      const session = proposal.begin(channel, { ...answer, placed });
      for (const [number, lane] of lanes.entries()) {
        session.addLane(number, new LocalConnection(lane, { isOpener: true }));
      }
      this.#secret = answer.returnSecret;
      return session;
    } catch (error) {
      for (const lane of lanes) lane.close();
      throw error;
    }
  }
}

/** The loss that ends the run, since the peer was not found again. */
function givenUp(
  loss: RcopyError,
  { last, patience }: { last: RcopyError | undefined; patience: string },
): RcopyError {
  if (!last) return loss;
  const message = `${loss.message}; no connection again within ${patience}: ${last.message}`;
  return new RcopyError(loss.code, message, { cause: loss });
}

/** @throws {RcopyError} `refused` for an end that does the same as this one, `protocol` */
function checkAnswer(answer: Hello, { hello, channel }: { hello: Hello; channel: Channel }): void {
  if (answer.role === hello.role) {
    const [same, other] = hello.role === "receiver" ? ["receive", "send"] : ["send", "receive"];
    throw new RcopyError("refused", `both ends want to ${same}; run rcopy ${other} on one of them`);
  }
  checkReturn(answer, { hello, channel });
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

/** Only a listener that was given its own secret knows the transfer. @throws {RcopyError} `protocol` */
function checkReturn(answer: Hello, { hello, channel }: { hello: Hello; channel: Channel }): void {
  const { returned, returnSecret } = answer;
  const isOurs = hello.returnSecret.length > 0 && sameBytes(returnSecret, hello.returnSecret);
  if (returnSecret.length === tokenBytes && (!returned || isOurs)) return;
  const what = returned
    ? "takes this end for one that came back, which it is not"
    : "gives no secret for a return";
  throw new RcopyError("protocol", `the ${answer.role} at ${channel.peer} ${what}`);
}

async function openLane(
  control: Channel,
  to: { answer: Hello; lane: number; transport: ClientTransport; signal: AbortSignal },
): Promise<Channel> {
  const { answer, lane, transport, signal } = to;
  const channel = await dialOne(control.remote, { transport, signal });
  try {
    const token = answer.laneTokens.slice(lane * tokenBytes, (lane + 1) * tokenBytes);
    await sendJoin(channel, { kind: "join", session: answer.session, lane, token });
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}
