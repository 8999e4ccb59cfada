/**
 * The peers that a listener has let in, and which of them may come back. A guest that was lost keeps its transfer for a
 * while. It comes back by the secret of its first session and the proof that it gave there; then what is left of its old
 * session ends at once. Anybody else with a proof is a newcomer: it gets a free place, or that of a guest that is silent.
 */
import { equalInConstantTime } from "../base/constant_time.ts";
import type { RcopyError } from "../base/errors.ts";
import { tokenBytes } from "../wire/limits.ts";
import type { Session } from "./side.ts";
import { Transfer } from "./session/transfer.ts";

/** How long a guest has to answer before a newcomer gets its place; well within the time of a handshake. */
const answerMs = 3_000;

/** What a peer that comes in shows. */
export interface Arrival {
  /** Of the session that it lost; empty at first. */
  returnSecret: Uint8Array;
  /** Its key, if it proved itself by signature. */
  publicKey: Uint8Array | undefined;
}

/** A session of a guest. */
export interface Begun {
  /** Absent while the guest is away. */
  session: Session | undefined;
  /** Resolves when the session is over, and everything of it released. */
  over: Promise<void>;
}

export interface Guest extends Begun {
  readonly transfer: Transfer;
  /** By which it comes back. */
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly publicKey: Uint8Array | undefined;
  /** The session is ended on purpose: the guest has another one, or a newcomer has its place. */
  isReplaced: boolean;
  /** Ends the time in which it may come back. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

export interface GuestsOptions {
  /** Sessions at a time. */
  placesMax: number;
  /** How long a guest that was lost may stay away. */
  patienceMs: number;
  /** Why there is no place. */
  busy: () => RcopyError;
}

export class Guests {
  readonly #options: GuestsOptions;
  readonly #guests = new Set<Guest>();
  #isOver = false;
  #count = 0;
  /** Places are given to one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: GuestsOptions) {
    this.#options = options;
  }

  /**
   * Gives a peer its place, and has `begin` start its session there, at once; what that throws, takes the place away.
   * @throws {RcopyError} `busy`; whatever `begin` throws
   */
  async admit(arrival: Arrival, begin: (guest: Guest, hasReturned: boolean) => Begun): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      const known = this.#find(arrival);
      const guest = known ? await this.#takeBack(known) : await this.#takeNew(arrival);
      this.#guests.add(guest);
      try {
        Object.assign(guest, begin(guest, known !== undefined), { isReplaced: false });
      } catch (error) {
        this.leave(guest);
        throw error;
      }
    } finally {
      resolve();
    }
  }

  async #takeBack(guest: Guest): Promise<Guest> {
    clearTimeout(guest.timer);
    await this.#replace(guest, "its peer came back over another connection");
    clearTimeout(guest.timer);
    return guest;
  }

  async #takeNew(arrival: Arrival): Promise<Guest> {
    await this.#makeRoom();
    return {
      transfer: new Transfer(++this.#count),
      secret: crypto.getRandomValues(new Uint8Array(tokenBytes)),
      publicKey: arrival.publicKey,
      session: undefined,
      over: Promise.resolve(),
      isReplaced: false,
      timer: undefined,
    };
  }

  /** The session of a guest was lost: it may come back within `atLeastMs` or the patience, until `onGone` is called. */
  awaitReturn(guest: Guest, onGone: () => void, atLeastMs = 0): void {
    guest.session = undefined;
    if (this.#isOver) return;
    guest.timer = setTimeout(() => {
      this.leave(guest);
      onGone();
    }, Math.max(this.#options.patienceMs, atLeastMs));
  }

  /** A guest is gone for good. */
  leave(guest: Guest): void {
    clearTimeout(guest.timer);
    guest.session = undefined;
    this.#guests.delete(guest);
  }

  /** Nobody comes back any more. */
  end(): void {
    this.#isOver = true;
    for (const guest of this.#guests) clearTimeout(guest.timer);
    this.#guests.clear();
  }

  #find({ returnSecret, publicKey }: Arrival): Guest | undefined {
    let found: Guest | undefined;
    for (const guest of this.#guests) {
      const isSameSecret = returnSecret.length === tokenBytes &&
        equalInConstantTime(guest.secret, returnSecret);
      if (isSameSecret && isSameKey(guest.publicKey, publicKey)) found = guest;
    }
    return found;
  }

  async #replace(guest: Guest, why: string): Promise<void> {
    guest.isReplaced = true;
    guest.session?.abandon(why);
    await guest.over;
  }

  /** Gives up whoever is away, and whoever does not answer, if there is no place else. @throws {RcopyError} `busy` */
  async #makeRoom(): Promise<void> {
    const { placesMax, busy } = this.#options;
    if (this.#guests.size < placesMax) return;
    const away = this.#guests.values().find(({ session }) => !session);
    if (away) return this.leave(away);
    if (placesMax > 1) throw busy();
    const [only] = this.#guests;
    if (await only!.session?.answersWithin(answerMs)) throw busy();
    await this.#replace(only!, "its peer did not answer, and another came");
    this.leave(only!);
  }
}

function isSameKey(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (!a || !b) return a === b;
  return a.length === b.length && equalInConstantTime(a, b);
}
