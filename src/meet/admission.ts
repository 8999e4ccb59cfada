/**
 * Admission of connections to a listener: reads the handshake of each under caps and a deadline, and hands on those of rcopy.
 * A connection that is not rcopy's never ends a run, sets its status, or costs more than a place among the pending ones.
 */
import { settlesWithin } from "../base/deadline.ts";
import { asRcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import type { Channel } from "../net/channel.ts";
import { reasonOf } from "../net/reason.ts";
import type { PeerListener } from "../net/listen.ts";
import { type Handshake, readHandshake, type Verifier } from "./authenticate.ts";
import { handshakeMs } from "../wire/limits.ts";
import { withinHandshake } from "./handshake.ts";

/** Pending connections, whose handshake is not over yet: at most so many in all, and so many from one address. */
const pendingMax = 64;
const pendingOfOneSourceMax = 32;
/** How long a pending connection is safe from being displaced by a newer one; enough for the handshake of a distant peer. */
const graceMs = 500;
/** Accepted connections that wait, unread, for a place among the pending ones: at most so many, and at most this part of the
 * descriptors. */
const waitingMax = 512;
const waitingOfDescriptors = 8;
/** Between two notes about connections that were closed. */
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

/**
 * Reads the handshakes of accepted connections. A newer connection displaces the oldest pending one of the address that has
 * the most of them, so that a flood displaces its own connections.
 */
export class Admission {
  readonly #listener: Pick<PeerListener, "accept">;
  readonly #options: AdmissionOptions;
  /** Oldest first; `since` is the beginning of the handshake, by `performance.now()`. */
  readonly #pending = new Map<Channel, { source: string; since: number }>();
  /** Accepted, and not pending yet; oldest first; `since` is the time of the accept. */
  readonly #waiting: { channel: Channel; since: number }[] = [];
  readonly #waitingMax: number;
  #isStarting = false;
  #isClosed = false;
  /** Resolves when a connection has left the waiting or the pending ones. */
  #changed = Promise.withResolvers<void>();
  #notedAt = -Infinity;
  #unnoted = 0;

  constructor(listener: Pick<PeerListener, "accept">, options: AdmissionOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#waitingMax = Math.max(
      1,
      Math.min(waitingMax, Math.floor(options.descriptorsMax / waitingOfDescriptors)),
    );
  }

  /** Accepts until the listener is closed. */
  async run(): Promise<void> {
    for (;;) {
      const channel = await this.#listener.accept();
      if (!channel) break;
      this.#waiting.push({ channel, since: performance.now() });
      void this.#startWaiting();
      // Further connections wait in the system's queue.
      while (this.#waiting.length >= this.#waitingMax) await this.#changed.promise;
    }
    this.#isClosed = true;
    for (const channel of this.#pending.keys()) channel.close();
    for (const { channel } of this.#waiting.splice(0)) channel.close();
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /**
   * Makes waiting connections pending until none is left. If one must be displaced for that, it has its grace first, and
   * the newer connection waits; a handshake that ends meanwhile makes room too.
   */
  async #startWaiting(): Promise<void> {
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#waiting.length > 0) {
      const place = this.#nextWaiting();
      const { channel, since } = this.#waiting[place]!;
      const oldest = this.#toDisplace(channel.source);
      if (oldest) {
        const graceLeftMs = this.#pending.get(oldest)!.since + graceMs - performance.now();
        if (graceLeftMs > 0) {
          await settlesWithin(this.#changed.promise, graceLeftMs);
          continue;
        }
        this.#pending.delete(oldest);
        oldest.close();
      }
      this.#waiting.splice(place, 1);
      this.#pending.set(channel, { source: channel.source, since: performance.now() });
      void this.#admit(channel, since);
      this.#notify();
    }
    this.#isStarting = false;
  }

  /** Place of the next connection to start: the oldest of the address with the fewest pending ones, so that a flood waits
   * for itself. */
  #nextWaiting(): number {
    const counts = this.#countBySource();
    let next = 0;
    let fewest = Infinity;
    for (const [place, { channel }] of this.#waiting.entries()) {
      const count = counts.get(channel.source) ?? 0;
      if (count >= fewest) continue;
      next = place;
      fewest = count;
    }
    return next;
  }

  #countBySource(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { source } of this.#pending.values()) counts.set(source, (counts.get(source) ?? 0) + 1);
    return counts;
  }

  /** The pending connection that a newcomer would displace; `undefined` while there is room. */
  #toDisplace(newcomer: string): Channel | undefined {
    const counts = this.#countBySource();
    let largest: string | undefined;
    if ((counts.get(newcomer) ?? 0) >= pendingOfOneSourceMax) largest = newcomer;
    else if (this.#pending.size >= pendingMax) {
      for (const [source, count] of counts) {
        if (largest === undefined || count > counts.get(largest)!) largest = source;
      }
    }
    for (const [channel, { source }] of this.#pending) if (source === largest) return channel;
    return undefined;
  }

  /** Reads the handshake, under a deadline that began when the connection was accepted, at `since`. */
  async #admit(channel: Channel, since: number): Promise<void> {
    try {
      const leftMs = since + handshakeMs - performance.now();
      const handshake = await withinHandshake(
        channel,
        () => readHandshake(channel, this.#options.verifier),
        leftMs,
      );
      this.#forget(channel);
      if (this.#isClosed) channel.close();
      else await this.#options.onHandshake(channel, handshake);
    } catch (thrown) {
      channel.close();
      if (isLook(channel, thrown)) return;
      this.#note(`closed a connection from ${channel.peer}: ${showText(asRcopyError(thrown).message)}`);
    } finally {
      this.#forget(channel);
    }
  }

  #forget(channel: Channel): void {
    if (this.#pending.delete(channel)) this.#notify();
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

/** Whether somebody came, perhaps for the key that TLS shows, and left without a word: that is no fault of anybody. */
function isLook(channel: Channel, thrown: unknown): boolean {
  return channel.bytesRead === 0 && reasonOf(thrown).kind === "closed";
}
