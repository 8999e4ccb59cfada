/** A ticket that a person pastes, or a program writes, on standard input. */
import { RcopyError } from "../../base/errors.ts";
import { orAborted } from "../../base/interrupt.ts";
import { decodeTicket } from "../../security/anchor/ticket.ts";
import type { Console } from "../report/console.ts";

/** No ticket is longer, nor a line that holds one. */
const textBytesMax = 8192;

/** Where the ticket comes from. */
export interface TicketInput {
  console: Pick<Console, "error">;
  /** Ends the wait with its reason. */
  signal: AbortSignal;
  /** Standard input, unless told otherwise. */
  stdin?: { isTerminal(): boolean; read(target: Uint8Array): Promise<number | null> };
}

/**
 * Reads until there is a whole ticket, however it was pasted. Reading does not block the thread, so that signals end it.
 * @throws {RcopyError} `usage` where nothing comes; the reason of the signal
 */
export async function readTicket({ console, signal, stdin = Deno.stdin }: TicketInput): Promise<string> {
  const isAsked = stdin.isTerminal();
  if (isAsked) console.error("rcopy: paste the ticket, or the line that it is in, and press Enter: ");
  const bytes = new Uint8Array(textBytesMax);
  let length = 0;
  for (;;) {
    const count = await orAborted(stdin.read(bytes.subarray(length)), signal);
    const chunk = new TextDecoder().decode(bytes.subarray(length, length + (count ?? 0)));
    length += count ?? 0;
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    const ticket = ticketIn(text);
    if (ticket !== undefined) return ticket;
    const isOver = count === null || length === bytes.length || isAsked && chunk.trim() === "";
    if (!isOver) {
      if (isAsked) console.error("rcopy: that is no whole ticket yet; paste the rest, or press Enter: ");
      continue;
    }
    if (text.trim() !== "") return text.trim();
    throw new RcopyError("usage", "there is no ticket on standard input; paste it, and end the line");
  }
}

/**
 * The ticket in a text: with a prompt or a command before it and DEST behind it, in quotes, or wrapped over lines. Its
 * checksum says where it ends. `undefined` where there is no whole one.
 */
export function ticketIn(text: string): string | undefined {
  const begin = /rcopy1(?=[a-z2-7])/i.exec(text);
  if (!begin) return undefined;
  let ticket = begin[0];
  for (const part of text.slice(begin.index + ticket.length).split(/[^a-z2-7]+/i)) {
    ticket += part;
    try {
      decodeTicket(ticket);
      return ticket;
    } catch {
      // There is more of it on the next line, or it is mistyped.
    }
  }
  return undefined;
}
