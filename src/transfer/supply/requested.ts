/** Data connections that this end requests as long as they pay, and opens once the peer offers them. */
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { PeerAddress } from "../../net/address.ts";
import { dialOne } from "../../net/dial.ts";
import type { Channel } from "../../net/channel.ts";
import type { ClientTransport } from "../../net/transport.ts";
import type { Join } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import { LaneGrowth, type Streams } from "./growth.ts";
import type { LaneSupply } from "../session/session_run.ts";
import type { DataConnection } from "../lane/lane_io.ts";
import { LocalConnection } from "../lane/local_connection.ts";
import { laneDescriptors, type LaneHost } from "./host.ts";
import type { LaneThreads } from "../thread/threads.ts";
import { sendJoin } from "../../meet/handshake.ts";

/** Between two looks at the session. */
const lookMs = 50;
/** Milliseconds that a port may take to answer. */
const dialMs = 1_000;
/** A peer that offers at once is heard of well within this. */
const defaultGrantMs = 2_000;
/** Above this part of the time the main thread is busy, and another lane goes to a Worker. */
const busyFrom = 0.5;

export interface RequestedLanesOptions {
  host: LaneHost;
  threads: LaneThreads;
  /** Where control went. */
  address: PeerAddress;
  /** Whether no other port of the peer can be reached there. */
  onePort: boolean;
  transport: ClientTransport;
  session: Uint8Array;
  streams: Streams;
  /** Data connections that the handshake brought; offers count on from there. */
  firstLane: number;
  /** Of the handshake, in milliseconds. */
  roundTripMs: number;
  /** Both ends are on this machine, and share its processors. */
  sharesMachine: boolean;
  signal: AbortSignal;
  onNote: (message: string) => void;
  /** Milliseconds after which a request is taken for one that was not granted. */
  grantMs?: number;
}

export class RequestedLanes implements LaneSupply {
  readonly #options: RequestedLanesOptions;
  readonly #growth: LaneGrowth;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Asked for, and neither opened nor given up. */
  #opening = 0;
  #asked = 0;
  /** Offers that may still come: also those that nobody waits for any more. */
  #owed = 0;
  /** Numbers that were offered. */
  readonly #offered = new Set<number>();
  #before: { now: number; busyMs: number };
  #isBusy = false;
  #hasEnded = false;
  #askedAt = 0;

  constructor(options: RequestedLanesOptions) {
    this.#options = options;
    this.#growth = new LaneGrowth(options.streams);
    this.#before = { now: performance.now(), busyMs: options.host.load.busyMs };
  }

  /** Asks from now on: nobody reads an offer before the session runs, and its token is good for a while only. */
  begin(): void {
    if (this.#hasEnded) return;
    this.#timer = setInterval(() => this.#look(), lookMs);
    if (this.#options.streams.isFixed) this.#look();
  }

  /** @throws {RcopyError} `protocol` for anything but an offer, one that was not asked for, and one of a lane that there is */
  onMessage(message: LaneRequest | LaneOffer): void {
    if (message.kind !== "laneOffer" || this.#owed === 0) {
      throw new RcopyError("protocol", `the peer sent ${message.kind}, which nobody asked for`);
    }
    const { lane } = message;
    if (lane < this.#options.firstLane || this.#offered.has(lane)) {
      throw new RcopyError("protocol", `the peer offered data connection ${lane} a second time`);
    }
    this.#owed--;
    this.#offered.add(lane);
    if (this.#asked > 0) this.#asked--;
    else {
      // It was given up, and comes after all; others may have been asked for instead.
      const { host, streams } = this.#options;
      if (host.load.lanes + this.#opening >= streams.limit) return;
      this.#opening++;
    }
    void this.#open(message).finally(() => this.#opening--);
  }

  end(): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    const { host, threads, sharesMachine, roundTripMs } = this.#options;
    const load = host.load;
    const now = performance.now();
    const ms = Math.max(1, now - this.#before.now);
    this.#isBusy = (load.busyMs - this.#before.busyMs) / ms > busyFrom;
    this.#before = { now, busyMs: load.busyMs };
    // A listener offers as many as it wants to, and no answer is an answer.
    if (this.#asked > 0 && now - this.#askedAt > (this.#options.grantMs ?? defaultGrantMs)) {
      this.#opening -= this.#asked;
      this.#asked = 0;
    }
    const more = this.#growth.more({
      now,
      workDone: load.workDone,
      workLeft: load.workLeft,
      growing: load.growing,
      lanes: load.lanes + this.#opening,
      opening: this.#opening,
      waitingMs: load.waitingMs,
      roundTripMs: Math.min(roundTripMs, load.roundTripMs ?? Infinity),
      spareThreads: threads.spareBeside(sharesMachine ? 2 : 1),
    });
    if (more === 0 || load.hasEnded) return;
    this.#asked += more;
    this.#owed += more;
    this.#opening += more;
    this.#askedAt = now;
    host.send({ kind: "laneRequest", count: more });
  }

  async #open({ lane, token, addresses }: LaneOffer): Promise<void> {
    const join: Join = { kind: "join", session: this.#options.session, lane, token };
    for (const place of this.#placesOf(addresses)) {
      if (this.#hasEnded || !this.#hasDescriptors()) return;
      try {
        if (await this.#openInWorker(lane, place, join)) return;
        this.#add(lane, new LocalConnection(await this.#dial(place, join), { isOpener: true }));
        this.#options.onNote(`data connection ${lane} runs in the main thread`);
        return;
      } catch (thrown) {
        const { message } = asRcopyError(thrown);
        this.#options.onNote(`a data connection to port ${place.port} could not be opened: ${message}`);
      }
    }
  }

  /**
   * Where a lane may be opened, the address of control last. Only this end's user says which hosts it connects to: what a
   * peer says of any other host than that of control is passed over.
   */
  #placesOf(offered: LaneOffer["addresses"]): PeerAddress[] {
    const { address, onePort } = this.#options;
    const places = offered.filter(({ host }) => !onePort && (host === undefined || host === address.host))
      .map(({ port }) => ({ host: address.host, port: port ?? address.port }))
      .filter(({ port }) => port !== address.port);
    return [...places, address];
  }

  /** Another connection keeps some descriptors in use, beside the one that it is. */
  #hasDescriptors(): boolean {
    const { host, onNote } = this.#options;
    if (host.root && host.engine.hasDescriptors(host.root, laneDescriptors)) return true;
    onNote("no further data connection: the limit on open files is low");
    return false;
  }

  /** False where a Worker would not help or cannot be had. */
  async #openInWorker(lane: number, address: PeerAddress, join: Join): Promise<boolean> {
    const { host, threads, transport, streams } = this.#options;
    if (!this.#isBusy && !(streams.isFixed && lane < navigator.hardwareConcurrency)) return false;
    const thread = await threads.take(host.root);
    if (!thread) return false;
    this.#add(lane, await threads.dial(thread, host.role, { address, transport, join }));
    this.#options.onNote(`data connection ${lane} runs in a thread of its own`);
    return true;
  }

  async #dial(address: PeerAddress, join: Join): Promise<Channel> {
    const { transport, signal } = this.#options;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
    const channel = await dialOne(address, { transport, signal: limit });
    try {
      await sendJoin(channel, join);
      return channel;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  #add(lane: number, connection: DataConnection): void {
    if (this.#hasEnded) connection.close();
    else this.#options.host.addLane(lane, connection);
  }
}
