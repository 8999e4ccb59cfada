/** Data connections that this end offers when the peer requests them, and recognises by their tokens. */
import { equalInConstantTime } from "../../base/constant_time.ts";
import { asRcopyError, RcopyError } from "../../base/errors.ts";
import type { Channel } from "../../net/channel.ts";
import type { ServerTransport } from "../../net/transport.ts";
import { joinMs, lanesMax, tokenBytes } from "../../wire/limits.ts";
import type { Join } from "../../wire/hello.ts";
import type { LaneOffer, LaneRequest } from "../../wire/lanes.ts";
import type { LaneArrival } from "../thread/calls.ts";
import type { LaneSupply } from "../session/session_run.ts";
import { answerJoin } from "../../meet/authenticate.ts";
import { LocalConnection } from "../lane/local_connection.ts";
import { laneDescriptors, type LaneHost } from "./host.ts";
import type { LaneThread } from "../thread/thread.ts";
import type { LaneThreads } from "../thread/threads.ts";

/** Above this part of the time the main thread is busy, and another lane is offered at a Worker's port. */
const busyFrom = 0.5;

export interface OfferedLanesOptions {
  /** The session that gets the lanes. */
  host: LaneHost;
  threads: LaneThreads;
  /** Where the Workers listen, as the main port does. */
  bind: string | undefined;
  local: boolean;
  transport: ServerTransport;
  /** Most connections at a time. */
  limit: number;
  onNote: (message: string) => void;
  /** Milliseconds that a token is valid; as the protocol says unless told. */
  tokenMs?: number;
}

interface Offer {
  token: Uint8Array;
  timer: ReturnType<typeof setTimeout>;
}

export class OfferedLanes implements LaneSupply {
  readonly #options: OfferedLanesOptions;
  readonly #offers = new Map<number, Offer>();
  #lanes = 0;
  #hasJoined = false;
  #before = { now: performance.now(), busyMs: 0 };

  constructor(options: OfferedLanesOptions) {
    this.#options = options;
  }

  /** The token of a new lane. It serves once, for a while. */
  offer(): { lane: number; token: Uint8Array } {
    const lane = this.#lanes++;
    const token = crypto.getRandomValues(new Uint8Array(tokenBytes));
    const timer = setTimeout(() => this.#onTooLate(lane), this.#options.tokenMs ?? joinMs);
    this.#offers.set(lane, { token, timer });
    return { lane, token };
  }

  onMessage(message: LaneRequest | LaneOffer): void {
    if (message.kind !== "laneRequest") {
      throw new RcopyError("protocol", `the peer sent ${message.kind}, which a requester does not`);
    }
    const { host } = this.#options;
    const { lanes, busyMs } = host.load;
    const room = Math.min(this.#options.limit - lanes - this.#offers.size, lanesMax - this.#lanes);
    let count = Math.max(0, Math.min(message.count, room));
    while (count > 0 && !(host.root && host.engine.hasDescriptors(host.root, laneDescriptors + count - 1))) {
      count--;
    }
    const now = performance.now();
    const isBusy = (busyMs - this.#before.busyMs) / Math.max(1, now - this.#before.now) > busyFrom;
    this.#before = { now, busyMs };
    const offers = Array.from({ length: count }, () => this.offer());
    for (const offer of offers) void this.#send(offer, isBusy);
  }

  /** A connection at the main port; its answer goes before anything else. @throws {RcopyError} `refused`, unanswered */
  join(channel: Channel, join: Join): void {
    this.#take(join);
    // A peer that is gone already is found lost by the lane.
    answerJoin(channel, { kind: "joined" }).catch(() => {});
    this.#options.host.addLane(join.lane, new LocalConnection(channel));
  }

  /** A connection at a Worker's port; one that does not belong here is closed. */
  async joinAtWorker(thread: LaneThread, arrival: LaneArrival): Promise<void> {
    const { threads, onNote } = this.#options;
    try {
      this.#take(arrival.join);
    } catch (thrown) {
      onNote(`closed a connection from ${arrival.peer}: ${asRcopyError(thrown).message}`);
      await thread.call(0, "turnAway", { arrival: arrival.arrival });
      return;
    }
    const connection = await threads.admit(thread, this.#options.host.role, arrival);
    if (this.#options.host.load.hasEnded) connection.close();
    else this.#options.host.addLane(arrival.join.lane, connection);
  }

  end(): void {
    for (const { timer } of this.#offers.values()) clearTimeout(timer);
    this.#offers.clear();
  }

  #take({ lane, token }: Join): void {
    const offer = this.#offers.get(lane);
    if (!offer || !equalInConstantTime(offer.token, token)) {
      throw new RcopyError("refused", "a data connection did not know its session");
    }
    clearTimeout(offer.timer);
    this.#offers.delete(lane);
    this.#hasJoined = true;
  }

  /** Nobody has come for an offer. A session without any data connection has nothing to wait for. */
  #onTooLate(lane: number): void {
    this.#offers.delete(lane);
    if (this.#hasJoined || this.#offers.size > 0) return;
    const message =
      "the peer opened no data connection in time; does a firewall let only one connection through?";
    this.#options.host.fail(new RcopyError("timeout", message));
  }

  async #send({ lane, token }: { lane: number; token: Uint8Array }, isBusy: boolean): Promise<void> {
    const port = isBusy ? await this.#portOfWorker() : undefined;
    const addresses = port === undefined ? [] : [{ host: undefined, port }];
    const { host } = this.#options;
    if (!host.load.hasEnded) host.send({ kind: "laneOffer", lane, token, addresses });
  }

  /** A port of a Worker's own, or `undefined` where there is none. */
  async #portOfWorker(): Promise<number | undefined> {
    const { threads, bind, local, transport, onNote } = this.#options;
    try {
      const thread = await threads.take(this.#options.host.root);
      return thread && (await thread.call(0, "listen", { bind, local, transport })).port;
    } catch (thrown) {
      onNote(`data connections stay on the main port: ${asRcopyError(thrown).message}`);
      return undefined;
    }
  }
}
