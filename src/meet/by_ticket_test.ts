/** An invitation, and the plan that its ticket gives: they open the same channel, and no other one. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { dialOne } from "../net/dial.ts";
import { listenForPeers } from "../net/listen.ts";
import { type Invitation, inviteByTicket, planDialByTicket, ticketInvitation } from "./by_ticket.ts";

const never = new AbortController().signal;

/** Dials a listener of `invitation` by the ticket of `other`; whether TLS lets it. */
async function isMet(invitation: Invitation, other: Invitation): Promise<boolean> {
  using listener = listenForPeers({ port: 0, local: true }, invitation.transport);
  const accepted = (async () => {
    const channel = await listener.accept();
    await channel!.read(new Uint8Array(1)).catch(() => {}); // The handshake is made by the first read.
    channel!.close();
  })();
  const plan = await planDialByTicket(other.ticketFor(listener.port, [])!);
  try {
    const address = { host: "127.0.0.1", port: listener.port };
    const channel = await dialOne(address, { transport: plan.transport, signal: never });
    channel.close();
    return true;
  } catch (error) {
    assert(error instanceof RcopyError && error.code === "refused", String(error));
    return false;
  } finally {
    await accepted;
  }
}

Deno.test("the ticket of an invitation gives its secret, its addresses, and a channel to it alone", async () => {
  const [invitation, other] = [await inviteByTicket(), await inviteByTicket()];
  const addresses = [{ host: "192.0.2.7", port: 9 }, { host: "2001:db8::1", port: 3120 }];
  const plan = await planDialByTicket(invitation.ticketFor(3120, addresses)!);
  assertEquals(plan.addresses, addresses);
  assertEquals(plan.credential, { method: "ticket", secret: invitation.verifier.secret! });
  assertNotEquals(invitation.verifier.secret, other.verifier.secret);
  assert(await isMet(invitation, invitation));
  assert(!await isMet(invitation, other));
});

Deno.test("two invitations under one anchor differ in their secret alone", async () => {
  const first = await inviteByTicket();
  const { transport } = await planDialByTicket(first.ticketFor(1, [])!);
  const anchor = crypto.getRandomValues(new Uint8Array(32));
  const head = Uint8Array.fromHex("302a300506032b6570032100");
  const spki = Uint8Array.of(...head, ...anchor);
  const [one, two] = [0, 1].map(() => ticketInvitation(spki, first.transport));
  const plans = await Promise.all([one!, two!].map((it) => planDialByTicket(it.ticketFor(1, [])!)));
  assertEquals(plans[0]!.transport, plans[1]!.transport);
  assertNotEquals(plans[0]!.transport, transport);
  assertNotEquals(plans[0]!.credential, plans[1]!.credential);
  assertEquals(one!.transport, first.transport);
});

Deno.test("a ticket that is mistyped is a mistake in usage", async () => {
  const ticket = (await inviteByTicket()).ticketFor(3120, [])!;
  const wrong = ticket.slice(0, -1) + (ticket.endsWith("a") ? "b" : "a");
  assertEquals((await assertRejects(() => planDialByTicket(wrong), RcopyError)).code, "usage");
});
