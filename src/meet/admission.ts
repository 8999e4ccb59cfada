/**
 * Admission of connections to a listener: reads the handshake of each under caps and a deadline, and hands on those of rcopy.
 * A stranger never ends a run, sets its status, or costs more than its place among the unauthenticated.
 */
import { settlesWithin } from "../base/deadline.ts";
import { asRcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import type { Channel } from "../net/channel.ts";
import type { PeerListener } from "../net/listen.ts";
import { type Handshake, readHandshake, type Verifier } from "./authenticate.ts";
import { handshakeMs } from "../wire/limits.ts";
import { withinHandshake } from "./handshake.ts";

/** Connections that have not said a valid hello or join yet: in all, and from one address. */
const strangersMax = 64;
const strangersOfOneSourceMax = 32;
/** Time that every stranger has for its handshake before a newcomer may displace it; enough for a slow, distant peer. */
const graceMs = 500;
/** Connections that wait, unread, for a place among the strangers: at most so many, and at most this part of the descriptors. */
const lineMax = 512;
const lineOfDescriptors = 8;
/** Between two lines about strangers. */
const noteIntervalMs = 5_000;

export interface AdmissionOptions {
  /** Descriptors that this process may have. */
  descriptorsMax: number;
  /** Of the peers' proofs; absent on a plain channel. */
  verifier?: Verifier | undefined;
  /** Takes over a connection whose handshake was valid; what it throws closes the connection. */
  onHandshake: (channel: Channel, handshake: Handshake) => Promise<void>;
  onNote: (message: string) => void;
}

export class Admission {
  readonly #listener: PeerListener;
  readonly #options: AdmissionOptions;
  /** Oldest first, with the time of their coming by `performance.now()`. */
  readonly #strangers = new Map<Channel, { source: string; since: number }>();
  /** Accepted, and not among the strangers yet; oldest first. */
  readonly #line: { channel: Channel; since: number }[] = [];
  readonly #lineMax: number;
  #isLettingIn = false;
  #isClosed = false;
  /** Somebody has left the line, or the strangers. */
  #moved = Promise.withResolvers<void>();
  #notedAt = -Infinity;
  #unnoted = 0;

  constructor(listener: PeerListener, options: AdmissionOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#lineMax = Math.max(1, Math.min(lineMax, Math.floor(options.descriptorsMax / lineOfDescriptors)));
  }

  /** Accepts until the listener is closed. */
  async run(): Promise<void> {
    for (;;) {
      const channel = await this.#listener.accept();
      if (!channel) break;
      this.#line.push({ channel, since: performance.now() });
      void this.#letIn();
      // The others wait in the system's queue.
      while (this.#line.length >= this.#lineMax) await this.#moved.promise;
    }
    this.#isClosed = true;
    for (const channel of this.#strangers.keys()) channel.close();
    for (const { channel } of this.#line.splice(0)) channel.close();
    this.#move();
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  /**
   * Lets in who is in line. Where a newcomer would be one too many, the oldest stranger of its address goes, or of the
   * address that has the most: a flood displaces its own connections. Nobody is pushed out within the grace;
   * meanwhile newcomers wait, and who has said hello when its turn comes gets in.
   */
  async #letIn(): Promise<void> {
    if (this.#isLettingIn) return;
    this.#isLettingIn = true;
    while (this.#line.length > 0) {
      const place = this.#nextInLine();
      const { channel, since } = this.#line[place]!;
      const oldest = this.#oneTooMany(channel.source);
      if (oldest) {
        const graceLeftMs = this.#strangers.get(oldest)!.since + graceMs - performance.now();
        if (graceLeftMs > 0) {
          await settlesWithin(this.#moved.promise, graceLeftMs);
          continue;
        }
        this.#strangers.delete(oldest);
        oldest.close();
      }
      this.#line.splice(place, 1);
      this.#strangers.set(channel, { source: channel.source, since: performance.now() });
      void this.#admit(channel, since);
      this.#move();
    }
    this.#isLettingIn = false;
  }

  /** Whose turn it is: the oldest of the address that has the fewest strangers, so that a crowd waits for itself. */
  #nextInLine(): number {
    const counts = this.#countBySource();
    let next = 0;
    let fewest = Infinity;
    for (const [place, { channel }] of this.#line.entries()) {
      const count = counts.get(channel.source) ?? 0;
      if (count >= fewest) continue;
      next = place;
      fewest = count;
    }
    return next;
  }

  #countBySource(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { source } of this.#strangers.values()) counts.set(source, (counts.get(source) ?? 0) + 1);
    return counts;
  }

  /** Who has to go before a newcomer comes in; `undefined` while there is room. */
  #oneTooMany(newcomer: string): Channel | undefined {
    const counts = this.#countBySource();
    let crowd: string | undefined;
    if ((counts.get(newcomer) ?? 0) >= strangersOfOneSourceMax) crowd = newcomer;
    else if (this.#strangers.size >= strangersMax) {
      for (const [source, count] of counts) {
        if (crowd === undefined || count > counts.get(crowd)!) crowd = source;
      }
    }
    for (const [channel, { source }] of this.#strangers) if (source === crowd) return channel;
    return undefined;
  }

  /** `since` is when it was accepted, by `performance.now()`. */
  async #admit(channel: Channel, since: number): Promise<void> {
    try {
      const leftMs = since + handshakeMs - performance.now();
      const handshake = await withinHandshake(
        channel,
        () => readHandshake(channel, this.#options.verifier),
        leftMs,
      );
      this.#leave(channel);
      if (this.#isClosed) channel.close();
      else await this.#options.onHandshake(channel, handshake);
    } catch (thrown) {
      channel.close();
      this.#note(`closed a connection from ${channel.peer}: ${showText(asRcopyError(thrown).message)}`);
    } finally {
      this.#leave(channel);
    }
  }

  #leave(channel: Channel): void {
    if (this.#strangers.delete(channel)) this.#move();
  }

  #note(message: string): void {
    const now = performance.now();
    if (now - this.#notedAt < noteIntervalMs) {
      this.#unnoted++;
      return;
    }
    const more = this.#unnoted > 0 ? ` (and ${this.#unnoted} more like it)` : "";
    this.#notedAt = now;
    this.#unnoted = 0;
    this.#options.onNote(message + more);
  }
}
