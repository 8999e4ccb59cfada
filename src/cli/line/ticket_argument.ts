/** Where a command line has its ticket: as an argument, on standard input, in the environment. */
import { looksLikeTicket } from "../../security/anchor/ticket_word.ts";
import type { Reporter } from "../report/reporter.ts";

/** Name of the variable that may hold the ticket. */
export const ticketVariable = "RCOPY_TICKET";

/** Said when the ticket stands where other users of the machine see it. */
const argumentNote =
  "while this runs, the list of processes shows the ticket to every user of this machine; to keep it to yourself, write - " +
  "in its place and paste it when rcopy runs";

export function noteOnArgument(reporter: Pick<Reporter, "onEvent">): void {
  reporter.onEvent({ type: "note", level: "info", message: argumentNote });
}

/** The ticket of a command line, and the arguments that are left. */
export interface TicketArgument {
  ticket: string | undefined;
  rest: string[];
  from: "argument" | "input" | "environment" | undefined;
}

/** Reads the ticket that `-` stands for. @throws {RcopyError} `usage` */
export type TicketReader = () => Promise<string>;

/** Takes the ticket from the front of the arguments, or from where they point to. @throws what `read` throws */
export async function takeTicket(args: readonly string[], read: TicketReader): Promise<TicketArgument> {
  const [first, ...rest] = args;
  return first === "-" ? { ticket: await read(), rest, from: "input" } : knownTicket(args);
}

/** The ticket, where it is not read from standard input. */
export function knownTicket(args: readonly string[]): TicketArgument {
  const [first, ...rest] = args;
  if (first !== undefined && isMeantAsTicket(first)) return { ticket: first, rest, from: "argument" };
  const ticket = fromEnvironment();
  return { ticket, rest: [...args], from: ticket === undefined ? undefined : "environment" };
}

/** The ticket that an option names: itself, or `-` for standard input. @throws what `read` throws */
export async function ticketOf(
  value: string,
  read: TicketReader,
): Promise<{ ticket: string; from: "argument" | "input" }> {
  return value === "-" ? { ticket: await read(), from: "input" } : { ticket: value, from: "argument" };
}

/** Anything that begins like a ticket and is no path that one would name. */
export function isMeantAsTicket(word: string): boolean {
  return looksLikeTicket(word) || /^rcopy1[a-z0-9]{2,}$/i.test(word);
}

function fromEnvironment(): string | undefined {
  const isReadable =
    Deno.permissions.querySync({ name: "env", variable: ticketVariable }).state === "granted";
  const value = isReadable ? Deno.env.get(ticketVariable) : undefined;
  return value === "" ? undefined : value;
}
