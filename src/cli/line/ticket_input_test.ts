import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { encodeTicket } from "../../security/anchor/ticket.ts";
import { readTicket, ticketIn } from "./ticket_input.ts";
import { isMeantAsTicket } from "./ticket_argument.ts";

const ticket = encodeTicket({
  anchor: new Uint8Array([
    ...[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
    ...new Uint8Array(32).fill(5),
  ]),
  secret: new Uint8Array(16).fill(9),
  port: 3120,
  addresses: [{ host: "192.0.2.7", port: 3120 }],
});

/** Standard input that gives these chunks, and then nothing, or its end. */
function input(chunks: string[], { isTerminal = false, ends = true } = {}) {
  const left = chunks.map((chunk) => new TextEncoder().encode(chunk));
  return {
    isTerminal: () => isTerminal,
    read(target: Uint8Array): Promise<number | null> {
      const chunk = left.shift();
      if (!chunk) return ends ? Promise.resolve(null) : new Promise(() => {});
      target.set(chunk);
      return Promise.resolve(chunk.length);
    },
  };
}

function reading(stdin: ReturnType<typeof input>, signal = new AbortController().signal) {
  const said: string[] = [];
  const console = { error: (text: string) => void said.push(text) };
  return { said, read: () => readTicket({ console, signal, stdin }) };
}

const pasted = [
  ticket,
  ticket.toUpperCase(),
  `$ rcopy receive ${ticket} photos`,
  `'${ticket}'`,
  `"rcopy receive ${ticket} ."`,
  `> rcopy send --to ${ticket} PATH...`,
  `${ticket.slice(0, 60)}\n${ticket.slice(60, 100)}\r\n    ${ticket.slice(100)}`,
];
for (const text of pasted) {
  Deno.test(`ticketIn() finds the ticket in ${text.replaceAll(ticket, "TICKET").slice(0, 40)}`, () => {
    assertEquals(ticketIn(text)?.toLowerCase(), ticket);
  });
}

Deno.test("ticketIn() finds none that is cut off, mistyped or absent", () => {
  const other = ticket[30] === "a" ? "b" : "a";
  for (
    const text of [
      "",
      "rcopy1",
      "photos",
      ticket.slice(0, -1),
      ticket.slice(0, 30) + other + ticket.slice(31),
    ]
  ) {
    assertEquals(ticketIn(text), undefined);
  }
});

Deno.test("readTicket() asks only at a terminal, and waits there for the rest of a wrapped ticket", async () => {
  const piped = reading(input([`${ticket.slice(0, 50)}`, `${ticket.slice(50)}\n`]));
  assertEquals([await piped.read(), piped.said], [ticket, []]);
  const typed = reading(
    input([`${ticket.slice(0, 50)}\n`, `${ticket.slice(50)}\n`], { isTerminal: true, ends: false }),
  );
  assertEquals(await typed.read(), ticket);
  assertEquals(typed.said.length, 2);
  assertMatch(typed.said[0]!, /paste the ticket/);
  assertMatch(typed.said[1]!, /no whole ticket yet/);
});

Deno.test("readTicket() gives what is no ticket to whoever says what is wrong with it, and refuses nothing at all", async () => {
  assertEquals(await reading(input(["rcopy1abc\n"])).read(), "rcopy1abc");
  assertEquals(await reading(input(["what?\n", "\n"], { isTerminal: true, ends: false })).read(), "what?");
  const error = await assertRejects(() => reading(input(["\n"])).read(), RcopyError);
  assertEquals(error.code, "usage");
});

Deno.test("readTicket() ends with the signal", async () => {
  const interrupted = new RcopyError("interrupted", "enough");
  const controller = new AbortController();
  const waiting = reading(input([], { ends: false }), controller.signal).read();
  controller.abort(interrupted);
  assertEquals(await assertRejects(() => waiting), interrupted);
});

Deno.test("a piece of a ticket is meant as a ticket, however short, and a name is not", () => {
  for (const word of ["rcopy1aaaa", "rcopy1aeahq3", "RCOPY1AE", "rcopy1ae0"]) {
    assertEquals(isMeantAsTicket(word), true);
  }
  for (const word of ["rcopy1", "rcopy", "rcopy1.tar", "./rcopy1aaaa", "photos"]) {
    assertEquals(isMeantAsTicket(word), false, word);
  }
});
