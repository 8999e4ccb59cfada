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
import { formatDuration } from "../base/units.ts";
import { tokenBytes } from "../wire/limits.ts";
import { type Hello, type Join, nothingPlaced } from "../wire/hello.ts";
import { answerHandshake, answerJoin, type Handshake, type Verifier } from "../meet/authenticate.ts";
import type { TransferSummary } from "./session/events.ts";
import { Admission } from "../meet/admission.ts";
import type { LaneArrival } from "./thread/calls.ts";
import type { LaneThread } from "./thread/thread.ts";
import { LaneThreads } from "./thread/threads.ts";
import { OfferedLanes } from "./supply/offered.ts";
import { type Guest, Guests } from "./guests.ts";
import { lossCodes } from "./loss.ts";
import type { Preparation, RunOptions, Session, Side } from "./side.ts";

/** Sessions at once under `keep`, those of guests that are away among them. */
const sessionsMax = 64;
/** In which a receiver comes that asks for another session, however little patience there is. */
const againMs = 30_000;
/** Sessions that are over and still known: a data connection that was on its way then is no stranger. */
const endedMax = 16;
/** What a peer is turned away for, while the run goes on. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["refused", "busy"]);

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

/** A session that runs for a guest. */
interface Running {
  key: string;
  guest: Guest;
  served: Served;
  /** This end's hello has left. */
  answered: Promise<void>;
  channel: Channel;
  peer: Hello;
}

export class Server {
  readonly #options: ServeOptions;
  readonly #sessions = new Map<string, Served>();
  /** Of sessions that are over, the newest last. */
  readonly #endedKeys: string[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #ended = Promise.withResolvers<TransferSummary>();
  readonly #threads: LaneThreads;
  readonly #guests: Guests;
  /** What the run comes to is known. */
  #isOver = false;
  #preparation: Preparation | undefined;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#guests = new Guests({
      placesMax: options.keep ? sessionsMax : 1,
      patienceMs: options.patienceMs,
      busy: () => this.#busy(),
    });
    this.#threads = new LaneThreads({ engine: options.engine, onNote: (message) => this.#onNote(message) });
    this.#threads.onArrival = (thread, arrival) => void this.#onArrival(thread, arrival);
  }

  /** Serves until the first receipt, or with `keep` until interrupted. @throws {RcopyError} what ended the run */
  async run(): Promise<TransferSummary> {
    const { listener, signal, emit, side, engine } = this.#options;
    const onAbort = () => this.#fail(signal.reason);
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
      this.#guests.end();
      listener[Symbol.dispose]();
      await accepting;
      await Promise.all(this.#running);
      await this.#threads.end();
    }
  }

  /** Ends the run. */
  #fail(error: RcopyError): void {
    this.#isOver = true;
    this.#ended.reject(error);
  }

  #onNote(message: string): void {
    this.#options.emit({ type: "note", level: "debug", message });
  }

  async #onHandshake(channel: Channel, handshake: Handshake): Promise<void> {
    if (handshake.of === "data") {
      await this.#join(channel, handshake.join);
      return;
    }
    const { hello, preambleSent, publicKey } = handshake;
    try {
      this.#requireOther(hello);
      this.#preparation?.stop();
      await this.#guests.admit({ returnSecret: hello.returnSecret, publicKey }, (guest, hasReturned) => {
        const { key, served, answer } = this.#begin(channel, { guest, hello, hasReturned });
        const answered = answerHandshake(channel, answer, { preambleSent });
        const over = this.#run({ key, guest, served, answered, channel, peer: hello });
        this.#running.add(over);
        over.finally(() => this.#running.delete(over));
        return { session: served.session, over };
      });
    } catch (thrown) {
      const error = asRcopyError(thrown);
      await answerHandshake(channel, closeOf(error), { preambleSent }).catch(() => {});
      if (!refusals.has(error.code)) this.#fail(error);
      throw error;
    }
  }

  /** @throws {RcopyError} `refused` for an end that does the same as this one */
  #requireOther(hello: Hello): void {
    const { role } = this.#options.side;
    if (hello.role !== role) return;
    const [own, other] = role === "sender" ? ["send", "receive"] : ["receive", "send"];
    throw new RcopyError("refused", `both ends want to ${own}; run rcopy ${other} on one of them`);
  }

  #busy(): RcopyError {
    const message = this.#options.side.role === "sender"
      ? "the sender already serves another receiver; it takes more with --keep"
      : "the receiver already receives from another sender";
    return new RcopyError("busy", message);
  }

  /** Begins a session in the place of a guest. @throws {RcopyError} `busy` once the run has its receipt; where it cannot begin */
  #begin(
    channel: Channel,
    { guest, hello, hasReturned }: { guest: Guest; hello: Hello; hasReturned: boolean },
  ): { key: string; served: Served; answer: Hello } {
    if (this.#isOver) throw this.#busy();
    const { transfer, secret } = guest;
    const emit = transfer.numbered(this.#options.emit);
    const id = crypto.getRandomValues(new Uint8Array(tokenBytes));
    const proposal = this.#options.side.propose({ ...this.#options, emit }, transfer);
    // Only of a transfer that this end knows the peer can say what was placed.
    const peer = hasReturned ? hello : { ...hello, placed: nothingPlaced };
    const served = this.#giveLanes(proposal.begin(channel, peer), peer);
    const key = keyOf(id);
    this.#sessions.set(key, served);
    const returned = hasReturned ? { returned: true as const } : {};
    emit({ type: "connected", peer: channel.peer, ...returned });
    const what = hasReturned ? "is back, and the copy goes on" : "is connected";
    emit({ type: "note", level: "info", message: `the ${hello.role} at ${channel.peer} ${what}` });
    const answer = {
      ...proposal.hello,
      session: id,
      laneTokens: served.lanes.offer().token,
      returnSecret: secret,
      returned: hasReturned,
    };
    return { key, served, answer };
  }

  /** Gives the session its lanes. */
  #giveLanes(session: Session, peer: Hello): Served {
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
    const key = keyOf(join.session);
    const served = this.#sessions.get(key);
    try {
      if (!served) throw new RcopyError("refused", "a data connection did not know its session");
      served.lanes.join(channel, join);
    } catch (thrown) {
      const answered = answerJoin(channel, closeOf(asRcopyError(thrown)));
      if (this.#endedKeys.includes(key)) {
        await answered.catch(() => {}); // its peer is gone as well
        channel.close();
        return;
      }
      await answered;
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

  async #run({ key, guest, served, answered, channel, peer }: Running): Promise<void> {
    try {
      await answered.catch(() => {}); // a peer that is gone already is found lost by the session itself
      const summary = await served.session.run();
      this.#guests.leave(guest);
      this.#onReceipt(summary, { guest, channel, peer });
    } catch (thrown) {
      this.#onFailed(asRcopyError(thrown), { guest, channel, served });
    } finally {
      this.#sessions.delete(key);
      this.#endedKeys.push(key);
      if (this.#endedKeys.length > endedMax) this.#endedKeys.shift();
    }
  }

  /** The first copy ends the run; a look at what would be copied does not. */
  #onReceipt(
    summary: TransferSummary,
    { guest, channel, peer }: Pick<Running, "guest" | "channel" | "peer">,
  ): void {
    const { keep } = this.#options;
    const emit = guest.transfer.numbered(this.#options.emit);
    emit({ type: "done", summary });
    if (peer.dryRun && !keep) {
      const message =
        `the receiver at ${channel.peer} looked at what would be copied (--dry-run), and took ` +
        "nothing; still waiting for a receiver";
      emit({ type: "note", level: "info", message });
      return;
    }
    if (keep) return;
    this.#isOver = true;
    this.#ended.resolve(summary);
  }

  #onFailed(
    error: RcopyError,
    { guest, channel, served }: Pick<Running, "guest" | "channel" | "served">,
  ): void {
    const { keep, patienceMs } = this.#options;
    const emit = guest.transfer.numbered(this.#options.emit);
    if (error.code === "again" && !this.#options.signal.aborted) {
      if (guest.isReplaced) return;
      const message = `the receiver at ${channel.peer} has its answers, and comes for what was put off`;
      this.#onNote(message);
      this.#guests.awaitReturn(
        guest,
        () => keep || this.#fail(new RcopyError("peer-lost", `${message}; it did not come back`)),
        againMs,
      );
      return;
    }
    const isLost = lossCodes.has(error.code);
    if (guest.isReplaced && isLost) return this.#onNote(`${channel.peer}: ${error.message}`);
    const hasLeft = isLost || error.code === "peer-ended";
    if (!keep && hasLeft && served.session.hasBegun === false) {
      // Its user has not decided where it lands: it comes again, or another one does.
      this.#guests.leave(guest);
      emit({ type: "session-lost", message: `${channel.peer}: ${error.message}; still listening` });
      return;
    }
    if (!isLost || this.#options.signal.aborted) {
      this.#guests.leave(guest);
      if (keep) emit({ type: "session-lost", message: `${channel.peer}: ${error.message}` });
      else this.#fail(error);
      return;
    }
    const wait = `waiting ${formatDuration(patienceMs)} for it to come back`;
    emit({ type: "session-lost", message: `${channel.peer}: ${error.message}; ${wait}` });
    // The error itself holds on to the frames that threw it, and so to the memory of the session that is gone.
    const { code, message } = error;
    this.#guests.awaitReturn(guest, () => keep || this.#fail(new RcopyError(code, message)));
  }
}

function keyOf(id: Uint8Array): string {
  return id.join(",");
}
