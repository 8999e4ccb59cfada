/** Where a command line has its ticket: as an argument, on standard input, in the environment. */
import { RcopyError } from "../../base/errors.ts";
import { looksLikeTicket } from "../../security/anchor/ticket_word.ts";
import type { Reporter } from "../report/reporter.ts";

/** Name of the variable that may hold the ticket. */
export const ticketVariable = "RCOPY_TICKET";
/** No ticket is longer. */
const lineBytesMax = 8192;

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

/** Takes the ticket from the front of the arguments, or from where they point to. @throws {RcopyError} `usage` */
export function takeTicket(args: readonly string[]): TicketArgument {
  const [first, ...rest] = args;
  if (first === "-") return { ticket: readLine(), rest, from: "input" };
  if (first !== undefined && isMeantAsTicket(first)) return { ticket: first, rest, from: "argument" };
  const ticket = fromEnvironment();
  return { ticket, rest: [...args], from: ticket === undefined ? undefined : "environment" };
}

/** The ticket that an option names: itself, or `-` for standard input. @throws {RcopyError} `usage` */
export function ticketOf(value: string): { ticket: string; from: "argument" | "input" } {
  return value === "-" ? { ticket: readLine(), from: "input" } : { ticket: value, from: "argument" };
}

/** Anything that begins like a ticket and is no path that one would name. */
export function isMeantAsTicket(word: string): boolean {
  return looksLikeTicket(word) || /^rcopy1[a-z2-7]{8,}$/i.test(word);
}

function fromEnvironment(): string | undefined {
  const isReadable =
    Deno.permissions.querySync({ name: "env", variable: ticketVariable }).state === "granted";
  const value = isReadable ? Deno.env.get(ticketVariable) : undefined;
  return value === "" ? undefined : value;
}

/** The first line of standard input. */
function readLine(): string {
  const bytes = new Uint8Array(lineBytesMax);
  let length = 0;
  while (length < bytes.length) {
    const count = Deno.stdin.readSync(bytes.subarray(length));
    if (!count) break;
    const end = bytes.subarray(length, length + count).indexOf(0x0a);
    if (end >= 0) return new TextDecoder().decode(bytes.subarray(0, length + end)).trim();
    length += count;
  }
  const line = new TextDecoder().decode(bytes.subarray(0, length)).trim();
  if (line === "") {
    throw new RcopyError("usage", "there is no ticket on standard input; paste it, and end the line");
  }
  return line;
}
