/** A sender that listens: one session after the other, or with `keep` many side by side. */
import { equalInConstantTime } from "../base/constant_time.ts";
import { asRcopyError, type ErrorCode, RcopyError } from "../base/errors.ts";
import type { Engine } from "../io/engine.ts";
import type { TcpChannel } from "../net/channel.ts";
import type { PeerListener } from "../net/listen.ts";
import { wireCodeOf } from "../wire/codes.ts";
import { streamsMax, tokenBytes } from "../wire/limits.ts";
import type { Hello, Join } from "../wire/messages.ts";
import { FrameSplitter } from "../wire/frame.ts";
import { answerOpening, type ListenerChecks, type Opening } from "./authenticate.ts";
import { Control } from "./control.ts";
import { DestinationIdentity, readBootId } from "./destination.ts";
import type { EventSink, TransferSummary } from "./events.ts";
import { Gate } from "./gate.ts";
import { localHello } from "./greeting.ts";
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
  streams: number;
  timeoutMs: number;
  emit: EventSink;
  signal: AbortSignal;
}

interface Session {
  sender: Sender;
  /** Tokens of lanes that have not joined yet. */
  tokens: Map<number, Uint8Array>;
}

export class Server {
  readonly #options: ServeOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = Promise.withResolvers<TransferSummary>();
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #hasReceipt = false;

  constructor(options: ServeOptions) {
    this.#options = options;
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
    }
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
    const lanes = Math.min(this.#options.streams, hello.streams, streamsMax);
    const tokens = new Map<number, Uint8Array>();
    for (let lane = 0; lane < lanes; lane++) {
      tokens.set(lane, crypto.getRandomValues(new Uint8Array(tokenBytes)));
    }
    const key = keyOf(id);
    let session: Session;
    try {
      session = { sender: this.#newSender(channel, hello), tokens };
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
      ...localHello("sender", this.#options.engine, { streams: lanes, timeoutMs: this.#options.timeoutMs }),
      session: id,
      laneTokens: concatenated([...tokens.values()]),
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

  #newSender(channel: TcpChannel, peer: Hello): Sender {
    const { engine, paths, timeoutMs, emit, signal } = this.#options;
    const { destinationNonce, destinationHash } = peer;
    const bootIds = channel.isLoopback ? [readBootId(), ""] : [readBootId()].filter((id) => id !== "");
    const identity = destinationHash.length > 0
      ? new DestinationIdentity(destinationNonce, bootIds)
      : undefined;
    return new Sender({
      control: new Control(channel, new FrameSplitter()),
      peer,
      engine,
      roots: openSources(engine, paths),
      timeoutMs,
      emit,
      signal,
      isDestination: (device, inode) => identity?.matches(destinationHash, device, inode) ?? false,
    });
  }

  /** A data connection finds its session by number and token; a token serves once. */
  #join(channel: TcpChannel, { session: id, lane, token }: Join): void {
    const session = this.#sessions.get(keyOf(id));
    const expected = session?.tokens.get(lane);
    if (!session || !expected || !equalInConstantTime(expected, token)) {
      throw new RcopyError("refused", "a data connection did not know its session");
    }
    session.tokens.delete(lane);
    session.sender.addLane(lane, channel);
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

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
