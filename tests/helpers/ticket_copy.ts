/** Copies over a secure channel, by the real program twice. */
import type { PeerAddress } from "../../src/mod.ts";
import { decodeTicket, encodeTicket, type Ticket } from "../../src/security/anchor/ticket.ts";
import { type RcopyOptions, RcopyProcess } from "./rcopy_process.ts";

/** Starts `rcopy send` on loopback and waits for its ticket. The caller disposes of it. */
export async function startTicketSender(
  args: readonly string[],
  options: RcopyOptions = {},
): Promise<{ sender: RcopyProcess; ticket: string; port: number; line: string }> {
  const sender = new RcopyProcess(["send", "-l", "-p", "0", ...args], options);
  try {
    const [line, ticket] = await sender.stdoutMatch(/rcopy receive (rcopy1[a-z2-7]+) .*(?=\n)/);
    return { sender, ticket: ticket!, port: decodeTicket(ticket!).port, line };
  } catch (error) {
    await sender[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same ticket with something else in it. */
export function changedTicket(ticket: string, change: Partial<Ticket>): string {
  return encodeTicket({ ...decodeTicket(ticket), ...change });
}

/** The same ticket that leads to one address only. */
export function ticketTo(ticket: string, { host, port }: PeerAddress): string {
  return changedTicket(ticket, { port, addresses: [{ host, port }] });
}

/** Every form in which a ticket or its secret could turn up in a text. */
export function secretForms(ticket: string): string[] {
  const { secret } = decodeTicket(ticket);
  // The secret stands in the middle of the ticket: any dozen characters of that part give it away.
  const middle = ticket.slice(62, 84);
  return [
    ticket.slice(6),
    middle,
    middle.toUpperCase(),
    secret.toHex(),
    secret.toBase64(),
    secret.join(", "),
  ];
}
