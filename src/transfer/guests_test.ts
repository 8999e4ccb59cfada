/** Who gets a place at a listener, who comes back to one, and who is told that there is none. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { type Arrival, type Guest, Guests } from "./guests.ts";
import type { Session } from "./side.ts";

/** A session whose peer answers, or does not; it is over when it is abandoned. */
class Standing {
  abandoned: string | undefined;
  readonly over: Promise<void>;
  readonly session: Session;
  readonly end: () => void;

  constructor(answers = true) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.end = resolve;
    this.session = {
      answersWithin: () => Promise.resolve(answers),
      abandon: (why: string) => {
        this.abandoned = why;
        this.end();
      },
    } as Partial<Session> as Session;
  }
}

const newcomer: Arrival = { returnSecret: new Uint8Array(0), publicKey: undefined };

function guestsOf(placesMax: number, patienceMs = 60_000): Guests {
  return new Guests({ placesMax, patienceMs, busy: () => new RcopyError("busy", "no place") });
}

async function admit(
  guests: Guests,
  arrival: Arrival,
  standing = new Standing(),
): Promise<{ guest: Guest; hasReturned: boolean; standing: Standing }> {
  let got: { guest: Guest; hasReturned: boolean } | undefined;
  await guests.admit(arrival, (guest, hasReturned) => {
    got = { guest, hasReturned };
    return { session: standing.session, over: standing.over };
  });
  return { ...got!, standing };
}

/** The session of a guest is lost by itself. */
function lose(
  guests: Guests,
  { guest, standing }: { guest: Guest; standing: Standing },
  onGone: () => void = () => {},
): void {
  standing.end();
  guests.awaitReturn(guest, onGone);
}

const back = (guest: Guest): Arrival => ({ returnSecret: guest.secret, publicKey: guest.publicKey });

async function assertBusy(promise: Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(() => promise, RcopyError)).code, "busy");
}

Deno.test("a second peer is told that the place is taken, while the first answers", async () => {
  const guests = guestsOf(1);
  const first = await admit(guests, newcomer);
  await assertBusy(admit(guests, newcomer));
  assertEquals(first.standing.abandoned, undefined);
  guests.end();
});

Deno.test("a peer that does not answer loses its place to another, once its session is over", async () => {
  const guests = guestsOf(1);
  const silent = await admit(guests, newcomer, new Standing(false));
  const next = await admit(guests, newcomer);
  assert(silent.standing.abandoned?.includes("did not answer"));
  assert(silent.guest.isReplaced && !next.guest.isReplaced && !next.hasReturned);
  // What it was given serves no more.
  await assertBusy(admit(guests, back(silent.guest)));
  guests.end();
});

Deno.test("a peer comes back by its secret, to its own transfer, and what is left of its session ends", async () => {
  const guests = guestsOf(1);
  const first = await admit(guests, newcomer);
  const again = await admit(guests, back(first.guest));
  assert(again.hasReturned && again.guest === first.guest);
  assert(first.standing.abandoned?.includes("came back"));
  lose(guests, again);
  const third = await admit(guests, back(first.guest));
  assert(third.hasReturned && third.guest.transfer === first.guest.transfer);
  guests.end();
});

Deno.test("a wrong secret, a part of one, and the right one with another key, are those of a newcomer", async () => {
  const guests = guestsOf(1);
  const key = new Uint8Array(51).fill(7);
  const { guest } = await admit(guests, { ...newcomer, publicKey: key });
  const wrong: Arrival[] = [
    { returnSecret: crypto.getRandomValues(new Uint8Array(16)), publicKey: key },
    { returnSecret: new Uint8Array(16), publicKey: key },
    { returnSecret: guest.secret.slice(0, 15), publicKey: key },
    { returnSecret: guest.secret, publicKey: undefined },
    { returnSecret: guest.secret, publicKey: new Uint8Array(51).fill(8) },
    { returnSecret: guest.secret, publicKey: key.slice(0, 50) },
  ];
  for (const arrival of wrong) await assertBusy(admit(guests, arrival));
  assert((await admit(guests, { returnSecret: guest.secret, publicKey: key })).hasReturned);
  guests.end();
});

Deno.test("a newcomer gets the place of a peer that is away, which cannot come back then", async () => {
  const guests = guestsOf(1);
  const first = await admit(guests, newcomer);
  const { guest } = first;
  lose(guests, first, () => {
    throw new Error("it is not waited for any more");
  });
  const next = await admit(guests, newcomer);
  assert(!next.hasReturned && next.guest.transfer !== guest.transfer);
  await assertBusy(admit(guests, back(guest)));
  guests.end();
});

Deno.test("with more places, peers that are away give theirs up only when all are taken", async () => {
  const guests = guestsOf(2);
  const first = await admit(guests, newcomer);
  lose(guests, first);
  const second = await admit(guests, newcomer);
  assert((await admit(guests, back(first.guest))).hasReturned);
  await assertBusy(admit(guests, newcomer));
  lose(guests, second);
  assert(!(await admit(guests, newcomer)).hasReturned);
  await assertBusy(admit(guests, back(second.guest)));
  guests.end();
});

Deno.test("a peer that stays away too long is gone, and its secret with it", async () => {
  const guests = guestsOf(2, 1);
  const first = await admit(guests, newcomer);
  const { guest } = first;
  const gone = Promise.withResolvers<void>();
  lose(guests, first, gone.resolve);
  await gone.promise;
  assert(!(await admit(guests, back(guest))).hasReturned);
  guests.end();
});

Deno.test("a session that cannot begin leaves its place", async () => {
  const guests = guestsOf(1);
  const full = new RcopyError("no-space", "the disk is full");
  assertEquals(
    await assertRejects(() =>
      guests.admit(newcomer, () => {
        throw full;
      })
    ),
    full,
  );
  await admit(guests, newcomer);
  guests.end();
});

Deno.test("peers that come at the same moment get places one after the other", async () => {
  const guests = guestsOf(1);
  const all = await Promise.allSettled([1, 2, 3].map(() => admit(guests, newcomer)));
  assertEquals(all.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  guests.end();
  // Nobody is waited for once it is over.
  const [first] = all;
  if (first!.status === "fulfilled") lose(guests, first!.value);
});
