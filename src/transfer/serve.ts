/** A sender that listens: one session after the other, or with `keep` many side by side. */
import { asRcopyError, type ErrorCode, RcopyError } from "../base/errors.ts";
import type { Engine } from "../io/engine.ts";
import type { TcpChannel } from "../net/channel.ts";
import type { PeerListener } from "../net/listen.ts";
import type { ListenTransport } from "../net/transport.ts";
import { wireCodeOf } from "../wire/codes.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Hello, Join } from "../wire/messages.ts";
import { FrameSplitter } from "../wire/frame.ts";
import { answerOpening, type ListenerChecks, type Opening } from "./authenticate.ts";
import { Control } from "./control.ts";
import { DestinationIdentity, readBootId } from "./destination.ts";
import type { EventSink, TransferSummary } from "./events.ts";
import { Gate } from "./gate.ts";
import { localHello } from "./greeting.ts";
import type { LaneKnock } from "./lane_calls.ts";
import type { Streams } from "./lane_growth.ts";
import type { LaneThread } from "./lane_thread.ts";
import { LaneWorkers } from "./lane_workers.ts";
import { OfferedLanes } from "./offered_lanes.ts";
import { Sender } from "./sender.ts";
import { openSources } from "./source_roots.ts";

/** Sessions at once under `keep`. */
const sessionsMax = 64;

/** Errors after which a receiver may come back: the session was lost, not refused or broken. */
const lostCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["peer-lost", "timeout", "unreachable"]);

export interface ServeOptions {
  engine: Engine;
  listener: PeerListener;
  /** What receivers must prove; nothing on a plain channel. */
  checks?: ListenerChecks | undefined;
  paths: readonly string[];
  keep: boolean;
  streams: Streams;
  /** Where the Workers listen, as the main port does. */
  place: { bind: string | undefined; local: boolean; transport: ListenTransport };
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

interface Session {
  sender: Sender;
  lanes: OfferedLanes;
}

export class Server {
  readonly #options: ServeOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = Promise.withResolvers<TransferSummary>();
  readonly #workers: LaneWorkers;
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #hasReceipt = false;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#workers = new LaneWorkers({ engine: options.engine, onNote: (message) => this.#onNote(message) });
    this.#workers.onKnock = (thread, knock) => void this.#onKnock(thread, knock);
  }

  /** Serves until the first receipt, or with `keep` until interrupted. @throws {RcopyError} what ended the run */
  async run(): Promise<TransferSummary> {
    const { listener, signal, emit } = this.#options;
    const onAbort = () => this.#ended.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const gate = new Gate(listener, {
      checks: this.#options.checks,
      onOpening: (channel, opening) => this.#onOpening(channel, opening),
      onNote: (message) => emit({ type: "note", level: "info", message }),
    });
    const accepting = gate.run();
    try {
      return await this.#ended.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#returnTimer);
      listener[Symbol.dispose]();
      await accepting;
      await Promise.all(this.#running);
      await this.#workers.end();
    }
  }

  #onNote(message: string): void {
    this.#options.emit({ type: "note", level: "debug", message });
  }

  async #onOpening(channel: TcpChannel, opening: Opening): Promise<void> {
    if (opening.of === "data") {
      this.#join(channel, opening.join);
      return;
    }
    const { hello, greeted } = opening;
    const refusal = this.#whyRefused(hello);
    if (refusal) {
      const { code, message } = refusal;
      await answerOpening(channel, { kind: "close", code: wireCodeOf[code], text: message }, { greeted });
      throw refusal;
    }
    // The place is taken before anything is awaited, so that two peers cannot both get it.
    const id = crypto.getRandomValues(new Uint8Array(tokenBytes));
    const key = keyOf(id);
    let session: Session;
    try {
      session = this.#newSession(channel, hello);
    } catch (thrown) {
      const error = asRcopyError(thrown);
      const { code, message } = error;
      await answerOpening(channel, { kind: "close", code: wireCodeOf[code], text: message }, { greeted });
      this.#ended.reject(error);
      throw error;
    }
    clearTimeout(this.#returnTimer);
    this.#sessions.set(key, session);
    this.#options.emit({ type: "connected", peer: channel.peer });
    const answer = {
      ...localHello("sender", this.#options.engine, this.#options),
      session: id,
      laneTokens: session.lanes.offer().token,
    };
    const running = this.#run(key, session, answerOpening(channel, answer, { greeted }), channel);
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  #whyRefused(hello: Hello): RcopyError | undefined {
    if (hello.role !== "receiver") {
      return new RcopyError("refused", "both ends want to send; run rcopy receive on one of them");
    }
    const placesMax = this.#options.keep ? sessionsMax : 1;
    if (this.#hasReceipt || this.#sessions.size >= placesMax) {
      return new RcopyError("busy", "the sender already serves another receiver; it takes more with --keep");
    }
    return undefined;
  }

  #newSession(channel: TcpChannel, peer: Hello): Session {
    const { engine, paths, timeoutMs, emit, signal, place, streams } = this.#options;
    const { destinationNonce, destinationHash } = peer;
    const bootIds = channel.isLoopback ? [readBootId(), ""] : [readBootId()].filter((id) => id !== "");
    const identity = destinationHash.length > 0
      ? new DestinationIdentity(destinationNonce, bootIds)
      : undefined;
    const sender = new Sender({
      control: new Control(channel, new FrameSplitter()),
      peer,
      engine,
      roots: openSources(engine, paths),
      timeoutMs,
      emit,
      signal,
      isDestination: (device, inode) => identity?.matches(destinationHash, device, inode) ?? false,
    });
    const lanes = new OfferedLanes({
      host: sender,
      workers: this.#workers,
      ...place,
      limit: Math.min(streams.limit, peer.streams),
      onNote: (message) => this.#onNote(message),
    });
    sender.supply = lanes;
    return { sender, lanes };
  }

  /** A data connection at the main port finds its session by number. @throws {RcopyError} `refused` */
  #join(channel: TcpChannel, join: Join): void {
    const session = this.#sessions.get(keyOf(join.session));
    if (!session) throw new RcopyError("refused", "a data connection did not know its session");
    session.lanes.join(channel, join);
  }

  /** One at the port of a Worker likewise. */
  async #onKnock(thread: LaneThread, knock: LaneKnock): Promise<void> {
    const session = this.#sessions.get(keyOf(knock.join.session));
    try {
      if (session) await session.lanes.knock(thread, knock);
      else await thread.call(0, "turnAway", { knock: knock.knock });
    } catch (thrown) {
      this.#onNote(`a data connection from ${knock.peer} was lost: ${asRcopyError(thrown).message}`);
    }
  }

  async #run(key: string, session: Session, answered: Promise<void>, channel: TcpChannel): Promise<void> {
    const { keep, emit, timeoutMs } = this.#options;
    try {
      await answered.catch(() => {}); // a peer that is gone already is found lost by the session itself
      const summary = await session.sender.run();
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
