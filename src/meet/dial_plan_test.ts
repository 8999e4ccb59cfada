/** Which options lead to a plan, and to which. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { withVariables } from "../../tests/helpers/environment.ts";
import { RcopyError } from "../base/errors.ts";
import { plainTransport } from "../net/transport.ts";
import { inviteByTicket } from "./by_ticket.ts";
import { type DialPlanOptions, planDial, requireDialable } from "./dial_plan.ts";

const ticketOf = async (addresses: { host: string; port: number }[]) =>
  (await inviteByTicket()).ticketFor(3120, addresses)!;
const ticket = await ticketOf([{ host: "192.0.2.9", port: 3120 }]);
const address = { host: "192.0.2.7", port: 3120 };
const options: DialPlanOptions = {
  addresses: [],
  ticket: undefined,
  insecure: false,
  auth: "auto",
  peer: "sender",
  onNote: () => {},
  signal: new AbortController().signal,
};
/** Without settings of this machine that weaken a pin. */
const trusting = { DENO_CERT: undefined, NODE_EXTRA_CA_CERTS: undefined, DENO_TLS_CA_STORE: undefined };

const combinations: [what: string, given: Partial<DialPlanOptions>, refusal: RegExp | undefined][] = [
  ["a ticket", { ticket }, undefined],
  ["a ticket and an address", { ticket, addresses: [address] }, undefined],
  ["a ticket with --auth ticket", { ticket, auth: "ticket" }, undefined],
  ["an address", { addresses: [address] }, undefined],
  ["an address with --auth ssh", { addresses: [address], auth: "ssh" }, undefined],
  ["an address with --insecure", { addresses: [address], insecure: true }, undefined],
  ["a ticket that is mistyped", { ticket: `${ticket}a` }, /mistyped/],
  ["a ticket with --insecure", { ticket, insecure: true }, /a ticket opens a secure channel/],
  ["a ticket with --auth ssh", { ticket, auth: "ssh" }, /--auth ssh takes no ticket/],
  [
    "an address with --auth ticket",
    { addresses: [address], auth: "ticket" },
    /receive needs the ticket that rcopy send/,
  ],
  ["nothing", {}, /receive needs the ticket that rcopy send printed, or -a HOST:PORT/],
  [
    "nothing, for a sender",
    { peer: "receiver" },
    /send needs the ticket that rcopy receive --listen printed/,
  ],
];
for (const [what, given, refusal] of combinations) {
  Deno.test(`${what} ${refusal ? "leads to no plan" : "may lead to a plan"}`, async () => {
    if (!refusal) return await requireDialable({ ...options, ...given });
    const error = await assertRejects(() => requireDialable({ ...options, ...given }), RcopyError);
    assertEquals(error.code, "usage");
    assertMatch(error.message, refusal);
  });
}

Deno.test("planDial() with --insecure is plain, without a credential", async () => {
  assertEquals(await planDial({ ...options, addresses: [address], insecure: true }), {
    addresses: [address],
    transport: plainTransport,
  });
  const error = await assertRejects(() => planDial({ ...options, insecure: true }), RcopyError);
  assertMatch(error.message, /there is no sender to connect to/);
});

Deno.test("planDial() with a ticket tries the named addresses before the ticket's", () =>
  withVariables(trusting, async () => {
    const { addresses, transport, credential } = await planDial({ ...options, ticket, addresses: [address] });
    assertEquals(addresses, [address, { host: "192.0.2.9", port: 3120 }]);
    assertEquals([transport.kind, credential?.method], ["tls", "ticket"]);
  }));

Deno.test("planDial() refuses a ticket without an address, if none is named", () =>
  withVariables(trusting, async () => {
    const bare = await ticketOf([]);
    const error = await assertRejects(() => planDial({ ...options, ticket: bare }), RcopyError);
    assertMatch(error.message, /the ticket names no address; name the sender's with -a HOST:PORT/);
    assertEquals((await planDial({ ...options, ticket: bare, addresses: [address] })).addresses, [address]);
  }));

const weakening = [
  { DENO_CERT: "/some/ca.pem" },
  { NODE_EXTRA_CA_CERTS: "/some/ca.pem" },
  { DENO_TLS_CA_STORE: "mozilla, system" },
];
for (const variables of weakening) {
  const [name] = Object.keys(variables);
  Deno.test(`planDial() refuses to pin a key where ${name} makes Deno trust others`, () =>
    withVariables({ ...trusting, ...variables }, async () => {
      for (const given of [{ ticket }, { addresses: [address] }]) {
        const error = await assertRejects(() => planDial({ ...options, ...given }), RcopyError);
        assertEquals(error.code, "refused");
        assertMatch(error.message, new RegExp(`the environment variable ${name} makes Deno trust others`));
      }
    }));
}

Deno.test("planDial() takes an empty variable, and a store without the system's, for none", () =>
  withVariables({ DENO_CERT: "", NODE_EXTRA_CA_CERTS: "", DENO_TLS_CA_STORE: "mozilla" }, async () => {
    assertEquals((await planDial({ ...options, ticket })).transport.kind, "tls");
  }));

Deno.test({
  name: "planDial() says what it may not look at, and goes on",
  permissions: { env: ["DENO_CERT"] },
  fn: async () => {
    const notes: string[] = [];
    await planDial({ ...options, ticket, onNote: (note) => void notes.push(note) });
    assertEquals(notes.length, 2);
    assertMatch(notes[0]!, /without --allow-env=NODE_EXTRA_CA_CERTS,DENO_TLS_CA_STORE/);
    assertMatch(notes[1]!, /without --allow-net=127\.0\.0\.1/);
  },
});
