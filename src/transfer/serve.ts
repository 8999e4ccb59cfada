/**
 * An end that listens: one session after the other, or with `keep` many side by side. It accepts TCP connections, and so it
 * has three more roles: it is the TLS server, it is the verifier of the handshake, and it offers data connections
 * (`supply/offered.ts`). Which side of the transfer it is plays no part.
 */
import { asRcopyError, type ErrorCode, RcopyError } from "../base/errors.ts";
import type { Channel } from "../net/channel.ts";
import type { PeerListener } from "../net/listen.ts";
import type { ServerTransport } from "../net/transport.ts";
import { closeOf } from "../meet/farewell.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello, Join } from "../wire/hello.ts";
import { answerHandshake, answerJoin, type Handshake, type Verifier } from "../meet/authenticate.ts";
import type { TransferSummary } from "./session/events.ts";
import { Admission } from "../meet/admission.ts";
import type { LaneArrival } from "./thread/calls.ts";
import type { LaneThread } from "./thread/thread.ts";
import { LaneThreads } from "./thread/threads.ts";
import { OfferedLanes } from "./supply/offered.ts";
import type { Preparation, RunOptions, Session, Side } from "./side.ts";

/** Sessions at once under `keep`. */
const sessionsMax = 64;

/** Errors after which a peer may come back: the session was lost, not refused or broken. */
const lostCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["peer-lost", "timeout", "unreachable"]);

export interface ServeOptions extends RunOptions {
  side: Side;
  listener: PeerListener;
  /** Of the peers' proofs; absent on a plain channel. */
  verifier?: Verifier | undefined;
  keep: boolean;
  /** Where the Workers listen, as the main port does. */
  place: { bind: string | undefined; local: boolean; transport: ServerTransport };
}

/** A session that runs, and the lanes that it was offered. */
interface Served {
  session: Session;
  lanes: OfferedLanes;
}

export class Server {
  readonly #options: ServeOptions;
  readonly #sessions = new Map<string, Served>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = Promise.withResolvers<TransferSummary>();
  readonly #threads: LaneThreads;
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #hasReceipt = false;
  #preparation: Preparation | undefined;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#threads = new LaneThreads({ engine: options.engine, onNote: (message) => this.#onNote(message) });
    this.#threads.onArrival = (thread, arrival) => void this.#onArrival(thread, arrival);
  }

  /** Serves until the first receipt, or with `keep` until interrupted. @throws {RcopyError} what ended the run */
  async run(): Promise<TransferSummary> {
    const { listener, signal, emit, side, engine } = this.#options;
    const onAbort = () => this.#ended.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const admission = new Admission(listener, {
      descriptorsMax: this.#options.engine.descriptorsMax,
      verifier: this.#options.verifier,
      onHandshake: (channel, handshake) => this.#onHandshake(channel, handshake),
      onNote: (message) => emit({ type: "note", level: "info", message }),
    });
    const accepting = admission.run();
    await using preparation = side.prepare?.(engine);
    this.#preparation = preparation;
    try {
      return await this.#ended.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#returnTimer);
      listener[Symbol.dispose]();
      await accepting;
      await Promise.all(this.#running);
      await this.#threads.end();
    }
  }

  #onNote(message: string): void {
    this.#options.emit({ type: "note", level: "debug", message });
  }

  async #onHandshake(channel: Channel, handshake: Handshake): Promise<void> {
    if (handshake.of === "data") {
      await this.#join(channel, handshake.join);
      return;
    }
    const { hello, preambleSent } = handshake;
    const refusal = this.#whyRefused(hello);
    if (refusal) {
      await answerHandshake(channel, closeOf(refusal), { preambleSent });
      throw refusal;
    }
    this.#preparation?.stop();
    // The place is taken before anything is awaited, so that two peers cannot both get it.
    const id = crypto.getRandomValues(new Uint8Array(tokenBytes));
    const key = keyOf(id);
    let served: Served;
    let answer: Hello;
    try {
      const proposal = this.#options.side.propose(this.#options);
      served = this.#begin(proposal.begin(channel, hello), hello);
      answer = { ...proposal.hello, session: id, laneTokens: served.lanes.offer().token };
    } catch (thrown) {
      const error = asRcopyError(thrown);
      await answerHandshake(channel, closeOf(error), { preambleSent });
      this.#ended.reject(error);
      throw error;
    }
    clearTimeout(this.#returnTimer);
    this.#sessions.set(key, served);
    this.#options.emit({ type: "connected", peer: channel.peer });
    const running = this.#run(
      key,
      served.session,
      answerHandshake(channel, answer, { preambleSent }),
      channel,
    );
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  #whyRefused(hello: Hello): RcopyError | undefined {
    const { role } = this.#options.side;
    const [own, other] = role === "sender" ? ["send", "receive"] : ["receive", "send"];
    if (hello.role === role) {
      return new RcopyError("refused", `both ends want to ${own}; run rcopy ${other} on one of them`);
    }
    const placesMax = this.#options.keep ? sessionsMax : 1;
    if (this.#hasReceipt || this.#sessions.size >= placesMax) {
      const message = role === "sender"
        ? "the sender already serves another receiver; it takes more with --keep"
        : "the receiver already receives from another sender";
      return new RcopyError("busy", message);
    }
    return undefined;
  }

  /** Gives the session its lanes. */
  #begin(session: Session, peer: Hello): Served {
    const { place, streams } = this.#options;
    const lanes = new OfferedLanes({
      host: session,
      threads: this.#threads,
      ...place,
      limit: Math.min(streams.limit, peer.streams),
      onNote: (message) => this.#onNote(message),
    });
    session.useSupply(lanes);
    return { session, lanes };
  }

  /** A data connection at the main port finds its session by number. @throws {RcopyError} `refused` */
  async #join(channel: Channel, join: Join): Promise<void> {
    const served = this.#sessions.get(keyOf(join.session));
    try {
      if (!served) throw new RcopyError("refused", "a data connection did not know its session");
      served.lanes.join(channel, join);
    } catch (thrown) {
      await answerJoin(channel, closeOf(asRcopyError(thrown)));
      throw thrown;
    }
  }

  /** A data connection at the port of a Worker finds its session by number. */
  async #onArrival(thread: LaneThread, arrival: LaneArrival): Promise<void> {
    const served = this.#sessions.get(keyOf(arrival.join.session));
    try {
      if (served) await served.lanes.joinAtWorker(thread, arrival);
      else await thread.call(0, "turnAway", { arrival: arrival.arrival });
    } catch (thrown) {
      this.#onNote(`a data connection from ${arrival.peer} was lost: ${asRcopyError(thrown).message}`);
    }
  }

  async #run(key: string, session: Session, answered: Promise<void>, channel: Channel): Promise<void> {
    const { keep, emit, timeoutMs } = this.#options;
    try {
      await answered.catch(() => {}); // a peer that is gone already is found lost by the session itself
      const summary = await session.run();
      this.#hasReceipt = !keep;
      emit({ type: "done", summary });
      if (!keep) this.#ended.resolve(summary);
    } catch (thrown) {
      const error = asRcopyError(thrown);
      const mayReturn = lostCodes.has(error.code);
      if (!keep && !mayReturn) {
        this.#ended.reject(error);
        return;
      }
      if (!keep && session.hasBegun === false) {
        // Its user has not decided where it lands: it comes again, or another one does.
        emit({ type: "session-lost", message: `${channel.peer}: ${error.message}; still listening` });
        return;
      }
      const wait = keep ? "" : `; waiting ${Math.round(timeoutMs / 1000)} s for it to come back`;
      emit({ type: "session-lost", message: `${channel.peer}: ${error.message}${wait}` });
      if (!keep) this.#returnTimer = setTimeout(() => this.#ended.reject(error), timeoutMs);
    } finally {
      this.#sessions.delete(key);
    }
  }
}

function keyOf(id: Uint8Array): string {
  return id.join(",");
}
