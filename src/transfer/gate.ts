/**
 * The door of a listener: reads the opening of every connection, under caps and deadlines, and passes on those that are rcopy's.
 * A stranger never ends a run, sets its status, or costs more than its place among the unauthenticated.
 */
import { asRcopyError } from "../base/errors.ts";
import { showText } from "../base/show.ts";
import type { TcpChannel } from "../net/channel.ts";
import type { PeerListener } from "../net/listen.ts";
import { type ListenerChecks, type Opening, readOpening } from "./authenticate.ts";
import { withinHandshake } from "./opening.ts";

/** Connections that have not said a valid hello or join yet: in all, and from one address. */
const strangersMax = 64;
const strangersOfOneSourceMax = 32;
/** What every stranger has for its first words, however many wait at the door: time for a handshake over a long line. */
const graceMs = 500;
/** Between two lines about strangers. */
const noteIntervalMs = 5_000;

export interface GateOptions {
  /** What dialers must prove; nothing on a plain channel. */
  checks?: ListenerChecks | undefined;
  /** Takes over a connection whose opening was valid; what it throws closes the connection. */
  onOpening: (channel: TcpChannel, opening: Opening) => Promise<void>;
  onNote: (message: string) => void;
}

export class Gate {
  readonly #listener: PeerListener;
  readonly #options: GateOptions;
  /** Oldest first, with the time of their coming by `performance.now()`. */
  readonly #strangers = new Map<TcpChannel, { source: string; since: number }>();
  #notedAt = -Infinity;
  #unnoted = 0;

  constructor(listener: PeerListener, options: GateOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  /** Accepts until the listener is closed. */
  async run(): Promise<void> {
    for (;;) {
      const channel = await this.#listener.accept();
      if (!channel) break;
      await this.#makeRoom(channel.source);
      this.#strangers.set(channel, { source: channel.source, since: performance.now() });
      void this.#admit(channel);
    }
    for (const channel of this.#strangers.keys()) channel.close();
  }

  /**
   * Closes a stranger where a newcomer would be one too many: the oldest of the newcomer's address, or of the address
   * that has the most. So whoever floods the door pushes out itself. Nobody is pushed out within the grace: meanwhile
   * newcomers wait in the system's queue, and who has said hello when its turn comes gets in.
   */
  async #makeRoom(newcomer: string): Promise<void> {
    for (;;) {
      const oldest = this.#oneTooMany(newcomer);
      if (!oldest) return;
      const graceLeftMs = this.#strangers.get(oldest)!.since + graceMs - performance.now();
      if (graceLeftMs <= 0) {
        this.#strangers.delete(oldest);
        oldest.close();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, graceLeftMs));
    }
  }

  /** Who has to go before a newcomer comes in; `undefined` while there is room. */
  #oneTooMany(newcomer: string): TcpChannel | undefined {
    const counts = new Map<string, number>();
    for (const { source } of this.#strangers.values()) counts.set(source, (counts.get(source) ?? 0) + 1);
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

  async #admit(channel: TcpChannel): Promise<void> {
    try {
      const opening = await withinHandshake(channel, () => readOpening(channel, this.#options.checks));
      this.#strangers.delete(channel);
      await this.#options.onOpening(channel, opening);
    } catch (thrown) {
      channel.close();
      this.#note(`closed a connection from ${channel.peer}: ${showText(asRcopyError(thrown).message)}`);
    } finally {
      this.#strangers.delete(channel);
    }
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
